/**
 * The policies that were fetched, kept until they expire: in memory, and in a directory with one small
 * file for each domain, so that nobody gets rid of them by waiting for a restart (RFC 8461 section 10.2).
 *
 * ```json
 * { "domain": "x.test", "id": "20260101", "fetched": "2026-01-01T00:00:00.000Z", "policy": "version: ..." }
 * ```
 *
 * @module
 */
import type { Clock } from "../../net/clock.ts";
import { type Log, noLog } from "../../net/log.ts";
import { parseDomain } from "../../policy/domain.ts";
import { MAX_POLICY, parsePolicy, type PolicyText } from "./policy.ts";

/** A policy that was fetched. */
export interface FetchedPolicy {
  /** The domain, as `parseDomain` writes it. */
  readonly domain: string;
  /** The identifier that the TXT record had. */
  readonly id: string;
  /** When it was asked for, in milliseconds since the epoch. */
  readonly fetched: number;
  /** The text as it came. */
  readonly text: string;
  /** What the text says. */
  readonly policy: PolicyText;
}

/** How policies are kept. */
export interface PolicyCacheOptions {
  /** Where the time comes from. */
  readonly clock: Pick<Clock, "now">;
  /** Where the files are; made when it is needed. In memory alone if left out. */
  readonly directory?: string;
  /** Whether the files are somebody else's, and are only read. */
  readonly isReadOnly?: boolean;
  /** Who is told what cannot be read or written. */
  readonly log?: Log;
  /** How many policies are kept; 1,000 if left out. */
  readonly most?: number;
}

const MOST = 1_000;
/** The largest file that is read: JSON may write one character of the text as six. */
const MAX_FILE = 6 * MAX_POLICY + 4096;
/** How old the remains of a write have to be before they are swept away, in milliseconds. */
const STALE = 60_000;
const ENDING = ".json";
/** What a file is called until it is whole. */
const TEMPORARY = ".new";

interface Kept extends FetchedPolicy {
  /** When mail last asked for it. */
  readonly used: number;
}

/** When a policy is too old to be kept to, in milliseconds since the epoch. */
function expiryOf({ fetched, policy }: FetchedPolicy): number {
  return fetched + policy.maxAge * 1000;
}

/** Keeps policies. */
export class PolicyCache {
  readonly #clock: Pick<Clock, "now">;
  readonly #directory: string | undefined;
  readonly #isReadOnly: boolean;
  readonly #log: Log;
  readonly #most: number;
  /** Those used last at the end. */
  readonly #kept = new Map<string, Kept>();
  #loading: Promise<void> | undefined;

  /** Makes a cache; nothing is read yet. */
  constructor(options: PolicyCacheOptions) {
    const { clock, directory, isReadOnly = false, log = noLog, most = MOST } = options;
    this.#clock = clock;
    this.#isReadOnly = isReadOnly;
    this.#directory = directory;
    this.#log = log;
    this.#most = most;
  }

  /** Reads what is in the directory, once. What cannot be read is logged. */
  load(): Promise<void> {
    return this.#loading ??= this.#load();
  }

  /** The policy of a domain that has not expired. */
  get(domain: string): FetchedPolicy | undefined {
    const kept = this.#kept.get(domain);
    return kept !== undefined && this.#clock.now() < expiryOf(kept) ? kept : undefined;
  }

  /** As {@linkcode get}, for mail: policies that are used are kept longest. */
  use(domain: string): FetchedPolicy | undefined {
    const policy = this.get(domain);
    if (policy === undefined) return undefined;
    this.#kept.delete(domain);
    this.#kept.set(domain, { ...policy, used: this.#clock.now() });
    return policy;
  }

  /** The policies that mail has asked for as lately as they are long-lived. */
  inUse(): FetchedPolicy[] {
    const now = this.#clock.now();
    return [...this.#kept.values()].filter((kept) =>
      now < expiryOf(kept) && now - kept.used < kept.policy.maxAge * 1000
    );
  }

