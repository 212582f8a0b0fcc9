/** The scripted failures of a server: which of them happens when, and how often they have. @module */
import { formatMailbox, type Mailbox } from "../../smtp/mailbox.ts";
import { halfSipHash } from "../half_sip_hash.ts";
import { cidrContains, parseIp } from "../network.ts";
import {
  type FaultConditions,
  type FaultRule,
  type FaultStep,
  problemAt,
  type ServiceName,
} from "./fault_rule.ts";
import { fits } from "./pattern.ts";

/** A step of a session at which something may be scripted to fail. */
export interface FaultMoment {
  /** The step. */
  readonly step: FaultStep;
  /** The address of the client. */
  readonly client: string;
  /** What the client calls itself, once it has. */
  readonly heloName?: string;
  /** The service that it has come to. */
  readonly service: ServiceName;
  /** The reverse-path of the transaction, where one is open or begins; `null` for the null one. */
  readonly reversePath?: Mailbox | null;
  /** The forward-path that RCPT names, or those that were accepted. */
  readonly forwardPaths?: readonly Mailbox[];
  /** How many octets of mail data have come, at `content`; one of {@linkcode Faults.placesIn}. */
  readonly octets?: number;
}

/** What a server has that rules may be about. */
export interface FaultScope {
  /** What it does. */
  readonly services: readonly ServiceName[];
  /** Whether it can do TLS. */
  readonly tls: boolean;
  /** Whether it offers AUTH. */
  readonly auth: boolean;
  /** The largest message in octets. */
  readonly maxSize: number;
}

/** What became of a rule. */
export interface FaultCount {
  /** The rule as it was written. */
  readonly rule: string;
  /** How often its step and its conditions were met, and no rule in front of it had fired. */
  readonly matched: number;
  /** How often it has fired. */
  readonly fired: number;
}

/** How random rules are to be decided. */
export interface FaultOptions {
  /** A whole number from 0 to 2^32 - 1; 0 if left out. With the same one the same happens again. */
  readonly seed?: number;
}

/** The most rules at once. */
export const MOST_FAULTS = 100;

/** The largest seed. */
export const MAX_SEED = 2 ** 32 - 1;

/** A rule with its counts. */
interface Entry {
  readonly rule: FaultRule;
  matched: number;
  fired: number;
}

/** Whether all is as the conditions say, but for the place in the mail data. */
function isMet({ from, to, client, helo, service }: FaultConditions, moment: FaultMoment): boolean {
  const { reversePath, forwardPaths = [], heloName } = moment;
  if (service !== undefined && service !== moment.service) return false;
  if (helo !== undefined && (heloName === undefined || !fits(helo, heloName))) return false;
  if (client !== undefined) {
    const ip = parseIp(moment.client);
    if (ip === undefined || !cidrContains(client, ip)) return false;
  }
  if (from !== undefined) {
    if (reversePath === undefined) return false;
    if (!fits(from, reversePath === null ? "<>" : formatMailbox(reversePath))) return false;
  }
  return to === undefined || forwardPaths.some((path) => fits(to, formatMailbox(path)));
}

/** Where in the mail data a rule is about: as soon as any has come, unless it says otherwise. */
function placeOf({ conditions }: FaultRule): number {
  return conditions.after ?? 0;
}

/** Why a rule can never fire on a server; `undefined` where it can. */
function problemOf(
  { steps, conditions }: FaultRule,
  { services, tls, auth, maxSize }: FaultScope,
): string | undefined {
  const { service, after = 0 } = conditions;
  if (after >= maxSize) return `no message is of more than ${maxSize} octets`;
  const names = service === undefined ? services : services.filter((name) => name === service);
  if (names.length === 0) return `there is no service ${service}`;
  const isPossible = (step: FaultStep, name: ServiceName) => {
    const isImplicit = name === "smtps" || name === "submissions";
    if (step === "starttls") return tls && !isImplicit;
    return step === "tls" ? tls : step === "auth" ? auth : true;
  };
  if (steps.some((step) => names.some((name) => isPossible(step, name)))) return undefined;
  const [step] = steps;
  if (step === "auth") return "there are no accounts";
  return tls ? "TLS begins before anything is said there" : "there is no certificate";
}

