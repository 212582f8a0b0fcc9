import { assertEquals } from "@std/assert";
import { policyIdOf } from "../../../lib/relay/mta_sts/record.ts";

const table: [name: string, records: string[], id: string | undefined][] = [
  ["the record of the RFC", ["v=STSv1; id=20160831085700Z;"], "20160831085700Z"],
  ["no delimiter at the end", ["v=STSv1; id=a"], "a"],
  ["no space", ["v=STSv1;id=a;"], "a"],
  ["space around delimiters", ["v=STSv1; \t id=a \t; \t"], "a"],
  ["the longest id", [`v=STSv1; id=${"a".repeat(32)}`], "a".repeat(32)],
  ["a field before the id", ["v=STSv1; x.y-z_1=a:b; id=a"], "a"],
  ["a field behind the id", ["v=STSv1; id=a; x=y;"], "a"],
  ["the first id counts", ["v=STSv1; id=a; id=b"], "a"],
  ["a version that is there twice", ["v=STSv1; id=a; v=STSv1"], "a"],
  ["other records beside it", ["v=spf1 -all", "v=STSv1; id=a", "v=STSv2; id=b", ""], "a"],
  ["a version that only begins so", ["v=STSv1; id=a", "v=STSv11; id=b"], "a"],
  ["none", [], undefined],
  ["none of that kind", ["v=spf1 -all"], undefined],
  ["two", ["v=STSv1; id=a", "v=STSv1; id=a"], undefined],
  ["two of which one is malformed", ["v=STSv1; id=a", "v=STSv1;"], undefined],
  ["no id", ["v=STSv1; x=y"], undefined],
  ["nothing but the version", ["v=STSv1;"], undefined],
  ["an empty id", ["v=STSv1; id=;"], undefined],
  ["an id that is too long", [`v=STSv1; id=${"a".repeat(33)}`], undefined],
  ["an id with a hyphen", ["v=STSv1; id=a-b"], undefined],
  ["a bad id before a good one", ["v=STSv1; id=a-b; id=c"], undefined],
  ["space before the first delimiter", ["v=STSv1 ; id=a"], undefined],
  ["space before the version", [" v=STSv1; id=a"], undefined],
  ["space round the sign", ["v=STSv1; id =a"], undefined],
  ["the version in other case", ["V=STSv1; id=a"], undefined],
  ["the version not first", ["id=a; v=STSv1;"], undefined],
  ["id in other case is another field", ["v=STSv1; ID=a"], undefined],
  ["an empty field", ["v=STSv1;; id=a"], undefined],
  ["two delimiters at the end", ["v=STSv1; id=a;;"], undefined],
  ["a field without a sign", ["v=STSv1; id=a; x"], undefined],
  ["a field with two signs", ["v=STSv1; id=a; x=y=z"], undefined],
  ["a field with a space in it", ["v=STSv1; id=a; x=y z"], undefined],
  ["a field whose name is too long", [`v=STSv1; id=a; ${"x".repeat(33)}=y`], undefined],
  ["a line end behind it", ["v=STSv1; id=a\n"], undefined],
  ["a NUL", ["v=STSv1; id=a\0"], undefined],
];

Deno.test("the identifier of a policy is read from the one record that is well written", async (t) => {
  for (const [name, records, id] of table) {
    await t.step(name, () => assertEquals(policyIdOf(records), id));
  }
});

Deno.test("a long record is read in no more time than it is long", () => {
  const record = `v=STSv1; ${"x=y; \t".repeat(10_000)}id=a${" ".repeat(60_000)}`;
  const start = performance.now();
  assertEquals(policyIdOf([record]), "a");
  assertEquals(policyIdOf([`${record}x`]), undefined);
  assertEquals(performance.now() - start < 1_000, true);
});
