/** The search for passwords finds them. */
import { assertEquals, assertThrows } from "@std/assert";
import { assertNoCanaryBelow, canariesIn, PASSWORD, WRONG_PASSWORD } from "./canaries.ts";
import { temporaryDirectory } from "./smtpd.ts";

Deno.test("search for passwords finds them as they are and in base64, wherever they stand there", () => {
  const texts = [
    PASSWORD,
    `{"error":"bad ${WRONG_PASSWORD}"}`,
    btoa(PASSWORD),
    ...["a", "jo", "joe", "jane"].map((name) => btoa(`\0${name}\0${PASSWORD}`)),
    btoa(`${PASSWORD}\n`),
  ];
  for (const text of texts) assertEquals(canariesIn(text).length, 1, text);
  assertEquals(canariesIn(btoa("\0joe\0another password that is not a canary")), []);
});

Deno.test("search for passwords finds them in files that are not text, in directories below", () => {
  using directory = temporaryDirectory();
  Deno.mkdirSync(`${directory.path}/a/b`, { recursive: true });
  assertThrows(() => assertNoCanaryBelow(directory.path), Error, "nothing is in");
  const file = `${directory.path}/a/b/queue.db`;
  const around = new Uint8Array([0xff, 0x00, 0xc3, 0x80]);
  Deno.writeFileSync(file, around);
  assertNoCanaryBelow(directory.path);
  Deno.writeFileSync(
    file,
    new Uint8Array([...around, ...new TextEncoder().encode(PASSWORD), ...around]),
  );
  assertThrows(() => assertNoCanaryBelow(directory.path), Error, file);
});
