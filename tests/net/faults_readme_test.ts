/** Runs every rule that the README shows. */
import { assert, assertEquals } from "@std/assert";
import type { Faults } from "../../lib/policy/faults/faults.ts";
import type { SaslServer } from "../../lib/policy/sasl.ts";
import { codesOf, converse, DIALOG, faultsOf } from "./faulty_session.ts";
import { openSession, type TestSession } from "./session_fixture.ts";
import { testIdentity } from "./tls_fixture.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));

/** The rules in the first column of the table. */
function rulesOf(markdown: string): string[] {
  const [, table] = /^\| rule .*\n\| -.*\n((?:\|.*\n)+)/m.exec(markdown)!;
  return [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, rule]) => rule);
}

/** What clients do one after the other, and what each is told. */
interface Case {
  /** The lines of each; those of a message if left out. */
  readonly sessions?: readonly (readonly string[])[];
  /** The codes that each sees, and an `x` where it is not told 221. */
  readonly codes: readonly string[];
  /** How long that takes at least, in milliseconds. */
  readonly takes?: number;
  /** How the handshakes behind STARTTLS end. */
  readonly handshakes?: readonly string[];
}

const [EHLO, MAIL, RCPT, , MESSAGE] = DIALOG;
const SLOW_RCPT = "RCPT TO:<ann@slow.test>";
const AUTH = [EHLO, "AUTH PLAIN AGpvZQB4", "QUIT"];
const LONG = DIALOG.map((line) =>
  line === MESSAGE ? line.replace("hello", "hello\r\n".repeat(2000)) : line
);

const DONE = "220 250 250 250 354 250 221";
const IN_DATA = "220 250 250 250 354 x";
const FULL = "220 250 250 250 354 452 221";

const CASES: Readonly<Record<string, Case>> = {
  "connect times=1 reply 421 4.3.2 Too busy": {
    sessions: [DIALOG, DIALOG],
    codes: ["421 x", DONE],
  },
  "ehlo reply 502": {
    sessions: [[EHLO, "HELO client.test", MAIL, "QUIT"]],
    codes: ["220 502 250 250 221"],
  },
  "ehlo slow 10ms": { codes: [DONE], takes: 1000 },
  "helo helo=laptop.* drop": {
    sessions: [["HELO laptop.test"], ["HELO other.test", "QUIT"], ["EHLO laptop.test", "QUIT"]],
    codes: ["220 x", "220 250 221", "220 250 221"],
  },
  "starttls reply 454 4.7.0 TLS is not available now": {
    sessions: [[EHLO, "STARTTLS", MAIL, "QUIT"]],
    codes: ["220 250 454 250 221"],
  },
  "tls times=1 fail": {
    sessions: [[EHLO, "STARTTLS"], [EHLO, "STARTTLS"]],
    codes: ["220 250 220 x", "220 250 220 x"],
    handshakes: ["failed", "TLSv1.3"],
  },
  "auth times=1 reply 454 4.7.0 Try again later": {
    sessions: [AUTH, AUTH],
    codes: ["220 250 454 221", "220 250 235 221"],
  },
  "mail from=<> service=smtp reply 550 5.7.1 No notices here": {
    sessions: [[EHLO, "MAIL FROM:<>", MAIL, "QUIT"]],
    codes: ["220 250 550 250 221"],
  },
  "rcpt to=*@slow.test skip=1 times=2 reply 451 4.2.1 Later": {
    sessions: [[EHLO, MAIL, SLOW_RCPT, SLOW_RCPT, RCPT, SLOW_RCPT, SLOW_RCPT, "QUIT"]],
    codes: ["220 250 250 250 451 250 451 250 221"],
  },
  "rcpt chance=10% reply 451 4.3.0 Bad luck": {
    sessions: [[EHLO, MAIL, ...Array(12).fill(RCPT), "QUIT"]],
    codes: ["220 250 250 250 250 250 250 250 250 451 250 250 250 250 250 221"],
  },
  "data delay 2s": { codes: [DONE], takes: 2000 },
  "content after=10KB drop": { sessions: [DIALOG, LONG], codes: [DONE, IN_DATA] },
  "content client=127.0.0.0/8 hang": { codes: [IN_DATA], takes: 300_000 },
  "end every=3 reply 452 4.3.1 Disk full": {
    sessions: Array(6).fill(DIALOG),
    codes: [DONE, DONE, FULL, DONE, DONE, FULL],
  },
  "end times=1 drop": { sessions: [DIALOG, DIALOG], codes: [IN_DATA, DONE] },
  "quit drop": { codes: ["220 250 250 250 354 250 x"] },
  "any skip=20 reply 421 4.3.2 Going down": {
    sessions: Array(4).fill(DIALOG),
    codes: [DONE, DONE, DONE, "220 250 421 x"],
  },
};

const sasl: SaslServer = {
  mechanisms: () => ["PLAIN"],
  begin: (mechanism) => ({ mechanism, next: () => ({ kind: "success", account: "joe" }) }),
};

function open(faults: Faults): TestSession {
  return openSession({ faults, sasl, identity: testIdentity() });
}

/** Has a client say lines while time goes on; answers the codes it sees, and how long that took. */
async function meet(session: TestSession, lines: readonly string[]): Promise<[string, number]> {
  const { clock } = session;
  const begun = clock.now();
  let replies: string | undefined;
  const conversing = converse(session, lines).then((said) => replies = said);
  while (replies === undefined) await clock.advance(50);
  return [codesOf(await conversing), clock.now() - begun];
}

Deno.test("every rule of the README does what stands behind it", async (t) => {
  assertEquals(rulesOf(README), Object.keys(CASES));
  for (
    const [rule, { sessions = [DIALOG], codes, takes = 0, handshakes }] of Object.entries(CASES)
  ) {
    await t.step(rule, async () => {
      const faults = faultsOf(rule);
      const seen: string[] = [];
      const ends: string[] = [];
      let taken = 0;
      for (const lines of sessions) {
        await using session = open(faults);
        const [told, time] = await meet(session, lines);
        seen.push(told);
        taken += time;
        if (handshakes === undefined) continue;
        ends.push(await session.secure().then(({ version }) => version, () => "failed"));
      }
      assertEquals(seen, codes);
      assertEquals(ends, handshakes ?? []);
      assert(taken >= takes, `${taken} ms`);
      assert(faults.report()[0].fired > 0);
    });
  }
});
