import { assertEquals } from "@std/assert";
import { decodeBase64, encodeBase64 } from "../../lib/smtp/base64.ts";
import { octets, seeded } from "./wire.ts";

Deno.test("base64 holds the test vectors of RFC 4648", () => {
  const table: [plain: string, encoded: string][] = [
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
    ["fooba", "Zm9vYmE="],
    ["foobar", "Zm9vYmFy"],
    ["\xff\xfe\x00", "//4A"],
  ];
  for (const [plain, encoded] of table) {
    assertEquals(encodeBase64(octets(plain)), encoded);
    assertEquals(decodeBase64(encoded), octets(plain));
  }
});

Deno.test("base64 gives back every octet", () => {
  const random = seeded(3);
  for (let length = 0; length < 300; length++) {
    const plain = Uint8Array.from({ length }, () => random(256));
    assertEquals(decodeBase64(encodeBase64(plain)), plain);
  }
});

Deno.test("base64 reads nothing that it would not write", () => {
  for (
    const text of [
      "=",
      "Zg",
      "Zg=",
      "Zg===",
      "Zh==",
      "Zm9=",
      "Zm8",
      "Z",
      " Zg==",
      "Zg== ",
      "Zg==\n",
      "Zm 8=",
      "Zm9v-_==",
      "Zm9v=Zm9",
      "Zg==Zg==",
      "____",
      "\u212aZm8",
      "*",
    ]
  ) assertEquals(decodeBase64(text), undefined, text);
});
