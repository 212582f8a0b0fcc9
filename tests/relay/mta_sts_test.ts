import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { LogFields } from "../../lib/net/log.ts";
import {
  type StsOptions,
  type StsPolicies,
  stsPolicies,
  type StsPolicy,
} from "../../lib/relay/mta_sts.ts";
import { turn } from "../net/fake_clock.ts";
import { dnsTable, type Records } from "./dns_table.ts";
import { FakeClock } from "./fake_clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** How long the policies of these tests are good for. */
const AGE = 4 * DAY;

function textOf(mode: string, age = AGE, mx = "mx.x.test"): string {
  return `version: STSv1\nmode: ${mode}\nmx: ${mx}\nmax_age: ${age / 1000}\n`;
}

/** A web host as it is now: what it says, why it does not, or nothing at all. */
type Web = string | Error | "hangs";

/** How a world keeps policies. */
type Keeping = Pick<StsOptions, "directory" | "isReadOnly" | "most">;

/** Domains on a clock of their own, which change as a test goes on. */
class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly asked: string[] = [];
  readonly fetched: string[] = [];
  readonly logged: [event: string, fields: LogFields][] = [];
  readonly #records: Record<string, Records> = {};
  readonly #webs = new Map<string, Web>();
  #policies: StsPolicies;
  readonly #options: Keeping;
  readonly #begun = this.clock.now();

  constructor(options: Keeping = {}) {
    this.#options = options;
    this.#policies = this.#open();
  }

  #open(): StsPolicies {
    return stsPolicies({
      ...this.#options,
      dns: dnsTable(this.#records, this.asked),
      clock: this.clock,
      log: (_level, event, fields) => this.logged.push([event, fields]),
      fetch: (domain, signal) => {
        this.fetched.push(domain);
        const web = this.#webs.get(domain) ?? new Error("Cannot fetch: no host");
        if (web === "hangs") {
          return new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
          });
        }
        return typeof web === "string" ? Promise.resolve(web) : Promise.reject(web);
      },
    });
  }

  /** Lets a domain have a record, or records, or none that can be asked for; and a web host. */
  set(domain: string, txt: string | string[] | "fails", web: Web): void {
    const records = txt === "fails" ? txt : typeof txt === "string" ? [recordOf(txt)] : txt;
    this.#records[`_mta-sts.${domain}`] = { txt: records };
    this.#webs.set(domain, web);
  }

  /** Asks for a policy; time passes only where nothing else can happen. */
  policyOf(domain: string): Promise<StsPolicy | undefined> {
    return this.clock.run(this.ask(domain));
  }

  /** Asks for a policy while time stands still, as reading and writing files needs it. */
  ask(
    domain: string,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<StsPolicy | undefined> {
    return this.#policies.policyFor(domain, signal);
  }

  /** Lets time pass. */
  async pass(time: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.clock.after(time, resolve);
    await this.clock.run(promise);
  }

  /** How long it is since the beginning. */
  get elapsed(): number {
    return this.clock.now() - this.#begun;
  }

  /** The names of the events that were logged, but for those of policies that came. */
  get complaints(): string[] {
    return this.logged.map(([event]) => event).filter((event) => event !== "mta-sts-policy");
  }

  restart(): void {
    this.#policies[Symbol.dispose]();
    this.#policies = this.#open();
  }

  close(): void {
    this.#policies[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await turn();
    assertEquals(this.clock.pending, 0);
  }
}

function recordOf(id: string): string {
  return `v=STSv1; id=${id};`;
}

const FAILED = ["mta-sts-failed"];
const UNKNOWN = ["mta-sts-record-unknown"];

/** What a policy is, in short. */
function told(policy: StsPolicy | undefined): string {
  return policy === undefined ? "none" : `${policy.mode} ${policy.id}`;
}

