import { assertEquals } from "@std/assert";
import { bold, filled, joined, literal, paragraphs, prose, tagged } from "../../lib/cli/roff.ts";

Deno.test("what roff would take for something else is escaped", () => {
  const table: [text: string, inProse: string, asLiteral: string][] = [
    ["a one-time code", "a one-time code", "a one\\-time code"],
    ["see --max-size now", "see \\-\\-max\\-size now", "see \\-\\-max\\-size now"],
    ["(--all)", "(\\-\\-all)", "(\\-\\-all)"],
    ["SCRAM-SHA-256", "SCRAM\\-SHA\\-256", "SCRAM\\-SHA\\-256"],
    ["a - b", "a \\- b", "a \\- b"],
    ["C:\\n", "C:\\(rsn", "C:\\(rsn"],
    ["it's `a` ~ ^", "it\\(aqs \\(gaa\\(ga \\(ti \\(ha", "it\\(aqs \\(gaa\\(ga \\(ti \\(ha"],
    ["b\u00fccher \u{1f4e7}", "b\\[u00FC]cher \\[u1F4E7]", "b\\[u00FC]cher \\[u1F4E7]"],
  ];
  for (const [text, inProse, asLiteral] of table) {
    assertEquals(prose(text), inProse);
    assertEquals(literal(text), asLiteral);
  }
  assertEquals(bold("-f"), "\\fB\\-f\\fR");
});

Deno.test("no line of text is a request", () => {
  assertEquals(paragraphs(".so /etc/passwd"), [".PP", "\\&.so /etc/passwd"]);
  assertEquals(tagged(".DOMAIN", "'tis"), [".TP", "\\&.DOMAIN", "\\(aqtis"]);
  const words = Array.from({ length: 40 }, () => ".ab").join(" ");
  for (const line of filled(words)) assertEquals(line.slice(0, 3), "\\&.");
  for (const line of filled(words)) assertEquals(line.length <= 80, true);
});

Deno.test("paragraphs are filled, and those that are set in stand as they are", () => {
  assertEquals(paragraphs("one\ntwo\n\n  smtpd -p 25\n  .x"), [
    ...[".PP", "one two"],
    ...[".PP", ".RS 4", ".EX", "smtpd \\-p 25", "\\&.x", ".EE", ".RE"],
  ]);
});

Deno.test("a section begins without a paragraph of its own", () => {
  assertEquals(joined([".SH A", ".PP", "b", ".PP", "c"]), ".SH A\nb\n.PP\nc");
});
