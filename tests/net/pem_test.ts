import { assertEquals } from "@std/assert";
import { certificatesIn, isCutOff, keysIn, pemBlocks } from "../../lib/net/pem.ts";

function block(label: string, body = "QQ=="): string {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----`;
}

Deno.test("PEM is taken apart, whatever stands between its parts", () => {
  const text = `a\r\n${block("EC PARAMETERS")}\n\n${block("EC PRIVATE KEY")} b ${
    block("CERTIFICATE", "Qg==")
  }${block("CERTIFICATE")}`;
  assertEquals(pemBlocks(text).map(({ label }) => label), [
    "EC PARAMETERS",
    "EC PRIVATE KEY",
    "CERTIFICATE",
    "CERTIFICATE",
  ]);
  assertEquals(certificatesIn(text), [block("CERTIFICATE", "Qg=="), block("CERTIFICATE")]);
  assertEquals(keysIn(text), [block("EC PRIVATE KEY")]);
  assertEquals(isCutOff(text), false);
});

Deno.test("a part of PEM that is cut off or ends as another is none", () => {
  const whole = block("CERTIFICATE");
  for (let end = whole.length - 1; end > "-----BEGIN ".length; end--) {
    assertEquals([pemBlocks(whole.slice(0, end)), isCutOff(whole.slice(0, end))], [[], true]);
  }
  const mixed = whole.replace("END CERTIFICATE", "END PRIVATE KEY");
  assertEquals([pemBlocks(mixed), isCutOff(mixed)], [[], true]);
  assertEquals([pemBlocks(""), isCutOff("")], [[], false]);
});

Deno.test("a megabyte of beginnings of PEM is read in no time", () => {
  const started = performance.now();
  const text = "-----BEGIN CERTIFICATE-----\n".repeat(40_000);
  assertEquals([pemBlocks(text).length, isCutOff(text)], [0, true]);
  assertEquals(performance.now() - started < 2_000, true);
});
