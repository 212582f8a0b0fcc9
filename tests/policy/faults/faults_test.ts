import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseFault } from "../../../lib/policy/faults/fault_parser.ts";
import {
  type FaultMoment,
  Faults,
  type FaultScope,
  MAX_SEED,
} from "../../../lib/policy/faults/faults.ts";

const RCPT: FaultMoment = {
  step: "rcpt",
  client: "192.0.2.1",
  service: "smtp",
  heloName: "client.test",
  reversePath: { localPart: "ann", domain: "a.test" },
  forwardPaths: [{ localPart: "joe", domain: "slow.test" }],
};

function faultsOf(...rules: string[]): Faults {
  return new Faults(rules.map(parseFault));
}

/** At which of so many moments one of the rules fires, a character each: its place, or a dot. */
function firing(faults: Faults, moments: number): string {
  let fired = "";
  for (let i = 0; i < moments; i++) {
    const rule = faults.meet(RCPT);
    const index = faults.report().findIndex(({ rule: text }) => text === rule?.text);
    fired += index < 0 ? "." : `${index + 1}`;
  }
  return fired;
}

Deno.test("a rule fires at the turns that it says", () => {
  const table: readonly (readonly [rules: string[], fires: string])[] = [
    [["rcpt drop"], "11111111"],
    [["mail drop"], "........"],
    [["rcpt times=2 drop"], "11......"],
    [["rcpt skip=1 times=2 drop"], ".11....."],
    [["rcpt every=3 drop"], "..1..1.."],
    [["rcpt skip=1 every=3 drop"], "...1..1."],
    [["rcpt every=2 times=2 drop"], ".1.1...."],
    [["rcpt times=1 drop", "rcpt times=2 hang"], "122....."],
    [["rcpt every=2 drop", "rcpt hang"], "21212121"],
    [["rcpt every=2 drop", "rcpt skip=1 hang"], ".1212121"],
  ];
  for (const [rules, expected] of table) {
    assertEquals(firing(faultsOf(...rules), 8), expected, rules.join(" and "));
  }
});

Deno.test("a rule matches where its conditions hold", () => {
  const none = { ...RCPT, step: "connect", heloName: undefined, reversePath: undefined } as const;
  const table: readonly (readonly [rule: string, moment: FaultMoment, fires: boolean])[] = [
    ["rcpt to=*@slow.test drop", RCPT, true],
    ["rcpt to=*@fast.test drop", RCPT, false],
    ["rcpt from=ann@* drop", RCPT, true],
    ["rcpt from=joe@* drop", RCPT, false],
    ["rcpt from=<> drop", RCPT, false],
    ["rcpt from=<> drop", { ...RCPT, reversePath: null }, true],
    ["rcpt from=* drop", { ...RCPT, reversePath: null }, true],
    ["rcpt helo=CLIENT.test drop", RCPT, true],
    ["rcpt helo=other.test drop", RCPT, false],
    ["rcpt client=192.0.2.0/24 drop", RCPT, true],
    ["rcpt client=192.0.2.2 drop", RCPT, false],
    ["rcpt client=::/0 drop", RCPT, false],
    ["rcpt client=0.0.0.0/0 drop", { ...RCPT, client: "unknown" }, false],
    ["rcpt service=smtp drop", RCPT, true],
    ["rcpt service=smtps drop", RCPT, false],
    ["rcpt to=*@slow.test helo=other.test drop", RCPT, false],
    ["any drop", none, true],
    ["any helo=* drop", none, false],
    ["any from=* drop", none, false],
    ["end to=*@slow.test drop", { ...RCPT, step: "end" }, true],
    ["end to=*@slow.test drop", { ...RCPT, step: "end", forwardPaths: [] }, false],
    ["content drop", { ...RCPT, step: "content", octets: 0 }, true],
    ["content after=9 drop", { ...RCPT, step: "content", octets: 0 }, false],
    ["content after=9 drop", { ...RCPT, step: "content", octets: 9 }, true],
  ];
  for (const [rule, moment, expected] of table) {
    assertEquals(faultsOf(rule).meet(moment) !== undefined, expected, rule);
  }
});

Deno.test("the places in mail data are told in order, each once", () => {
  const faults = faultsOf(
    "content after=20 drop",
    "content after=10 delay 1s",
    "content after=10 hang",
    "content drop",
    "rcpt drop",
  );
  assertEquals(faults.placesIn(0, 100), [0, 10, 20]);
  assertEquals(faults.placesIn(0, 10), [0]);
  assertEquals(faults.placesIn(10, 20), [10]);
  assertEquals(faults.placesIn(21, 100), []);
});

