import { assertEquals } from "@std/assert";
import { combinedHooks } from "../../lib/policy/combined_hooks.ts";
import type { Verdict } from "../../lib/policy/hooks.ts";
import type { Session } from "../../lib/policy/session.ts";
import type { MailParameters, RcptParameters } from "../../lib/smtp/envelope.ts";
import { type Reply, reply } from "../../lib/smtp/reply.ts";

const FIRST: Reply = reply(550, "5.7.1", "First");
const SECOND: Reply = reply(450, "4.7.1", "Second");
const session = {} as Session;

Deno.test("policies are asked in order, and the first refusal counts", async () => {
  const table: [verdicts: (Verdict | undefined)[], expected: Verdict | undefined, asked: number][] =
    [
      [[undefined, undefined], undefined, 2],
      [[FIRST, SECOND], FIRST, 1],
      [[undefined, SECOND], SECOND, 2],
      [["permit", SECOND], SECOND, 2],
      [["permit", undefined], "permit", 2],
      [[undefined, "permit"], "permit", 2],
    ];
  for (const [verdicts, expected, count] of table) {
    let asked = 0;
    const answer = (verdict: Verdict | undefined) => () => {
      asked++;
      return Promise.resolve(verdict);
    };
    const all = combinedHooks(verdicts.map((verdict) => {
      const hook = answer(verdict);
      return { connect: hook, helo: hook, mail: hook, rcpt: hook };
    }));
    const mail = {} as MailParameters;
    const said = [
      await all.connect?.(session),
      await all.helo?.(session),
      await all.mail?.(session, mail),
      await all.rcpt?.(session, {} as RcptParameters, mail),
    ];
    assertEquals(said, [expected, expected, expected, expected]);
    assertEquals(asked, 4 * count);
  }
});

Deno.test("policies may have some hooks, and there may be none", async () => {
  assertEquals(combinedHooks([]), {});
  const all = combinedHooks([{ connect: () => FIRST }, { helo: () => SECOND }]);
  assertEquals([await all.connect?.(session), await all.helo?.(session)], [FIRST, SECOND]);
});
