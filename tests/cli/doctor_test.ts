import { assert, assertEquals, assertMatch } from "@std/assert";
import { diagnose } from "../../lib/cli/doctor.ts";
import type { Key } from "../../lib/config/names.ts";
import { resolveConfig } from "../../lib/config/sources.ts";
import { FakeClock } from "../net/fake_clock.ts";
import { call, testSystem } from "./surroundings.ts";
import { bindFails, diagnosed, flagsAt, never, place, rejecting, world } from "./doctor/fixture.ts";

Deno.test("where all is well, everything is ok, in one order, and it exits with 0", async () => {
  using at = place();
  const { code, lines, err } = await diagnosed(flagsAt(at));
  assertEquals(lines.filter(({ status }) => status !== "ok"), []);
  assertEquals(lines.map(({ topic }) => topic), [
    ...["deno", "open files", "disk", "inodes", "file system", "fsync", "clock", "settings"],
    ...["directories", "certificate", "relaying", "queue lock", "queue", "port 25", "hostname"],
    ...["reverse dns", "mx example.test", "spf example.test", "spf mx.test", "name server"],
    "outbound",
  ]);
  assertEquals([code, err], [0, "0 failed, 0 warnings, 21 ok, 0 not looked at"]);
  assert(!(await Deno.stat(at.queue).catch(() => false)), "it makes nothing");
});

Deno.test("what a name server does not answer is not held against anything else", async () => {
  using at = place();
  const { lines } = await diagnosed(flagsAt(at), {
    changes: { dns: rejecting(new Error("Cannot ask")) },
  });
  const bad = lines.filter(({ status }) => status === "fail").map(({ topic }) => topic);
  assertEquals(bad, ["name server"]);
  const unknown = lines.filter(({ status }) => status === "skip").map(({ topic }) => topic);
  assertEquals(unknown, [
    ...["clock", "hostname", "reverse dns", "mx example.test", "spf example.test", "spf mx.test"],
    "outbound",
  ]);
});

Deno.test("nothing is waited for without end", async () => {
  using at = place();
  const flags = { ...flagsAt(at), tlsCert: undefined, tlsKey: undefined };
  const given = Object.fromEntries(Object.entries(flags).filter(([, texts]) => texts));
  const silent = (_: unknown, signal?: AbortSignal) => never(signal!);
  const hosts = await diagnosed(given, {
    changes: {
      ...bindFails(new Deno.errors.AddrInUse()),
      greeting: (_, signal) => never(signal),
      webTime: (_, __, signal) => never(signal),
    },
    wait: 10_000,
  });
  const found = (topic: string, { lines }: typeof hosts) =>
    lines.find((line) => line.topic === topic)?.found;
  assertEquals(found("port 25", hosts), "the smtp port is taken");
  assertEquals(
    found("outbound", hosts),
    "cannot connect to mail.probe.test port 25 (no answer in 5 seconds)",
  );
  assertEquals(found("clock", hosts), "not known, it took more than 8 seconds");

  const dns = { mx: silent, a: silent, aaaa: silent, ptr: silent, txt: silent };
  const names = await diagnosed(given, { changes: { dns }, wait: 10_000 });
  for (const topic of ["hostname", "reverse dns", "mx example.test", "outbound"]) {
    assertEquals(found(topic, names), "not known, it took more than 8 seconds", topic);
  }
});

Deno.test("where nobody else comes and no mail goes out, no names are asked for", async () => {
  const flags = { queue: ["/none"], noQueue: ["true"], host: ["127.0.0.1"], route: ["discard"] };
  const { lines, code } = await diagnosed(flags, { probe: null });
  const skipped = lines.filter(({ status }) => status !== "ok").map(({ topic }) => topic);
  assertEquals(skipped, ["disk", "clock", "queue", "hostname", "reverse dns"]);
  assertEquals(code, 0);
});

Deno.test("many domains and routes are looked at up to a limit", async () => {
  const numbers = Array.from({ length: 25 }, (_, number) => number);
  const { lines } = await diagnosed({
    noQueue: ["true"],
    maildir: [Deno.cwd()],
    localDomain: numbers.map((number) => `d${number}.test`),
    routes: numbers.map((number) => `r${number}.test lmtp://other.test:${1000 + number}`),
  });
  const count = (start: string) => lines.filter(({ topic }) => topic.startsWith(start)).length;
  assertEquals([count("mx "), count("outbound"), count("route ")], [20, 1, 4]);
  const founds = lines.map(({ found }) => found);
  assert(founds.includes("5 more local domains are not looked at"));
  assert(founds.includes("21 more next hops are not looked at"));
});

Deno.test("a line for people has status, topic, what was found and the mend", async () => {
  using at = place();
  const config = resolveConfig({
    flags: new Map(Object.entries({ ...flagsAt(at), relayFrom: ["::/0"] }) as [Key, string[]][]),
    environment: new Map(),
  }, testSystem);
  const lines: string[] = [];
  const around = { out: (line: string) => lines.push(line), err: () => {} };
  const options = { probe: "probe.test", isJson: false };
  await diagnose(config, world(new FakeClock()), options, around);
  assert(lines.includes(`ok    deno              Deno 2.9.6 can do TLS as a server`), lines[0]);
  assert(
    lines.includes(
      "fail  relaying          whoever is in ::/0 may relay to any domain: it is an open relay, " +
        "which others will send spam by: give the networks of your own clients to --relay-from",
    ),
    lines.join("\n"),
  );
});

Deno.test("doctor refuses what it cannot use in one line", async (t) => {
  const refused: [args: string[], code: number, err: RegExp][] = [
    [["--probe", "a b"], 64, /^smtpd: cannot use --probe a b: give a domain .*, or off\n$/],
    [["now"], 64, /^smtpd: one argument too many, now: write smtpd doctor \[flags\]\n$/],
    [["--port", "x"], 64, /^smtpd: cannot use --port x: /],
  ];
  for (const [args, code, err] of refused) {
    await t.step(args.join(" "), async () => {
      const outcome = await call(["doctor", ...args]);
      assertEquals([outcome.code, outcome.out], [code, ""]);
      assertMatch(outcome.err, err);
    });
  }
});
