import { assertEquals, assertThrows } from "@std/assert";
import { encodeQuery, readResponse } from "../../lib/relay/negative_answer.ts";

const query = encodeQuery(0x1234, "x.test", "MX");
const question = [...query.subarray(12)];
const header = (
  flags: number,
  answers: number,
) => [0x12, 0x34, flags >> 8, flags & 0xff, 0, 1, 0, answers, 0, 0, 0, 0];
const record = (type: number) => [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 12];

Deno.test("a query is what RFC 1035 section 4.1 says", () => {
  const name = [1, 0x78, 4, 0x74, 0x65, 0x73, 0x74, 0];
  assertEquals([...query], [...header(0x0100, 0), ...name, 0, 15, 0, 1]);
  assertThrows(() => encodeQuery(1, "a..b", "A"), SyntaxError, "Cannot ask");
});

Deno.test("only a clear answer is believed to say that there is nothing", () => {
  const upper = question.map((octet) => octet === 0x78 ? 0x58 : octet);
  const table: [string, number[], "absent" | "unknown" | undefined][] = [
    ["NOERROR and no record", [...header(0x8180, 0), ...question], "absent"],
    ["NXDOMAIN", [...header(0x8183, 0), ...question], "absent"],
    ["a CNAME to a name without", [...header(0x8180, 1), ...question, ...record(5)], "absent"],
    ["the name in other case", [...header(0x8183, 0), ...upper], "absent"],
    ["SERVFAIL", [...header(0x8182, 0), ...question], "unknown"],
    ["REFUSED without a question", header(0x8185, 0), "unknown"],
    ["NOTIMP", [...header(0x8184, 0), ...question], "unknown"],
    ["FORMERR", [...header(0x8181, 0), ...question], "unknown"],
    ["truncated", [...header(0x8380, 0), ...question], "unknown"],
    ["there is one", [...header(0x8180, 1), ...question, ...record(15)], "unknown"],
    [
      "behind a CNAME there is one",
      [...header(0x8180, 2), ...question, ...record(5), ...record(15)],
      "unknown",
    ],
    ["a record cut short", [...header(0x8180, 1), ...question, 0xc0], "unknown"],
    ["another name", [...header(0x8183, 0), 1, 0x79, ...question.slice(2)], undefined],
    ["another id", [0x12, 0x35, ...header(0x8183, 0).slice(2), ...question], undefined],
    ["a query", [...header(0x0183, 0), ...question], undefined],
    ["no question", header(0x8183, 0), undefined],
    ["too short", [0x12, 0x34, 0x81], undefined],
    ["nothing", [], undefined],
  ];
  for (const [name, octets, answer] of table) {
    assertEquals(readResponse(query, Uint8Array.from(octets)), answer, name);
  }
});

Deno.test("random octets in a response do no harm", () => {
  let state = 7;
  const random = () => (state = (state * 48271) % 0x7fffffff);
  for (let i = 0; i < 20_000; i++) {
    const octets = [...header(0x8180, random() % 256), ...question];
    for (let n = random() % 40; n > 0; n--) octets.push(random() % 256);
    const answer = readResponse(query, Uint8Array.from(octets));
    assertEquals(answer === "absent" || answer === "unknown", true);
  }
});
