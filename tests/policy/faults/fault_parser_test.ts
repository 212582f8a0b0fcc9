import { assertEquals, assertThrows } from "@std/assert";
import { parseFault } from "../../../lib/policy/faults/fault_parser.ts";
import type { FaultRule } from "../../../lib/policy/faults/fault_rule.ts";
import { parseCidr } from "../../../lib/policy/network.ts";
import { reply } from "../../../lib/smtp/reply.ts";

const ALWAYS = { skip: 0, every: 1, chance: 1, times: Infinity };

const good: readonly (readonly [text: string, rule: Partial<FaultRule>])[] = [
  ["connect drop", { steps: ["connect"], conditions: {}, turns: ALWAYS, effect: { kind: "drop" } }],
  ["data delay 2s", { steps: ["data"], effect: { kind: "delay", duration: 2000 } }],
  ["ehlo slow 10ms", { steps: ["ehlo"], effect: { kind: "slow", interval: 10 } }],
  ["quit hang", { steps: ["quit"], effect: { kind: "hang" } }],
  ["tls fail", { steps: ["tls"], effect: { kind: "fail" } }],
  ["mail reply 451", { effect: { kind: "reply", reply: reply(451, "4.0.0", "Scripted failure") } }],
  [
    "mail reply 550 5.7.1 Not from = you",
    { effect: { kind: "reply", reply: reply(550, "5.7.1", "Not from = you") } },
  ],
  ["mail reply 554 5.7", { effect: { kind: "reply", reply: reply(554, "5.0.0", "5.7") } }],
  [
    "rcpt from=<> to=*@slow.test client=192.0.2.0/24 helo=*.test service=smtps skip=1 every=2 chance=12.5% times=3 reply 421",
    {
      conditions: {
        from: "<>",
        to: "*@slow.test",
        client: parseCidr("192.0.2.0/24"),
        helo: "*.test",
        service: "smtps",
      },
      turns: { skip: 1, every: 2, chance: 0.125, times: 3 },
    },
  ],
  ["content after=10KB drop", { steps: ["content"], conditions: { after: 10_000 } }],
  ["rcpt client=::1 drop", { conditions: { client: parseCidr("::1") } }],
  ["  mail   drop ", { text: "mail   drop", steps: ["mail"] }],
  [
    "any drop",
    {
      steps: [
        ...["connect", "helo", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "end"] as const,
        "quit",
      ],
    },
  ],
  [
    "any reply 421",
    {
      steps: [
        ...["connect", "helo", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "end"] as const,
      ],
    },
  ],
  ["any from=a@b drop", { steps: ["mail", "rcpt", "data", "end"] }],
  ["any to=a@b drop", { steps: ["rcpt", "data", "end"] }],
];

Deno.test("rules are read", () => {
  for (const [text, expected] of good) {
    const rule = parseFault(text);
    const read = Object.fromEntries(
      Object.keys(expected).map((key) => [key, rule[key as keyof FaultRule]]),
    );
    assertEquals(read, expected, text);
  }
});

const STEP_NAMES =
  "connect, helo, ehlo, starttls, tls, auth, mail, rcpt, data, content, end, quit, any";
const EFFECT_NAMES = "reply, delay, slow, drop, hang, fail";