Deno.test("a policy is found where there is a record and a text, and both are good", async (t) => {
  const table: [
    name: string,
    txt: string | string[],
    web: Web,
    outcome: string,
    fetches: number,
  ][] = [
    ["both", "1", textOf("enforce"), "enforce 1", 1],
    ["in testing", "1", textOf("testing"), "testing 1", 1],
    ["one that asks for nothing", "1", textOf("none"), "none", 1],
    ["no record", [], textOf("enforce"), "none", 0],
    ["another record", ["v=spf1 -all"], textOf("enforce"), "none", 0],
    ["two records", [recordOf("1"), recordOf("2")], textOf("enforce"), "none", 0],
    ["a malformed record", ["v=STSv1; id=-"], textOf("enforce"), "none", 0],
    ["a record that cannot be asked for", "fails", textOf("enforce"), "none", 0],
    ["no text", "1", new Error("Cannot fetch"), "none", 1],
    ["a malformed text", "1", "<html>", "none", 1],
    ["a text that is over at once", "1", textOf("enforce", 0), "none", 1],
  ];
  for (const [name, txt, web, outcome, fetches] of table) {
    await t.step(name, async () => {
      await using world = new World();
      world.set("x.test", txt, web);
      assertEquals(told(await world.policyOf("x.test")), outcome);
      assertEquals(world.fetched.length, fetches);
      assertEquals(world.elapsed, 0);
    });
  }
});

Deno.test("a policy tells which hosts may be used", async () => {
  await using world = new World();
  world.set("x.test", "1", textOf("enforce", AGE, "*.mx.test"));
  const policy = await world.policyOf("x.test");
  assertEquals(policy?.domain, "x.test");
  assertEquals(policy?.mayUse("a.mx.test."), true);
  assertEquals(policy?.mayUse("mx.test"), false);
});

Deno.test("a domain is asked for by its A-labels, and its parents are not asked", async () => {
  await using world = new World();
  world.set("xn--bcher-kva.test", "1", textOf("enforce"));
  for (const domain of ["BÜCHER.test", "xn--bcher-kva.test.", "xn--bcher-kva.test"]) {
    assertEquals(told(await world.policyOf(domain)), "enforce 1", domain);
  }
  assertEquals(told(await world.policyOf("a.xn--bcher-kva.test")), "none");
  const long = Array(31).fill("a2345678").join(".").slice(0, 245);
  for (const domain of ["[192.0.2.1]", "192.0.2.1", "", "../x", "a..b", `${long}`]) {
    assertEquals(told(await world.policyOf(domain)), "none", domain);
  }
  assertEquals(world.asked, [
    "_mta-sts.xn--bcher-kva.test txt",
    "_mta-sts.a.xn--bcher-kva.test txt",
  ]);
});

Deno.test("the record is asked for every five minutes, the text when the record changes", async () => {
  await using world = new World();
  world.set("x.test", "1", textOf("testing"));
  assertEquals(told(await world.policyOf("x.test")), "testing 1");
  world.set("x.test", "2", textOf("enforce"));
  await world.pass(5 * MINUTE - 1);
  assertEquals(told(await world.policyOf("x.test")), "testing 1");
  assertEquals([world.asked.length, world.fetched.length], [1, 1]);
  await world.pass(1);
  assertEquals(told(await world.policyOf("x.test")), "enforce 2");
  assertEquals([world.asked.length, world.fetched.length], [2, 2]);
  await world.pass(5 * MINUTE);
  assertEquals(told(await world.policyOf("x.test")), "enforce 2");
  assertEquals([world.asked.length, world.fetched.length], [3, 2]);
});

Deno.test("that a domain has no policy is known for five minutes", async () => {
  await using world = new World();
  assertEquals(told(await world.policyOf("x.test")), "none");
  world.set("x.test", "1", textOf("enforce"));
  await world.pass(5 * MINUTE - 1);
  assertEquals(told(await world.policyOf("x.test")), "none");
  assertEquals(world.asked.length, 1);
  await world.pass(1);
  assertEquals(told(await world.policyOf("x.test")), "enforce 1");
});

