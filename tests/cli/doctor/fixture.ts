/** Machines, networks and settings for the tests of doctor, in which all is well but for what a test plants. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { diagnose } from "../../../lib/cli/doctor.ts";
import type { World } from "../../../lib/cli/doctor/world.ts";
import { OPTIONS } from "../../../lib/config.ts";
import type { Key } from "../../../lib/config/names.ts";
import { resolveConfig } from "../../../lib/config/sources.ts";
import type { Dns, MxRecord } from "../../../lib/relay/dns.ts";
import { temporaryDirectory } from "../../e2e/smtpd.ts";
import { FakeClock } from "../../net/fake_clock.ts";
import { AUTHORITY, MX, type Pair } from "../../net/tls_fixture.ts";
import { testSystem } from "../surroundings.ts";

export const HOST = "mx.test";
export const ADDRESS = "203.0.113.5";
export const GREETING = `220 ${HOST} ESMTP smtpd`;
export const DAY = 86_400_000;

/** The records of a name server, by type and name. What is not there does not exist. */
export interface Records {
  readonly mx: Readonly<Record<string, readonly MxRecord[]>>;
  readonly a: Readonly<Record<string, readonly string[]>>;
  readonly ptr: Readonly<Record<string, readonly string[]>>;
  readonly txt: Readonly<Record<string, readonly string[]>>;
}

export const RECORDS: Records = {
  mx: {
    "example.test": [{ preference: 10, exchange: "MX.test." }],
    "probe.test": [{ preference: 10, exchange: "mail.probe.test." }],
  },
  a: {
    [HOST]: [ADDRESS],
    "mail.probe.test": ["203.0.113.9"],
    "probe.test": ["203.0.113.8"],
    "other.test": ["203.0.113.7"],
  },
  ptr: { "5.113.0.203.in-addr.arpa": ["MX.test."] },
  txt: { "example.test": ["v=spf1 mx -all"], [HOST]: ["v=spf1 a -all"] },
};

export function dnsOf({ mx, a, ptr, txt }: Records): Dns {
  return {
    mx: (name) => Promise.resolve(mx[name] ?? []),
    a: (name) => Promise.resolve(a[name] ?? []),
    aaaa: () => Promise.resolve([]),
    ptr: (name) => Promise.resolve(ptr[name] ?? []),
    txt: (name) => Promise.resolve(txt[name] ?? []),
  };
}

export function rejecting(error: Error): Dns {
  const ask = () => Promise.reject(error);
  return { mx: ask, a: ask, aaaa: ask, ptr: ask, txt: ask };
}

/** Settles when it is told to give up. */
export function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** A world in which all is well. */
export function world(clock: FakeClock, changes: Partial<World> = {}): World {
  return {
    dns: dnsOf(RECORDS),
    clock,
    denoVersion: "2.9.6",
    os: "linux",
    addresses: () => ["127.0.0.1", ADDRESS],
    bind: () => {},
    greeting: () => Promise.resolve("220 mail.probe.test ESMTP"),
    connect: () => Promise.resolve(),
    hasServer: () => Promise.resolve(false),
    openable: (most) => most,
    fileSystem: () => ({ kind: 0xef53, free: 1e12, files: 1e6, freeFiles: 9e5 }),
    sync: () => 1,
    webTime: () => Promise.resolve(Math.floor(clock.now() / 1000) * 1000),
    ...changes,
  };
}

export interface Line {
  readonly status: "ok" | "warn" | "fail" | "skip";
  readonly topic: string;
  readonly found: string;
  readonly mend?: string;
}

/** A folder with the certificates of the fixture, a queue, and what a test adds. */
export interface Place {
  readonly path: string;
  readonly queue: string;
}

export type Flags = Partial<Record<Key, readonly string[]>>;

/** The flags of a server with which all is well. */
export function flagsAt({ path, queue }: Place): Flags {
  return {
    hostname: [HOST],
    localDomain: ["example.test"],
    tlsCert: [`${path}/mx.crt`],
    tlsKey: [`${path}/mx.key`],
    queue: [queue],
  };
}

export function writePair(path: string, { certificate, key }: Pair): void {
  Deno.writeTextFileSync(`${path}/mx.crt`, certificate + AUTHORITY);
  Deno.writeTextFileSync(`${path}/mx.key`, key, { mode: 0o600 });
}

export function place(): Place & Disposable {
  const directory = temporaryDirectory();
  const { path } = directory;
  writePair(path, MX);
  return Object.assign(directory, { queue: `${path}/queue` });
}

/** What is seen with these settings in this world, on a clock that may go on while it looks. */
export async function diagnosed(
  flags: Flags,
  { changes = {}, probe = "probe.test", wait = 0 }: {
    readonly changes?: Partial<World>;
    readonly probe?: string | null;
    readonly wait?: number;
  } = {},
): Promise<{ readonly code: number; readonly lines: readonly Line[]; readonly err: string }> {
  const texts = Object.entries(flags) as [Key, readonly string[]][];
  const members = texts.filter(([key]) => OPTIONS[key].fileOnly)
    .map(([key, texts]) => [key, OPTIONS[key].repeatable ? texts : texts[0]] as const);
  const config = resolveConfig({
    flags: new Map(texts.filter(([key]) => !OPTIONS[key].fileOnly)),
    environment: new Map(),
    file: { path: "smtpd.json", members },
  }, testSystem);
  const clock = new FakeClock();
  const lines: Line[] = [];
  let err = "";
  const running = diagnose(
    config,
    world(clock, changes),
    { probe: probe ?? undefined, isJson: true },
    { out: (line) => lines.push(JSON.parse(line)), err: (line) => err += line },
  );
  if (wait > 0) await clock.advance(wait);
  return { code: await running, lines, err };
}

/** One mistake: how it is made, and the finding that tells of it. */
export interface Mistake {
  readonly name: string;
  readonly flags?: Flags;
  readonly changes?: Partial<World>;
  /** What differs in the answers of the name server. */
  readonly records?: { readonly [T in keyof Records]?: Records[T] };
  readonly prepare?: (at: Place) => void | Promise<void>;
  /** What becomes of the flags in a folder that is known only then. */
  readonly flagsAt?: (at: Place) => Flags;
  readonly tells: [status: Line["status"], topic: string, found: RegExp, mend?: RegExp];
}

export const bindFails = (error: Error): Partial<World> => ({
  bind: () => {
    throw error;
  },
});

/** Registers the test of a kind of mistakes: each is told by its finding, with its mend. */
export function testMistakes(kind: string, mistakes: readonly Mistake[]): void {
  Deno.test(`each mistake has its finding and its mend: ${kind}`, async (t) => {
    for (const { name, flags, changes, records, prepare, flagsAt: more, tells } of mistakes) {
      await t.step(name, async () => {
        using at = place();
        await prepare?.(at);
        const dns = dnsOf({ ...RECORDS, ...records });
        const all = { ...flagsAt(at), ...flags, ...more?.(at) };
        const given = Object.fromEntries(Object.entries(all).filter(([, texts]) => texts.length));
        const { code, lines } = await diagnosed(given, { changes: { dns, ...changes } });
        const [status, topic, found, mend] = tells;
        const line = lines.find((line) => line.topic === topic && found.test(line.found));
        assert(line !== undefined, JSON.stringify(lines, undefined, 1));
        assertEquals(line.status, status);
        if (mend === undefined) assertEquals(line.mend, undefined);
        else assertMatch(line.mend ?? "", mend);
        assertEquals(code, lines.some(({ status }) => status === "fail") ? 78 : 0);
      });
    }
  });
}
