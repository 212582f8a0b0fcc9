import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  MOST_CHANGES,
  MOST_FORWARD_PATHS,
  readDataVerdict,
  readRcptVerdict,
  readVerdict,
} from "../../lib/policy/verdict.ts";

const MAILBOX = { localPart: "a", domain: "a.test" };
const CHANGE = { kind: "add", name: "X", value: "y" };
const READERS = { readVerdict, readRcptVerdict, readDataVerdict };

/** Verdicts that every hook may have, and those that none may. */
const REPLIES = [
  { code: 550, lines: ["No"] },
  { code: 450, enhanced: "4.7.1", lines: ["Not", "now"] },
  { code: 599, enhanced: "5.999.999", lines: [""] },
];
const NO_REPLIES: [value: unknown, why: string][] = [
  [{ code: 250, lines: ["x"] }, "code is"],
  [{ code: 399, lines: ["x"] }, "code is"],
  [{ code: 600, lines: ["x"] }, "code is"],
  [{ code: "550", lines: ["x"] }, "code is"],
  [{ code: 550.5, lines: ["x"] }, "code is"],
  [{ code: null, lines: ["x"] }, "code is"],
  [{ code: 550 }, "lines is no list"],
  [{ code: 550, lines: "No" }, "lines is no list"],
  [{ code: 550, lines: [] }, "lines is empty"],
  [{ code: 550, lines: ["No", 1] }, "a line of the reply is no text"],
  [{ code: 550, lines: ["x".repeat(1001)] }, "longer than 1000"],
  [{ code: 550, lines: Array.from({ length: 101 }, () => "x") }, "more than 100"],
  [{ code: 550, enhanced: "4.7.1", lines: ["x"] }, "of the class of code"],
  [{ code: 550, enhanced: "5.7", lines: ["x"] }, "of the class of code"],
  [{ code: 550, enhanced: 5, lines: ["x"] }, "enhanced is no text"],
];

for (const [name, read] of Object.entries(READERS)) {
  Deno.test(`${name} takes a negative reply as it is`, () => {
    for (const reply of REPLIES) assertStrictEquals(read(reply), reply);
  });

  Deno.test(`${name} takes nothing for nothing, and no reply that makes no sense`, () => {
    const changesNothing = [undefined, {}, { permit: true }];
    for (const value of [undefined, "permit"]) {
      assertEquals(changesNothing.some((each) => equal(each, read(value))), true);
    }
    for (const [value, why] of NO_REPLIES) {
      assertThrows(() => read(value), TypeError, why, JSON.stringify(value));
    }
    for (const value of [null, true, 0, 550, "deny", "", [], [550], () => {}, Symbol("x")]) {
      assertThrows(() => read(value), TypeError, "Cannot take");
    }
  });
}

function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

Deno.test("a decision is for the hooks that can make it", () => {
  const decisions = [{ permit: true }, { forwardPaths: [MAILBOX] }, { header: [CHANGE] }, {
    route: "mx",
  }];
  for (const decision of decisions) assertThrows(() => readVerdict(decision), TypeError);
  assertThrows(() => readRcptVerdict({ header: [] }), TypeError, "a member that is none of");
  assertThrows(() => readDataVerdict({ permit: true }), TypeError, "a member that is none of");
  assertThrows(() => readDataVerdict({ forwardPaths: [MAILBOX] }), TypeError, "none of");
});

Deno.test("a decision for a recipient is read, also when it comes as JSON", () => {
  const mailboxes = [
    MAILBOX,
    { localPart: "a b", domain: "a.test" },
    { localPart: "", domain: "a.test" },
    { localPart: "jö", domain: "bücher.test" },
    { localPart: "a", domain: "[192.0.2.1]" },
    { localPart: "Postmaster", domain: "" },
  ];
  for (
    const decision of [
      {},
      { permit: false },
      { permit: true, forwardPaths: mailboxes, route: "smtp://a.test" },
      { forwardPaths: Array.from({ length: MOST_FORWARD_PATHS }, () => MAILBOX) },
    ]
  ) {
    assertEquals(readRcptVerdict(decision), decision);
    assertEquals(readRcptVerdict(JSON.parse(JSON.stringify(decision))), decision);
  }
  assertEquals(readRcptVerdict({ permit: undefined, route: undefined }), {});
});