Deno.test("a policy is kept to until it expires, whatever stands in the way of another", async (t) => {
  const obstacles: [name: string, txt: string | string[] | "fails", web: Web][] = [
    ["no record", [], new Error("Cannot fetch")],
    ["two records", [recordOf("2"), recordOf("3")], new Error("Cannot fetch")],
    ["no name server", "fails", new Error("Cannot fetch")],
    ["no web host", "2", new Error("Cannot fetch")],
    ["another page", "2", "<html>"],
    ["the same record, no web host", "1", new Error("Cannot fetch")],
    ["no record, another page", [], "<html>"],
  ];
  for (const [name, txt, web] of obstacles) {
    await t.step(name, async () => {
      await using world = new World();
      world.set("x.test", "1", textOf("enforce"));
      await world.policyOf("x.test");
      world.set("x.test", txt, web);
      await world.pass(AGE - 1);
      assertEquals(told(await world.policyOf("x.test")), "enforce 1");
      await world.pass(1);
      assertEquals(told(await world.policyOf("x.test")), "none");
      assertEquals(
        new Set(world.complaints),
        new Set([...FAILED, ...txt === "fails" ? UNKNOWN : []]),
      );
    });
  }
});

Deno.test("a policy whose record is kept from us is fetched anew all the same", async () => {
  await using world = new World();
  world.set("x.test", "1", textOf("enforce"));
  await world.policyOf("x.test");
  world.set("x.test", [], textOf("enforce"));
  await world.pass(AGE - HOUR);
  assertEquals(told(await world.policyOf("x.test")), "enforce 1");
  await world.pass(AGE - HOUR);
  assertEquals(told(await world.policyOf("x.test")), "enforce 1");
});

Deno.test("a domain takes its policy back with one that asks for nothing", async (t) => {
  for (const [name, text] of [["none", textOf("none")], ["no life", textOf("enforce", 0)]]) {
    await t.step(name, async () => {
      await using world = new World();
      world.set("x.test", "1", textOf("enforce"));
      await world.policyOf("x.test");
      world.set("x.test", "2", text);
      await world.pass(5 * MINUTE);
      assertEquals(told(await world.policyOf("x.test")), "none");
    });
  }
});

Deno.test("a fetch that failed is tried again after five minutes, and logged", async () => {
  await using world = new World();
  world.set("x.test", "1", new Error("Cannot fetch the policy: the answer is 404, not 200"));
  for (let asked = 0; asked < 3; asked++) await world.policyOf("x.test");
  assertEquals(world.fetched.length, 1);
  assertEquals(world.logged, [["mta-sts-failed", {
    domain: "x.test",
    id: "1",
    kept: undefined,
    error: "Cannot fetch the policy: the answer is 404, not 200",
  }]]);
  world.set("x.test", "1", textOf("enforce"));
  await world.pass(5 * MINUTE);
  assertEquals(told(await world.policyOf("x.test")), "enforce 1");
});

Deno.test("all who ask at once share one question and one fetch", async () => {
  await using world = new World();
  world.set("x.test", "1", textOf("enforce"));
  const policies = Array.from({ length: 100 }, () => world.ask("x.test"));
  const found = await world.clock.run(Promise.all(policies));
  assertEquals(new Set(found.map(told)), new Set(["enforce 1"]));
  assertEquals([world.asked.length, world.fetched.length], [1, 1]);
});

Deno.test("one who gives up does not end it for the others", async () => {
  await using world = new World();
  world.set("x.test", "1", "hangs");
  const controller = new AbortController();
  const first = world.ask("x.test", controller.signal);
  const second = world.ask("x.test");
  controller.abort(new Error("enough"));
  await assertRejects(() => first, Error, "enough");
  assertEquals(told(await world.clock.run(second)), "none");
  assertEquals(world.elapsed, MINUTE);
  assertEquals(world.fetched.length, 1);
  await assertRejects(() => world.ask("x.test", AbortSignal.abort(new Error("no"))), Error, "no");
});

