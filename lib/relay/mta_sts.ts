/**
 * MTA-STS (RFC 8461): what the domains that mail goes to ask of its TLS. A domain publishes a policy on a
 * web host, whose certificate proves who wrote it, and an identifier of the policy in a TXT record, which
 * says when to fetch it anew.
 *
 * Whoever sits in the way can keep both from us. So a policy that was fetched once is kept to until it
 * expires, whatever becomes of records and hosts meanwhile, and is fetched anew long before that.
 *
 * @module
 */
import { type Clock, systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { parseDomain } from "../policy/domain.ts";
import type { Dns } from "./dns.ts";
import { type FetchedPolicy, PolicyCache } from "./mta_sts/cache.ts";
import { type PolicyFetch, policyFetch } from "./mta_sts/fetch.ts";
import { fitsPolicy, parsePolicy, type StsPolicy } from "./mta_sts/policy.ts";
import { policyIdOf, RECORD_LABEL } from "./mta_sts/record.ts";

export type { PolicyFetch } from "./mta_sts/fetch.ts";
export type { StsPolicy } from "./mta_sts/policy.ts";

/** The policies of all domains. Disposing ends what is under way, and the fetching of what gets old. */
export interface StsPolicies extends Disposable {
  /**
   * The policy of a domain, if it has one that asks for anything. It is looked for now, if that was not
   * done in the last five minutes; with a policy at hand, that is waited for no longer than ten seconds.
   *
   * @param domain what stands behind the `@` of the mailbox; its parents are not asked (RFC 8461 section 3.4)
   * @throws the reason of `signal`, once it is aborted, and an `Error` where the policies were disposed of
   */
  policyFor(domain: string, signal: AbortSignal): Promise<StsPolicy | undefined>;
}

/** What policies are found with. */
export interface StsOptions {
  /** Answers about names. */
  readonly dns: Dns;
  /** Where the time comes from. */
  readonly clock?: Clock;
  /** Where policies are kept across restarts; in memory alone if left out. */
  readonly directory?: string;
  /** Whether the directory is another process's, and is only read. */
  readonly isReadOnly?: boolean;
  /** Fetches the text of a policy; over HTTPS from port 443 if left out. */
  readonly fetch?: PolicyFetch;
  /** Who is told of policies that come, and that do not. */
  readonly log?: Log;
  /** How many policies are kept; 1,000 if left out. */
  readonly most?: number;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** How long a fetch may take (RFC 8461 section 3.3). */
const FETCH_TIME = MINUTE;
/** How long it takes until a record is asked for again, or a fetch that failed is tried again. */
const RETRY_AFTER = 5 * MINUTE;
/** How long mail waits for news of a policy where there is one to go by. */
const PATIENCE = 10_000;
/** How often the policies are gone through for those to fetch anew. */
const ROUND = 60 * MINUTE;
/** The longest domain before which there is room for the label of the record. */
const MAX_DOMAIN = 253 - `${RECORD_LABEL}.`.length;
/** Of how many domains it is remembered when they were asked about. */
const MOST_LOOKS = 10_000;

/** Makes what finds policies; nothing is read or asked yet. */
export function stsPolicies(options: StsOptions): StsPolicies {
  return new Policies(options);
}

class Policies implements StsPolicies {
  readonly #dns: Dns;
  readonly #clock: Clock;
  readonly #fetchText: PolicyFetch;
  readonly #log: Log;
  readonly #cache: PolicyCache;
  readonly #end = new AbortController();
  /** What is under way, by domain: each at most once at a time. */
  readonly #looks = new Map<string, Promise<void>>();
  readonly #fetches = new Map<string, Promise<void>>();
  /** When domains were last looked at, and when fetches failed; the oldest first. */
  readonly #lookedAt = new Map<string, number>();
  readonly #failedAt = new Map<string, number>();
  #round: Disposable | undefined;

  constructor(options: StsOptions) {
    const { dns, clock = systemClock, directory, isReadOnly, fetch, log = noLog, most } = options;
    this.#dns = dns;
    this.#clock = clock;
    this.#fetchText = fetch ?? policyFetch({ dns, clock });
    this.#log = log;
    this.#cache = new PolicyCache({ clock, directory, isReadOnly, log, most });
  }

  async policyFor(text: string, signal: AbortSignal): Promise<StsPolicy | undefined> {
    this.#end.signal.throwIfAborted();
    const domain = parseDomain(text);
    if (domain === undefined || domain.length > MAX_DOMAIN) return undefined;
    await this.#wait(this.#cache.load(), undefined, signal);
    this.#end.signal.throwIfAborted();
    this.#round ??= this.#nextRound();
    const known = this.#cache.use(domain);
    if (!this.#isRecent(this.#lookedAt, domain)) {
      await this.#wait(this.#look(domain), known && PATIENCE, signal);
    }
    // Mail must not take what was broken off here for a domain without a policy.
    this.#end.signal.throwIfAborted();
    return bindingOf(this.#cache.use(domain));
  }

  [Symbol.dispose](): void {
    this.#end.abort(new Error("Cannot go on: the MTA-STS policies are closed"));
    this.#round?.[Symbol.dispose]();
  }

  #isRecent(times: ReadonlyMap<string, number>, domain: string): boolean {
    const time = times.get(domain);
    // A clock that was set back must not keep us from asking.
    return time !== undefined && Math.abs(this.#clock.now() - time) < RETRY_AFTER;
  }

  #note(times: Map<string, number>, domain: string): void {
    times.delete(domain);
    times.set(domain, this.#clock.now());
    const [oldest] = times.keys();
    if (times.size > MOST_LOOKS) times.delete(oldest);
  }

  /** Waits for a step, which goes on if the time or the one who waits is up before. */
  async #wait(
    step: Promise<void>,
    limit: number | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    const timer = limit === undefined ? undefined : this.#clock.after(limit, resolve);
    step.then(resolve, reject);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
      timer?.[Symbol.dispose]();
    }
  }

  /** Asks for the record of a domain, and for its policy where the record says that there is another. */
  #look(domain: string): Promise<void> {
    return once(this.#looks, domain, async () => {
      const id = await this.#idOf(domain);
      const known = this.#cache.get(domain);
      if (id !== undefined && id !== known?.id) {
        await this.#fetch(domain, id);
      } else if (known !== undefined && this.#isOld(known)) {
        // Nobody has to wait for what most likely says the same. The record may be kept from us, which
        // must not make the policy expire (RFC 8461 section 3.3).
        void this.#fetch(domain, known.id);
      }
      this.#note(this.#lookedAt, domain);
    });
  }

  async #idOf(domain: string): Promise<string | undefined> {
    try {
      return policyIdOf(await this.#dns.txt(`${RECORD_LABEL}.${domain}`, this.#end.signal));
    } catch (error) {
      this.#log("debug", "mta-sts-record-unknown", { domain, error: reasonOf(error) });
      return undefined;
    }
  }

  #isOld({ fetched, policy }: FetchedPolicy): boolean {
    return this.#clock.now() - fetched >= Math.min(DAY, policy.maxAge * 1000 / 2);
  }

  /** Fetches a policy and keeps it. That it cannot be had is logged. */
  async #fetch(domain: string, id: string): Promise<void> {
    if (this.#isRecent(this.#failedAt, domain)) return;
    await once(this.#fetches, domain, async () => {
      const fetched = this.#clock.now();
      const limit = new AbortController();
      using _timer = this.#clock.after(
        FETCH_TIME,
        () => limit.abort(new Error(`Cannot fetch the MTA-STS policy of ${domain} in time`)),
      );
      const signal = AbortSignal.any([this.#end.signal, limit.signal]);
      try {
        const text = await this.#fetchText(domain, signal);
        const policy = parsePolicy(text);
        await this.#cache.put({ domain, id, fetched, text, policy });
        const { mode, maxAge } = policy;
        this.#log("info", "mta-sts-policy", { domain, id, mode, maxAge });
      } catch (error) {
        if (this.#end.signal.aborted) return;
        this.#note(this.#failedAt, domain);
        // RFC 8461 section 3.3: somebody has to hear of it, unless nothing is asked for anyway.
        const mode = this.#cache.get(domain)?.policy.mode;
        const level = mode === "none" ? "debug" : "warn";
        this.#log(level, "mta-sts-failed", { domain, id, kept: mode, error: reasonOf(error) });
      }
    });
  }

  #nextRound(): Disposable {
    return this.#clock.after(ROUND, async () => {
      for (const policy of this.#cache.inUse()) {
        if (this.#end.signal.aborted) return;
        if (!this.#isOld(policy)) continue;
        await this.#look(policy.domain);
        await this.#fetches.get(policy.domain);
      }
      if (!this.#end.signal.aborted) this.#round = this.#nextRound();
    });
  }
}

/** Takes a step for a domain, unless it is being taken: then that one is answered. */
function once(
  steps: Map<string, Promise<void>>,
  domain: string,
  step: () => Promise<void>,
): Promise<void> {
  let taken = steps.get(domain);
  if (taken === undefined) {
    taken = step().finally(() => steps.delete(domain));
    steps.set(domain, taken);
  }
  return taken;
}

/** The policy as it binds mail; none where it asks for nothing. */
function bindingOf(found: FetchedPolicy | undefined): StsPolicy | undefined {
  if (found === undefined) return undefined;
  const { domain, id, policy: { mode, mx } } = found;
  return mode === "none" ? undefined : { domain, id, mode, mayUse: (host) => fitsPolicy(mx, host) };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