const bad: readonly (readonly [text: string, reason: string])[] = [
  ["", `it says nothing of what to do; write one of ${EFFECT_NAMES} at its end`],
  ["rcpt", `it says nothing of what to do; write one of ${EFFECT_NAMES} at its end`],
  ["rcpt to=a@b", `it says nothing of what to do; write one of ${EFFECT_NAMES} at its end`],
  ["rset drop", `there is no step rset; write one of ${STEP_NAMES} first`],
  ["toString drop", `there is no step toString; write one of ${STEP_NAMES} first`],
  ["RCPT drop", `there is no step RCPT; write one of ${STEP_NAMES} first`],
  ["rcpt explode", `there is nothing called explode to do; write one of ${EFFECT_NAMES}`],
  ["rcpt 451", `there is nothing called 451 to do; write one of ${EFFECT_NAMES}`],
  [
    "rcpt too=a@b drop",
    "there is no condition too=; write one of from, to, client, helo, service, after, skip, times, every, chance",
  ],
  ["rcpt to= drop", "to= is empty; write a value behind it"],
  ["rcpt to=a to=b drop", "to= is there twice; write it once"],
  ["rcpt client=here drop", "client=here is no network; write client=192.0.2.0/24 or the like"],
  [
    "rcpt client=192.0.2.1/24 drop",
    "client=192.0.2.1/24 is no network; write client=192.0.2.0/24 or the like",
  ],
  [
    "rcpt service=lmtp drop",
    "service=lmtp is none; write one of smtp, smtps, submission, submissions",
  ],
  ["content after=ten drop", "after=ten is no size; write after=10KB or the like"],
  ["rcpt skip=0 drop", "skip=0 is no number; write skip=3 or the like"],
  ["rcpt times=0 drop", "times=0 is no number; write times=3 or the like"],
  ["rcpt times=2.5 drop", "times=2.5 is no number; write times=3 or the like"],
  ["rcpt every=1 drop", "every=1 is no number; write every=3 or the like"],
  ["rcpt skip=99999999999 drop", "skip=99999999999 is no number; write skip=3 or the like"],
  ["rcpt chance=0% drop", "chance=0% is no percentage above 0; write chance=10% or the like"],
  ["rcpt chance=101% drop", "chance=101% is no percentage above 0; write chance=10% or the like"],
  ["rcpt chance=10 drop", "chance=10 is no percentage above 0; write chance=10% or the like"],
  ["rcpt reply", "reply needs a code of 4yz or 5yz; write reply 451 or the like"],
  ["rcpt reply 250 Ok", "reply needs a code of 4yz or 5yz; write reply 451 or the like"],
  ["rcpt reply 354", "reply needs a code of 4yz or 5yz; write reply 451 or the like"],
  ["rcpt reply 471", "reply needs a code of 4yz or 5yz; write reply 451 or the like"],
  ["rcpt reply 4510", "reply needs a code of 4yz or 5yz; write reply 451 or the like"],
  ["rcpt reply 451 5.7.1 no", "5.7.1 does not go with 451; write 4.7.1"],
  ["rcpt reply 550 ü", "a reply is ASCII; write its text so"],
  ["rcpt delay", "delay needs a duration of 1h at most; write delay 500ms or the like"],
  ["rcpt delay 2", "delay needs a duration of 1h at most; write delay 500ms or the like"],
  ["rcpt delay 2h", "delay needs a duration of 1h at most; write delay 500ms or the like"],
  ["rcpt slow 1s 2s", "slow needs a duration of 1h at most; write slow 500ms or the like"],
  ["rcpt drop now", "nothing may follow drop; write drop alone"],
  ["rcpt drop\r\n250 Ok", "it has control characters; write none"],
  [`rcpt reply 451 ${"x".repeat(400)}`, "it is too long; write 400 characters"],
  ["connect helo=x drop", "helo= is not known at connect; write another step"],
  ["mail to=a@b drop", "to= is not known at mail; write another step"],
  ["ehlo from=a@b drop", "from= is not known at ehlo; write another step"],
  ["rcpt after=10KB drop", "after= is not known at rcpt; write another step"],
  ["quit reply 421", "reply cannot be done at quit; write one of delay, slow, drop, hang"],
  ["content reply 451", "reply cannot be done at content; write one of delay, drop, hang"],
  ["content slow 1s", "slow cannot be done at content; write one of delay, drop, hang"],
  ["rcpt fail", "fail cannot be done at rcpt; write one of reply, delay, slow, drop, hang"],
  ["tls reply 454", "reply cannot be done at tls; write one of fail, delay, drop, hang"],
  ["any fail", "it can happen at no step that has a reply; write tls or content for any"],
  ["any after=1KB drop", "it can happen at no step that has a reply; write tls or content for any"],
];

Deno.test("a rule that cannot be read, or can never fire, is refused with what to write", () => {
  for (const [text, reason] of bad) {
    const { message } = assertThrows(() => parseFault(text), SyntaxError, undefined, text);
    const shown = JSON.stringify(text.slice(0, 400));
    assertEquals(message, `Cannot read the fault rule ${shown}: ${reason}`);
  }
});
