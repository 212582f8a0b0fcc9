import { assertEquals, assertThrows } from "@std/assert";
import { readSayings } from "../../lib/hooks/protocol.ts";

Deno.test("what a worker says is read, and nothing more of it than is known", () => {
  assertEquals(
    readSayings(
      '[{"kind":"used","time":1.5},{"kind":"ready","steps":["data","rcpt","rcpt","eval",1]},' +
        '{"kind":"answer","id":1},{"kind":"answer","id":2,"answer":null,"more":1},' +
        '{"kind":"failure","id":3,"error":"x"},{"kind":"wants","id":4},' +
        '{"kind":"print","text":"y"},{"kind":"unusable","reason":"z"}]',
    ),
    [
      { kind: "used", time: 1.5 },
      { kind: "ready", steps: ["rcpt", "data"] },
      { kind: "answer", id: 1, answer: undefined },
      { kind: "answer", id: 2, answer: null },
      { kind: "failure", id: 3, error: "x" },
      { kind: "wants", id: 4 },
      { kind: "print", text: "y" },
      { kind: "unusable", reason: "z" },
    ],
  );
});

Deno.test("what no worker says is refused", () => {
  for (
    const line of [
      ...["", "x", "null", "1", "{}", '"up"', "[1]", "[null]", "[[]]", "[{}]"],
      ...['[{"kind":"no"}]', '[{"kind":"answer"}]', '[{"kind":"answer","id":"1"}]'],
      ...['[{"kind":"failure","id":1}]', '[{"kind":"failure","id":1,"error":{}}]'],
      ...['[{"kind":"ready"}]', '[{"kind":"ready","steps":"rcpt"}]', '[{"kind":"print"}]'],
      ...['[{"__proto__":{"kind":"print","text":""}}]', '[{"kind":"used"},{"kind":"toString"}]'],
    ]
  ) assertThrows(() => readSayings(line), SyntaxError, undefined, line);
});