/**
 * Scripted failures. A server is given one, asks it at each step what is to fail, and does so. They may be
 * exchanged while it runs.
 *
 * Rules are asked in order, and the first that fires has the moment: those behind it do not see it. So
 * `rcpt times=1 reply 451` and behind it `rcpt times=1 reply 452` are a script of two refusals. Each rule
 * counts for itself, across all sessions.
 *
 * @example
 * ```ts
 * import { Faults, listen, parseFault } from "@smtpd/smtpd";
 *
 * const faults = new Faults([parseFault("rcpt to=*@slow.test times=2 reply 451 4.2.1 Later")]);
 * await using server = listen({ hosts: ["127.0.0.1"], faults }, async (session) => {
 *   for await (const mail of session.process()) mail.accept();
 * });
 * // ... the program under test sends to the port of the server ...
 * for (const { rule, matched, fired } of faults.report()) console.log(rule, matched, fired);
 * ```
 */
export class Faults {
  #entries: readonly Entry[] = [];
  #seed = 0;
  #scope: FaultScope | undefined;

  /**
   * Begins with rules, none if left out.
   *
   * @throws {RangeError} as {@linkcode Faults.replace} does
   */
  constructor(rules: readonly FaultRule[] = [], options: FaultOptions = {}) {
    this.replace(rules, options);
  }

  /** What random rules are decided by. */
  get seed(): number {
    return this.#seed;
  }

  /**
   * Puts other rules in place of those that there are, all with counts of zero.
   *
   * @throws {RangeError} if there are more than 100, one can never fire on the server that has these
   *   faults, or the seed is none; then nothing is changed
   */
  replace(rules: readonly FaultRule[], { seed = 0 }: FaultOptions = {}): void {
    if (rules.length > MOST_FAULTS) {
      throw new RangeError(`Cannot take ${rules.length} fault rules: ${MOST_FAULTS} at most`);
    }
    if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) {
      throw new RangeError(`Cannot use the seed ${seed}: a whole number from 0 to ${MAX_SEED}`);
    }
    check(rules, this.#scope);
    this.#entries = rules.map((rule) => ({ rule, matched: 0, fired: 0 }));
    this.#seed = seed;
  }

  /**
   * Holds the rules, and all that come later, to what a server has. Servers call it when they start.
   *
   * @throws {RangeError} if one of them can never fire on it
   */
  bind(scope: FaultScope): void {
    check(this.#entries.map(({ rule }) => rule), scope);
    this.#scope = scope;
  }

  /** What became of each rule, in order. */
  report(): FaultCount[] {
    return this.#entries.map(({ rule: { text: rule }, matched, fired }) => ({
      rule,
      matched,
      fired,
    }));
  }

  /** The numbers of octets from `first` to below `end` at which something may fail in mail data, ascending. */
  placesIn(first: number, end: number): number[] {
    const places = this.#entries
      .filter(({ rule }) => rule.steps.includes("content"))
      .map(({ rule }) => placeOf(rule))
      .filter((place) => place >= first && place < end);
    return [...new Set(places)].sort((a, b) => a - b);
  }

  /** The rule that fires at a step, if one does; it is counted. */
  meet(moment: FaultMoment): FaultRule | undefined {
    for (const [index, entry] of this.#entries.entries()) {
      const { rule } = entry;
      if (!rule.steps.includes(moment.step)) continue;
      if (moment.step === "content" && moment.octets !== placeOf(rule)) continue;
      if (!isMet(rule.conditions, moment)) continue;
      entry.matched++;
      if (!this.#isTurn(entry, index)) continue;
      entry.fired++;
      return rule;
    }
  }

  #isTurn({ rule: { turns }, matched, fired }: Entry, index: number): boolean {
    const { skip, every, chance, times } = turns;
    const turn = matched - skip;
    return turn > 0 && turn % every === 0 && fired < times &&
      (chance === 1 || draw(this.#seed, index, turn) < chance);
  }
}

/** @throws {RangeError} for the first rule that can never fire, on any server or on that one */
function check(rules: readonly FaultRule[], scope: FaultScope | undefined): void {
  for (const rule of rules) {
    const { steps, conditions, effect } = rule;
    const problem = steps.map((step) => problemAt(step, conditions, effect)).find(Boolean) ??
      (scope && problemOf(rule, scope));
    if (problem === undefined) continue;
    throw new RangeError(`Cannot use the fault rule ${JSON.stringify(rule.text)}: ${problem}`);
  }
}

const hash = new Uint32Array(2);
const octets = new Uint8Array(4);

/**
 * A number from 0 to below 1, the same for the same turn of the same rule: what one rule draws does not
 * depend on the others.
 */
function draw(seed: number, index: number, turn: number): number {
  new DataView(octets.buffer).setUint32(0, turn, true);
  halfSipHash(Uint32Array.of(seed, index), octets, hash);
  return hash[0] / 2 ** 32;
}