Deno.test("mail waits a minute for its first policy, and ten seconds for another", async () => {
  await using world = new World();
  world.set("y.test", "1", "hangs");
  assertEquals(told(await world.policyOf("y.test")), "none");
  assertEquals(world.elapsed, MINUTE);
  assertMatch(String(world.logged[0][1].error), /in time/);

  world.set("x.test", "1", textOf("enforce"));
  await world.policyOf("x.test");
  world.set("x.test", "2", "hangs");
  await world.pass(5 * MINUTE);
  const before = world.elapsed;
  assertEquals(told(await world.policyOf("x.test")), "enforce 1");
  assertEquals(world.elapsed - before, 10_000);
});

Deno.test("a policy that is a day old is fetched anew while mail goes by it", async () => {
  await using world = new World();
  world.set("x.test", "1", textOf("enforce"));
  await world.policyOf("x.test");
  world.set("x.test", "1", "hangs");
  // Rounds are for those that no mail asks for: this one is at once.
  await world.pass(DAY - 30 * MINUTE);
  assertEquals(world.fetched.length, 1);
  await world.pass(30 * MINUTE);
  const before = world.elapsed;
  assertEquals(told(await world.policyOf("x.test")), "enforce 1");
  assertEquals(world.elapsed, before);
  assertEquals(world.fetched.length, 2);
});

Deno.test("a fetch that nobody waited for is tried again five minutes after it failed", async () => {
  await using world = new World();
  // Rounds begin with the first question, so that none comes between what follows.
  await world.policyOf("y.test");
  await world.pass(30 * MINUTE);
  world.set("x.test", "1", textOf("enforce"));
  await world.policyOf("x.test");
  world.set("x.test", "1", "hangs");
  await world.pass(DAY);
  const fetches = [];
  for (let asked = 0; asked < 3; asked++) {
    assertEquals(told(await world.policyOf("x.test")), "enforce 1");
    fetches.push(world.fetched.length);
    await world.pass(5 * MINUTE);
  }
  // The first one failed after a minute, so that it was four minutes ago when mail came again.
  assertEquals(fetches, [2, 2, 3]);
});

Deno.test("a policy is fetched anew every day, or at half its life, without mail", async (t) => {
  for (const [age, fetches] of [[AGE, 4], [8 * HOUR, 2]]) {
    await t.step(`${age / HOUR} h`, async () => {
      await using world = new World();
      world.set("x.test", "1", textOf("enforce", age));
      await world.policyOf("x.test");
      await world.pass(age === AGE ? 3 * DAY + HOUR : 5 * HOUR);
      assertEquals(world.fetched.length, fetches);
      assertEquals(world.asked.length, fetches);
      world.set("x.test", [], new Error("Cannot fetch"));
      await world.pass(age / 2);
      assertEquals(told(await world.policyOf("x.test")), "enforce 1");
    });
  }
});

Deno.test("a policy that no mail asks for in all its life is left to expire", async () => {
  await using world = new World();
  world.set("x.test", "1", textOf("enforce"));
  await world.policyOf("x.test");
  await world.pass(3 * AGE);
  const fetches = world.fetched.length;
  assert(fetches >= 3 && fetches <= 5, `${fetches} fetches`);
  world.set("x.test", [], new Error("Cannot fetch"));
  assertEquals(told(await world.policyOf("x.test")), "none");
});

Deno.test("of too many policies those that were not used for longest are dropped", async () => {
  await using world = new World({ most: 3 });
  const domains = ["a.test", "b.test", "c.test", "d.test"];
  for (const domain of domains) world.set(domain, "1", textOf("enforce"));
  for (const domain of ["a.test", "b.test", "c.test", "a.test", "d.test"]) {
    assertEquals(told(await world.policyOf(domain)), "enforce 1");
  }
  for (const domain of domains) world.set(domain, [], new Error("Cannot fetch"));
  const left = await Promise.all(domains.map((domain) => world.ask(domain)));
  assertEquals(left.map(told), ["enforce 1", "none", "enforce 1", "enforce 1"]);
});

