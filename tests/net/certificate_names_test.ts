import { assertEquals } from "@std/assert";
import type { X509Certificate } from "node:crypto";
import { fitOf, hostNamesOf } from "../../lib/net/certificate_names.ts";

Deno.test("only names of hosts are read of a certificate", () => {
  const table: [subjectAltName: string | undefined, names: string[]][] = [
    [undefined, []],
    ["", []],
    ["DNS:a.test", ["a.test"]],
    ["DNS:A.Test, IP Address:192.0.2.1, DNS:*.b.test, email:DNS:c.test", ["a.test", "*.b.test"]],
    // A name that would look like two stands in quotes.
    ['DNS:"a.test, DNS:b.test", DNS:c.test', ["c.test"]],
    ['DNS:"a.test", URI:http://x/, DNS:b', ["b"]],
  ];
  for (const [subjectAltName, names] of table) {
    assertEquals(hostNamesOf({ subjectAltName } as X509Certificate), names, subjectAltName);
  }
});

Deno.test("a wildcard stands for the first label alone", () => {
  const names = ["a.test", "*.b.test", "x.b.test", "*", "w*.c.test"];
  const table: [host: string, fit: "exact" | "wildcard" | undefined][] = [
    ["a.test", "exact"],
    ["A.TEST", "exact"],
    ["a.test.", undefined],
    ["x.a.test", undefined],
    ["x.b.test", "exact"],
    ["y.b.test", "wildcard"],
    ["b.test", undefined],
    ["y.x.b.test", undefined],
    [".b.test", undefined],
    ["www.c.test", undefined],
    ["localhost", undefined],
    ["", undefined],
  ];
  for (const [host, fit] of table) assertEquals(fitOf(names, host), fit, host);
});
