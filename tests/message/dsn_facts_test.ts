import { assertEquals } from "@std/assert";
import {
  type NoticeOutcome,
  type NoticeQuestion,
  noticesDue,
} from "../../lib/message/dsn_facts.ts";
import type { Notify } from "../../lib/smtp/dsn_parameters.ts";
import { reply } from "../../lib/smtp/reply.ts";

const HOUR = 3_600_000;
const ANY: Notify = ["success", "failure", "delay"];

function ask(
  outcome: Partial<NoticeOutcome>,
  notify: Notify | undefined,
  changes: Partial<NoticeQuestion> & { delayTold?: boolean; null?: boolean } = {},
): string[] {
  const { delayTold = false, null: isNull = false, ...question } = changes;
  const mailbox = { localPart: "a", domain: "example.net" };
  return noticesDue({
    entry: {
      mail: { reversePath: isNull ? null : { localPart: "joe", domain: "example.org" } },
      accepted: 0,
      recipients: [{ index: 7, mailbox, notify, delayTold }],
    },
    outcomes: [{ index: 7, state: "failed", reply: reply(550, "5.1.1", "No"), ...outcome }],
    now: 4 * HOUR,
    delayAfter: 4 * HOUR,
    ...question,
  }).map(({ action }) => action);
}

const TABLE: [name: string, answer: string[], expected: string | undefined][] = [
  ["a failure", ask({}, undefined), "failed"],
  ["a failure with NOTIFY=FAILURE", ask({}, ["failure"]), "failed"],
  ["a failure with NOTIFY=SUCCESS", ask({}, ["success"]), undefined],
  ["a failure with NOTIFY=SUCCESS,DELAY", ask({}, ["success", "delay"]), undefined],
  ["a failure with NOTIFY=NEVER", ask({}, "never"), undefined],
  ["a failure of a message from nobody", ask({}, ANY, { null: true }), undefined],
  ["a late message", ask({ state: "queued" }, undefined), "delayed"],
  ["a late message with NOTIFY=DELAY", ask({ state: "queued" }, ["delay"]), "delayed"],
  ["a late message with NOTIFY=FAILURE", ask({ state: "queued" }, ["failure"]), undefined],
  ["a late message with NOTIFY=NEVER", ask({ state: "queued" }, "never"), undefined],
  [
    "a late message of which the sender was told",
    ask({ state: "queued" }, ANY, { delayTold: true }),
    undefined,
  ],
  [
    "a message that is not late yet",
    ask({ state: "queued" }, ANY, { now: 4 * HOUR - 1 }),
    undefined,
  ],
  [
    "a late message where nobody is to be told",
    ask({ state: "queued" }, ANY, { delayAfter: undefined }),
    undefined,
  ],
  ["a late message from nobody", ask({ state: "queued" }, ANY, { null: true }), undefined],
  ["a delivery", ask({ state: "delivered", success: "delivered" }, undefined), undefined],
  [
    "a delivery with NOTIFY=SUCCESS",
    ask({ state: "delivered", success: "delivered" }, ["success"]),
    "delivered",
  ],
  [
    "a delivery with NOTIFY=FAILURE",
    ask({ state: "delivered", success: "delivered" }, ["failure"]),
    undefined,
  ],
  [
    "a delivery to a server without DSN",
    ask({ state: "delivered", success: "relayed" }, ["success"]),
    "relayed",
  ],
  [
    "a delivery to a list",
    ask({ state: "delivered", success: "expanded" }, ["success"]),
    "expanded",
  ],
  ["a delivery to a server with DSN", ask({ state: "delivered" }, ["success"]), undefined],
  [
    "a delivery from nobody",
    ask({ state: "delivered", success: "delivered" }, ANY, { null: true }),
    undefined,
  ],
  ["an outcome of no recipient", ask({ index: 8 }, ANY), undefined],
];

for (const [name, answer, expected] of TABLE) {
  Deno.test(`${name} is told ${expected === undefined ? "to nobody" : `as ${expected}`}`, () => {
    assertEquals(answer, expected === undefined ? [] : [expected]);
  });
}

Deno.test("one notice tells of all recipients that there is something to tell of", () => {
  const mailbox = (localPart: string) => ({ localPart, domain: "example.net" });
  const said = reply(451, "4.4.1", "Later");
  const due = noticesDue({
    entry: {
      mail: { reversePath: mailbox("joe") },
      accepted: 0,
      recipients: [
        { index: 0, mailbox: mailbox("a"), delayTold: false },
        { index: 1, mailbox: mailbox("b"), delayTold: false, notify: "never" },
        { index: 2, mailbox: mailbox("c"), delayTold: false, orcpt: "rfc822;d@x" },
        { index: 3, mailbox: mailbox("e"), delayTold: false },
      ],
    },
    outcomes: [
      { index: 2, state: "queued", reply: said, attempted: 5, remote: { host: "mx.test" } },
      { index: 1, state: "failed", reply: said },
      { index: 0, state: "failed", reply: said },
    ],
    now: HOUR,
    delayAfter: HOUR,
  });
  assertEquals(due, [
    {
      index: 2,
      mailbox: mailbox("c"),
      orcpt: "rfc822;d@x",
      action: "delayed",
      reply: said,
      remote: { host: "mx.test" },
      attempted: 5,
    },
    {
      index: 0,
      mailbox: mailbox("a"),
      orcpt: undefined,
      action: "failed",
      reply: said,
      remote: undefined,
      attempted: undefined,
    },
  ]);
});