Deno.test("what is under way ends when the policies are disposed of", async () => {
  await using world = new World();
  world.set("x.test", "1", "hangs");
  const asking = world.ask("x.test");
  while (world.fetched.length === 0) await turn();
  world.close();
  await assertRejects(() => asking, Error, "Cannot go on");
  assertEquals(world.complaints, []);
  await assertRejects(() => world.ask("x.test"), Error, "Cannot go on");
});

/** A directory that does not exist yet, and how its files look. */
function stateDirectory() {
  const parent = Deno.makeTempDirSync({ prefix: "smtpd-sts-" });
  const path = `${parent}/mta-sts`;
  return {
    path,
    names: () => [...Deno.readDirSync(path)].map(({ name }) => name).sort(),
    [Symbol.dispose]: () => Deno.removeSync(parent, { recursive: true }),
  };
}

Deno.test("policies outlive a restart in small files", async () => {
  using directory = stateDirectory();
  await using world = new World({ directory: directory.path });
  world.set("x.test", "1", textOf("enforce"));
  world.set("y.test", "1", textOf("none"));
  await world.ask("X.test");
  await world.ask("y.test");
  assertEquals(directory.names(), ["x.test.json", "y.test.json"]);
  const path = `${directory.path}/x.test.json`;
  assertEquals(JSON.parse(Deno.readTextFileSync(path)), {
    domain: "x.test",
    id: "1",
    fetched: "2030-01-01T00:00:00.000Z",
    policy: textOf("enforce"),
  });
  if (Deno.build.os !== "windows") {
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assertEquals(Deno.statSync(directory.path).mode! & 0o777, 0o700);
  }
  for (const domain of ["x.test", "y.test"]) world.set(domain, [], new Error("Cannot fetch"));
  world.restart();
  assertEquals(told(await world.ask("x.test")), "enforce 1");
  assertEquals(told(await world.ask("y.test")), "none");
  assertEquals(world.fetched.length, 2);
  assertEquals(world.complaints, []);

  // The life of a policy begins with its fetch, not with the start of the server.
  await world.pass(AGE);
  world.restart();
  assertEquals(told(await world.ask("x.test")), "none");
  assertEquals(directory.names(), []);
});

Deno.test("files are replaced, taken away with their policy, and bounded in number", async () => {
  using directory = stateDirectory();
  await using world = new World({ directory: directory.path, most: 2 });
  for (const domain of ["a.test", "b.test", "c.test"]) {
    world.set(domain, "1", textOf("enforce"));
    await world.ask(domain);
  }
  assertEquals(directory.names(), ["b.test.json", "c.test.json"]);
  world.set("b.test", "2", textOf("testing"));
  world.set("c.test", "2", textOf("enforce", 0));
  world.restart();
  assertEquals(told(await world.ask("b.test")), "testing 2");
  assertEquals(told(await world.ask("c.test")), "none");
  assertEquals(directory.names(), ["b.test.json"]);
  world.restart();
  world.set("b.test", [], new Error("Cannot fetch"));
  assertEquals(told(await world.ask("b.test")), "testing 2");
});

