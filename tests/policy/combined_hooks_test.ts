import { assertEquals, assertRejects } from "@std/assert";
import { combinedHooks } from "../../lib/policy/combined_hooks.ts";
import type { RcptDecision, Verdict } from "../../lib/policy/hooks.ts";
import type { Session } from "../../lib/policy/session.ts";
import type { MailParameters, RcptParameters } from "../../lib/smtp/envelope.ts";
import { type Reply, reply } from "../../lib/smtp/reply.ts";

const FIRST: Reply = reply(550, "5.7.1", "First");
const SECOND: Reply = reply(450, "4.7.1", "Second");
const session = {} as Session;
const mail = {} as MailParameters;
const rcpt = {} as RcptParameters;
const one = [{ localPart: "one", domain: "a.test" }];
const two = [{ localPart: "two", domain: "a.test" }];

Deno.test("policies are asked in order, and the first refusal counts", async () => {
  const table: [verdicts: (Verdict | undefined)[], expected: Reply | undefined, asked: number][] = [
    [[undefined, undefined], undefined, 2],
    [[FIRST, SECOND], FIRST, 1],
    [[undefined, SECOND], SECOND, 2],
    [["permit", SECOND], SECOND, 2],
    [["permit", undefined], undefined, 2],
  ];
  for (const [verdicts, expected, count] of table) {
    let asked = 0;
    const all = combinedHooks(verdicts.map((verdict) => {
      const hook = () => {
        asked++;
        return Promise.resolve(verdict);
      };
      return { connect: hook, helo: hook, mail: hook, rcpt: hook };
    }));
    const said = [
      await all.connect?.(session),
      await all.helo?.(session),
      await all.mail?.(session, mail),
    ];
    assertEquals(said, [expected, expected, expected]);
    assertEquals(asked, 3 * count);
  }
});

Deno.test("of what policies decide for a recipient, each part is of the first that has it", async () => {
  const table: [
    verdicts: (Verdict | RcptDecision | undefined)[],
    expected: Reply | RcptDecision,
  ][] = [
    [[undefined, undefined], {}],
    [["permit", undefined], { permit: true }],
    [[undefined, "permit"], { permit: true }],
    [[{ permit: false }, "permit"], { permit: true }],
    [["permit", { permit: false }], { permit: true }],
    [["permit", SECOND], SECOND],
    [[{ forwardPaths: one }, { forwardPaths: two, route: "mx" }], {
      forwardPaths: one,
      route: "mx",
    }],
    [[{ route: "hold" }, { route: "mx" }, { forwardPaths: two }], {
      route: "hold",
      forwardPaths: two,
    }],
    [[{ forwardPaths: one, route: "mx" }, FIRST], FIRST],
  ];
  for (const [verdicts, expected] of table) {
    const all = combinedHooks(verdicts.map((verdict) => ({ rcpt: () => verdict })));
    assertEquals(await all.rcpt?.(session, rcpt, mail), expected);
  }
});

Deno.test("a verdict of one policy that makes no sense is none for the others to mend", async () => {
  const bad = { forwardPaths: [] };
  for (const verdicts of [[bad, "permit" as const], ["permit" as const, bad]]) {
    const all = combinedHooks(verdicts.map((verdict) => ({ rcpt: () => verdict })));
    await assertRejects(
      async () => await all.rcpt?.(session, rcpt, mail),
      TypeError,
      "Cannot take",
    );
  }
});

Deno.test("policies may have some hooks, and there may be none", async () => {
  assertEquals(combinedHooks([]), {});
  const all = combinedHooks([{ connect: () => FIRST }, { helo: () => SECOND }]);
  assertEquals([await all.connect?.(session), await all.helo?.(session)], [FIRST, SECOND]);
});
