import { assertEquals, assertThrows } from "@std/assert";
import { verdictOf } from "../../lib/hooks/verdict.ts";
import { readDataVerdict, readRcptVerdict, readVerdict } from "../../lib/policy/verdict.ts";

Deno.test("a verdict is taken over field by field", () => {
  const long = "x".repeat(500);
  const table: [answer: unknown, verdict: unknown][] = [
    [undefined, undefined],
    ["permit", undefined],
    [{ code: 550, text: "No" }, { code: 550, lines: ["No"] }],
    [{ code: 450, enhanced: "4.7.1", text: "a\r\nb\nc" }, {
      ...{ code: 450, enhanced: "4.7.1", lines: ["a", "b", "c"] },
    }],
    [{ code: 599, lines: ["a", "b"] }, { code: 599, lines: ["a", "b"] }],
    [{ code: 400, text: long }, { code: 400, lines: [long.slice(0, 400)] }],
    [{ code: 550, text: "" }, { code: 550, lines: [""] }],
  ];
  for (const [answer, verdict] of table) assertEquals(verdictOf(answer, readVerdict), verdict);
});

Deno.test("what a hook decides is read as that of any hook, and refusals as those of a file", () => {
  const refusal = { code: 550, text: "No" };
  const reply = { code: 550, lines: ["No"] };
  const paths = { forwardPaths: [{ localPart: "all", domain: "local.test" }], route: "hold" };
  const changes = { header: [{ kind: "remove", name: "X-Internal" }] } as const;
  assertEquals(verdictOf(refusal, readRcptVerdict), reply);
  assertEquals(verdictOf("permit", readRcptVerdict), { permit: true });
  assertEquals(verdictOf(paths, readRcptVerdict), paths);
  assertEquals(verdictOf(refusal, readDataVerdict), reply);
  assertEquals(verdictOf(changes, readDataVerdict), changes);
  assertThrows(() => verdictOf(changes, readRcptVerdict), TypeError, "Cannot take");
});

Deno.test("what is no verdict is refused, and told what is wrong with it", () => {
  const many = "\n".repeat(10);
  const table: [json: string, complaint: string][] = [
    ["null", "neither a negative reply"],
    ["true", "neither a negative reply"],
    ["550", "neither a negative reply"],
    ['"deny"', "neither a negative reply"],
    ["[]", "neither a negative reply"],
    ["{}", "neither a negative reply"],
    ['{"code":"550","text":"No"}', "code is no whole number"],
    ['{"code":250,"text":"Ok"}', "code is no whole number"],
    ['{"code":600,"text":"No"}', "code is no whole number"],
    ['{"code":550.5,"text":"No"}', "code is no whole number"],
    ['{"code":550}', "it has no text"],
    ['{"code":550,"text":1}', "text is no string"],
    ['{"code":550,"text":"a","lines":["b"]}', "it has text and lines"],
    ['{"code":550,"lines":"No"}', "lines is no list"],
    ['{"code":550,"lines":[1]}', "lines is no list"],
    ['{"code":550,"lines":[]}', "the text has 0 lines"],
    [JSON.stringify({ code: 550, text: many }), "the text has 11 lines"],
    ['{"code":550,"text":"No","enhanced":5}', "enhanced is no enhanced"],
    ['{"code":550,"text":"No","enhanced":"4.7.1"}', "enhanced is no enhanced"],
    ['{"code":550,"text":"No","enhanced":"5.7.1\\r\\n250 Ok"}', "enhanced is no enhanced"],
    ['{"code":550,"text":"No","enhance":"5.7.1"}', 'field "enhance"'],
    ['{"__proto__":{"code":550,"text":"No"}}', "neither a negative reply"],
    ['{"code":550,"text":"No","constructor":{}}', 'field "constructor"'],
  ];
  for (const [json, complaint] of table) {
    assertThrows(() => verdictOf(JSON.parse(json), readVerdict), TypeError, complaint, json);
  }
});