Deno.test("the same seed draws the same, and another one something else", () => {
  const rules = ["rcpt chance=10% reply 451", "rcpt chance=25% drop"].map(parseFault);
  const drawn = (seed: number) => firing(new Faults(rules, { seed }), 1000);
  assertEquals(drawn(7), drawn(7));
  assert(drawn(7) !== drawn(8));
  // Of 1000 at 10 %, 100 are expected; that 50 or 160 are drawn is a matter of one in many millions.
  const share = drawn(7).replaceAll(/[^1]/g, "").length;
  assert(share > 50 && share < 160, `${share}`);
});

Deno.test("what one rule draws does not depend on the others", () => {
  const alone = firing(faultsOf("rcpt chance=50% times=20 drop"), 60);
  const among = new Faults(
    ["rcpt chance=50% times=20 drop", "mail chance=50% drop"].map(parseFault),
  );
  const mixed = Array.from({ length: 60 }, () => {
    among.meet({ ...RCPT, step: "mail" });
    return firing(among, 1);
  });
  assertEquals(mixed.join(""), alone);
});

Deno.test("matches and firings are counted, and begin anew with other rules", () => {
  const faults = faultsOf("rcpt skip=1 times=1 drop", "rcpt reply 451");
  firing(faults, 4);
  assertEquals(faults.report(), [
    { rule: "rcpt skip=1 times=1 drop", matched: 4, fired: 1 },
    { rule: "rcpt reply 451", matched: 3, fired: 3 },
  ]);
  faults.replace([parseFault("rcpt reply 451")], { seed: 3 });
  assertEquals(faults.report(), [{ rule: "rcpt reply 451", matched: 0, fired: 0 }]);
  assertEquals(faults.seed, 3);
  faults.replace([]);
  assertEquals([faults.report(), faults.seed, faults.meet(RCPT)], [[], 0, undefined]);
});

const ALL: FaultScope = {
  services: ["smtp", "smtps"],
  tls: true,
  auth: true,
  maxSize: 1000,
};

Deno.test("a rule that can never fire on a server is refused, and the others stay", () => {
  const table: readonly (readonly [rule: string, scope: FaultScope, problem: string])[] = [
    ["tls fail", { ...ALL, tls: false }, "there is no certificate"],
    ["starttls drop", { ...ALL, tls: false }, "there is no certificate"],
    [
      "starttls service=smtps drop",
      ALL,
      "TLS begins before anything is said there",
    ],
    ["auth drop", { ...ALL, auth: false }, "there are no accounts"],
    ["rcpt service=submission drop", ALL, "there is no service submission"],
    ["content after=1000 drop", ALL, "no message is of more than 1000 octets"],
  ];
  for (const [text, scope, problem] of table) {
    const message = `Cannot use the fault rule ${JSON.stringify(text)}: ${problem}`;
    const faults = faultsOf(text);
    assertThrows(() => faults.bind(scope), RangeError, message);
    const bound = faultsOf("rcpt drop");
    bound.bind(scope);
    assertThrows(() => bound.replace([parseFault(text)]), RangeError, message);
    assertEquals(bound.report(), [{ rule: "rcpt drop", matched: 0, fired: 0 }]);
  }
  faultsOf("any drop", "tls fail", "content after=999 drop").bind(ALL);
});

Deno.test("rules that were not read from text are held to what can be done", () => {
  const rule = { ...parseFault("quit drop"), effect: parseFault("rcpt reply 451").effect };
  assertThrows(() => new Faults([rule]), RangeError, "reply cannot be done at quit");
});

Deno.test("too many rules and seeds that are none are refused", () => {
  const rule = parseFault("rcpt drop");
  assertEquals(new Faults(Array(100).fill(rule)).report().length, 100);
  assertThrows(() => new Faults(Array(101).fill(rule)), RangeError, "100 at most");
  assertEquals(new Faults([], { seed: MAX_SEED }).seed, MAX_SEED);
  for (const seed of [-1, 0.5, NaN, MAX_SEED + 1]) {
    assertThrows(() => new Faults([], { seed }), RangeError, "a whole number from 0 to 4294967295");
  }
});