  /** Keeps a policy in the place of the one before. It is in force before it is written. */
  async put(policy: FetchedPolicy): Promise<void> {
    const now = this.#clock.now();
    const used = this.#kept.get(policy.domain)?.used ?? now;
    this.#kept.set(policy.domain, { ...policy, used });
    const dropped: string[] = [];
    for (const [domain, kept] of this.#kept) {
      if (now >= expiryOf(kept)) dropped.push(domain);
    }
    for (const domain of dropped) this.#kept.delete(domain);
    for (const domain of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) break;
      this.#kept.delete(domain);
      dropped.push(domain);
    }
    if (this.#directory === undefined || this.#isReadOnly) return;
    if (this.#kept.has(policy.domain)) await this.#write(this.#directory, policy);
    for (const domain of dropped) await this.#remove(`${this.#directory}/${domain}${ENDING}`);
  }

  async #write(directory: string, { domain, id, fetched, text }: FetchedPolicy): Promise<void> {
    const path = `${directory}/${domain}${ENDING}`;
    const temporary = `${directory}/${crypto.randomUUID()}${TEMPORARY}`;
    const record = { domain, id, fetched: new Date(fetched).toISOString(), policy: text };
    const octets = new TextEncoder().encode(`${JSON.stringify(record)}\n`);
    try {
      await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
      {
        using file = await Deno.open(temporary, { write: true, createNew: true, mode: 0o600 });
        for (let at = 0; at < octets.length;) at += await file.write(octets.subarray(at));
        await file.syncData();
      }
      await Deno.rename(temporary, path);
    } catch (error) {
      this.#complain(path, error);
      await this.#remove(temporary);
    }
  }

  async #remove(path: string): Promise<void> {
    if (this.#isReadOnly) return;
    try {
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#complain(path, error);
    }
  }

  #complain(path: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log("warn", "mta-sts-cache-bad", { path, error: reason });
  }

  async #load(): Promise<void> {
    const directory = this.#directory;
    if (directory === undefined) return;
    const found: Kept[] = [];
    try {
      for await (const { name } of Deno.readDir(directory)) {
        const path = `${directory}/${name}`;
        if (!name.endsWith(ENDING)) {
          await this.#sweep(path);
          continue;
        }
        const policy = await this.#read(path, name.slice(0, -ENDING.length));
        if (policy !== undefined) found.push({ ...policy, used: policy.fetched });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#complain(directory, error);
    }
    found.sort((a, b) => a.fetched - b.fetched);
    const surplus = found.splice(0, Math.max(0, found.length - this.#most));
    for (const { domain } of surplus) await this.#remove(`${directory}/${domain}${ENDING}`);
    for (const kept of found) this.#kept.set(kept.domain, kept);
  }

  /** Takes away what a write left behind that did not come to its end. */
  async #sweep(path: string): Promise<void> {
    if (!path.endsWith(TEMPORARY)) return;
    try {
      const { isFile, mtime } = await Deno.lstat(path);
      const age = this.#clock.now() - (mtime?.getTime() ?? 0);
      if (isFile && age > STALE) await this.#remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) this.#complain(path, error);
    }
  }

  /** Reads one file; one that is of no use any more is taken away. */
  async #read(path: string, name: string): Promise<FetchedPolicy | undefined> {
    let policy: FetchedPolicy;
    try {
      const { isFile, size } = await Deno.lstat(path);
      if (!isFile || size > MAX_FILE) throw new SyntaxError("Cannot read it: it is no small file");
      policy = readRecord(await Deno.readTextFile(path), name, this.#clock.now());
    } catch (error) {
      this.#complain(path, error);
      if (error instanceof SyntaxError) await this.#remove(path);
      return undefined;
    }
    if (this.#clock.now() < expiryOf(policy)) return policy;
    await this.#remove(path);
    return undefined;
  }
}

/** Reads the JSON of one file. */
function readRecord(json: string, name: string, now: number): FetchedPolicy {
  const value: unknown = JSON.parse(json);
  const members = new Map(Object.entries(typeof value === "object" && value !== null ? value : {}));
  const [domain, id, time, text] = ["domain", "id", "fetched", "policy"].map((key) => {
    const member: unknown = members.get(key);
    if (typeof member !== "string") throw new SyntaxError(`Cannot read it: ${key} is no string`);
    return member;
  });
  // Time that was set back since must not make a policy last longer.
  const fetched = Math.min(Date.parse(time), now);
  if (Number.isNaN(fetched)) throw new SyntaxError("Cannot read it: fetched is no time");
  if (domain !== name || parseDomain(domain) !== domain) {
    throw new SyntaxError("Cannot read it: domain is not that of the file");
  }
  return { domain, id, fetched, text, policy: parsePolicy(text) };
}