const NO_RECIPIENTS: [value: unknown, why: string][] = [
  [new Error("not thrown"), "it is no plain object"],
  [new Map([["permit", false]]), "it is no plain object"],
  [{ permit: 1 }, "permit is no truth value"],
  [{ forwardPath: MAILBOX }, "none of permit,forwardPaths,route"],
  [{ forwardPaths: [] }, "forwardPaths is empty"],
  [{ forwardPaths: "a@a.test" }, "forwardPaths is no list"],
  [{ forwardPaths: { length: 1, 0: MAILBOX } }, "forwardPaths is no list"],
  [{ forwardPaths: Array.from({ length: 101 }, () => MAILBOX) }, "more than 100"],
  [{ forwardPaths: ["a@a.test"] }, "a forward-path is no object"],
  [{ forwardPaths: [null] }, "a forward-path is no object"],
  [{ forwardPaths: [{ localPart: "a" }] }, "domain is no text"],
  [{ forwardPaths: [{ ...MAILBOX, port: 1 }] }, "none of localPart,domain"],
  ...[
    { localPart: "a", domain: "" },
    { localPart: "a", domain: "a..test" },
    { localPart: "a", domain: "a.test>, <b@b.test" },
    { localPart: "a\r\nRCPT TO:<b@b.test>", domain: "a.test" },
    { localPart: "a\0", domain: "a.test" },
    { localPart: "a".repeat(256), domain: "a.test" },
    { localPart: "a", domain: `${"a".repeat(64)}.test` },
  ].map((each): [unknown, string] => [{ forwardPaths: [each] }, "no mailbox of RFC 5321"]),
  [{ route: 25 }, "route is no text"],
  [{ route: "x".repeat(501) }, "route is longer"],
];

Deno.test("a decision for a recipient that makes no sense is refused with what is wrong", () => {
  for (const [value, why] of NO_RECIPIENTS) {
    assertThrows(() => readRcptVerdict(value), TypeError, why, JSON.stringify(value));
  }
});

Deno.test("a decision for a message is read, also when it comes as JSON", () => {
  const header: unknown[] = [
    CHANGE,
    { ...CHANGE, at: "top" },
    { ...CHANGE, at: "end" },
    { kind: "replace", name: "Subject", value: "" },
    { kind: "remove", name: "X" },
  ];
  const decisions: object[] = [
    {},
    { header: [] },
    { header, route: "hold" },
    { header: Array.from({ length: MOST_CHANGES }, () => CHANGE) },
  ];
  for (const decision of decisions) {
    assertEquals<object>(readDataVerdict(decision), decision);
    assertEquals<object>(readDataVerdict(JSON.parse(JSON.stringify(decision))), decision);
  }
});

const NO_CHANGES: [change: unknown, why: string][] = [
  [{ kind: "set", name: "X", value: "y" }, "kind is not"],
  [{ name: "X", value: "y" }, "kind is not"],
  [{ kind: "add", value: "y" }, "the name of a field is no text"],
  [{ kind: "add", name: "X" }, "the text of a field is no text"],
  [{ kind: "add", name: "X", value: 1 }, "the text of a field is no text"],
  [{ ...CHANGE, name: "X".repeat(101) }, "the name of a field is longer"],
  [{ ...CHANGE, value: "x".repeat(16_385) }, "the text of a field is longer"],
  [{ ...CHANGE, at: "bottom" }, "at is neither"],
  [{ ...CHANGE, at: 0 }, "at is neither"],
  [{ kind: "replace", name: "X", value: "y", at: "top" }, "has its place"],
  [{ kind: "remove", name: "X", value: "y" }, "a name alone"],
  [{ kind: "remove", name: "X", at: "top" }, "a name alone"],
  [{ ...CHANGE, text: "y" }, "none of kind,name,value,at"],
  [["add", "X", "y"], "a change is no object"],
  ["X: y", "a change is no object"],
];

Deno.test("a decision for a message that makes no sense is refused with what is wrong", () => {
  for (const [change, why] of NO_CHANGES) {
    const verdict = { header: [change] };
    assertThrows(() => readDataVerdict(verdict), TypeError, why, JSON.stringify(verdict));
  }
  for (const header of [null, CHANGE, "X: y"]) {
    assertThrows(() => readDataVerdict({ header }), TypeError, "header is no list");
  }
  const many = Array.from({ length: 101 }, () => CHANGE);
  assertThrows(() => readDataVerdict({ header: many }), TypeError, "more than 100");
  assertThrows(() => readDataVerdict({ route: {} }), TypeError, "route is no text");
});

Deno.test("what is wrong with a verdict does not quote it", () => {
  const secret = "canary\r\n\u001b[2J";
  for (
    const verdict of [{ [secret]: 1 }, { route: secret.repeat(100) }, { header: [secret] }, secret]
  ) {
    const error = assertThrows(() => readDataVerdict(verdict), TypeError);
    assertEquals(error.message.includes("canary"), false);
  }
});