Deno.test("a file that cannot be used is logged and taken away, and stops nothing", async () => {
  using directory = stateDirectory();
  Deno.mkdirSync(directory.path);
  const good = { domain: "x.test", id: "1", fetched: "2029-12-31", policy: textOf("enforce") };
  const files: [name: string, content: string][] = [
    ["empty.test", ""],
    ["cut.test", JSON.stringify({ ...good, domain: "cut.test" }).slice(0, -3)],
    ["list.test", "[]"],
    ["null.test", "null"],
    ["other.test", JSON.stringify(good)],
    ["Upper.test", JSON.stringify({ ...good, domain: "Upper.test" })],
    ["time.test", JSON.stringify({ ...good, domain: "time.test", fetched: "soon" })],
    ["no-id.test", JSON.stringify({ ...good, domain: "no-id.test", id: 1 })],
    ["text.test", JSON.stringify({ ...good, domain: "text.test", policy: "version: STSv1" })],
    ["large.test", " ".repeat(1_000_000)],
  ];
  for (const [name, content] of files) {
    Deno.writeTextFileSync(`${directory.path}/${name}.json`, content);
  }
  Deno.writeTextFileSync(`${directory.path}/x.test.json`, JSON.stringify(good));
  Deno.writeTextFileSync(`${directory.path}/README`, "Mine");
  Deno.writeTextFileSync(`${directory.path}/old.new`, "half");
  Deno.utimeSync(`${directory.path}/old.new`, 0, 0);
  // Somebody else is writing this one now.
  Deno.writeTextFileSync(`${directory.path}/young.new`, "half");
  const now = new FakeClock().now() / 1000;
  Deno.utimeSync(`${directory.path}/young.new`, now, now);
  Deno.symlinkSync("/dev/zero", `${directory.path}/zero.test.json`);
  await using world = new World({ directory: directory.path });
  world.set("x.test", "1", new Error("Cannot fetch"));
  assertEquals(told(await world.ask("x.test")), "enforce 1");
  assertEquals(directory.names(), ["README", "x.test.json", "young.new"]);
  const complaints = world.logged.filter(([event]) => event === "mta-sts-cache-bad");
  assertEquals(complaints.length, files.length + 1);
  for (const [, { path, error }] of complaints) {
    assertMatch(String(path), /\.test\.json$/);
    assert(typeof error === "string" && error !== "");
  }
});

Deno.test("the files of another process are only read", async () => {
  using directory = stateDirectory();
  Deno.mkdirSync(directory.path);
  const record = {
    domain: "x.test",
    id: "1",
    fetched: "2029-12-31T12:00Z",
    policy: textOf("enforce"),
  };
  Deno.writeTextFileSync(`${directory.path}/x.test.json`, JSON.stringify(record));
  Deno.writeTextFileSync(`${directory.path}/bad.test.json`, "{");
  await using world = new World({ directory: directory.path, isReadOnly: true, most: 1 });
  for (const domain of ["x.test", "y.test"]) {
    world.set(domain, "1", textOf("enforce"));
    assertEquals(told(await world.ask(domain)), "enforce 1");
  }
  assertEquals(world.fetched, ["y.test"]);
  assertEquals(directory.names(), ["bad.test.json", "x.test.json"]);
});

Deno.test("a policy that was fetched in the future is taken to be fetched now", async () => {
  using directory = stateDirectory();
  Deno.mkdirSync(directory.path);
  const record = { domain: "x.test", id: "1", fetched: "2099-01-01", policy: textOf("enforce") };
  Deno.writeTextFileSync(`${directory.path}/x.test.json`, JSON.stringify(record));
  await using world = new World({ directory: directory.path });
  world.set("x.test", "fails", new Error("Cannot fetch"));
  assertEquals(told(await world.ask("x.test")), "enforce 1");
  await world.pass(AGE);
  assertEquals(told(await world.ask("x.test")), "none");
});

Deno.test("a policy is in force where it cannot be written", async () => {
  using directory = stateDirectory();
  Deno.writeTextFileSync(directory.path, "I am a file");
  await using world = new World({ directory: directory.path });
  world.set("x.test", "1", textOf("enforce"));
  assertEquals(told(await world.ask("x.test")), "enforce 1");
  assert(world.complaints.every((event) => event === "mta-sts-cache-bad"));
  assert(world.complaints.length > 0);
});
