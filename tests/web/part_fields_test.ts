import { assertEquals } from "@std/assert";
import { partFields } from "../../lib/web/part_fields.ts";

const types: readonly (readonly [string, string, "inline" | "attachment"])[] = [
  ["image/png", "image/png", "inline"],
  ["image/jpeg", "image/jpeg", "inline"],
  ["image/gif", "image/gif", "inline"],
  ["image/webp", "image/webp", "inline"],
  ["text/plain", "text/plain", "attachment"],
  ["image/svg+xml", "application/octet-stream", "attachment"],
  ["text/html", "application/octet-stream", "attachment"],
  ["application/javascript", "application/octet-stream", "attachment"],
  ["image/png\r\nx: y", "application/octet-stream", "attachment"],
  ["", "application/octet-stream", "attachment"],
];

Deno.test("part is shown only where it cannot run anything", async (t) => {
  for (const [type, shown, disposition] of types) {
    await t.step(JSON.stringify(type), () => {
      const fields = partFields({ index: 0, type, name: "a", inline: true, size: 1 });
      assertEquals(fields["content-type"], shown);
      assertEquals(fields["content-disposition"].split(";")[0], disposition);
      assertEquals("cross-origin-resource-policy" in fields, disposition === "inline");
    });
  }
});

const names: readonly (readonly [string | undefined, string])[] = [
  ["report.pdf", "report.pdf"],
  [undefined, "part-3"],
  ["", "part-3"],
  ["..", "part-3"],
  ["../../etc/passwd", "passwd"],
  ["C:\\Windows\\a.exe", "a.exe"],
  [".bashrc", "bashrc"],
  ["é 1.txt", "%C3%A9%201.txt"],
  ['a"b;c=d.txt', "a%22b%3Bc%3Dd.txt"],
  ["it's (1)*.txt", "it%27s%20%281%29%2A.txt"],
  ["a\r\nSet-Cookie: x", "aSet-Cookie%3A%20x"],
  ["cod\u202egpj.exe", "codgpj.exe"],
  ["x\ud800y", "x%EF%BF%BDy"],
  [`${"a".repeat(300)}.pdf`, `${"a".repeat(146)}.pdf`],
];

Deno.test("part is called by a name that is no path and ends no field", async (t) => {
  for (const [name, encoded] of names) {
    await t.step(JSON.stringify(name ?? null), () => {
      const fields = partFields({ index: 3, type: "a/b", name, inline: false, size: 1 });
      assertEquals(fields["content-disposition"], `attachment; filename*=UTF-8''${encoded}`);
    });
  }
});
