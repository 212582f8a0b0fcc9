/**
 * How much a client may ask for in a time, and what becomes of one that guesses passwords. Clients are
 * counted by network, since one attacker has many addresses of it; those that have said who they are, by
 * account.
 *
 * @module
 */
import { type Reply, reply } from "../smtp/reply.ts";
import type { Account, Accounts } from "./accounts.ts";
import { ClientTable } from "./client_table.ts";
import type { Clock } from "./clock.ts";
import type { MaybePromise } from "./hooks.ts";
import {
  type Cidr,
  cidrContains,
  clientNetwork,
  formatCidr,
  parseCidr,
  parseIp,
} from "./network.ts";
import { type Rate, takeToken, tokensMissing, waitForToken } from "./rate.ts";
import { DEFAULT_RELAY_FROM } from "./relaying.ts";
import type { Session } from "./session.ts";

/** The limits on what comes in a time; one that is `undefined` is not kept. */
export interface ClientRates {
  /** Connections of a client network. */
  readonly connectionRate: Rate | undefined;
  /** Messages of a client network. */
  readonly messageRate: Rate | undefined;
  /** Recipients of a client network, accepted or not. */
  readonly recipientRate: Rate | undefined;
  /** Permanent refusals of a client network. */
  readonly failureRate: Rate | undefined;
  /** Messages of an account that has no quota of its own. */
  readonly accountMessageRate: Rate | undefined;
  /** Recipients of an account. */
  readonly accountRecipientRate: Rate | undefined;
  /** Failed logins of a client network; then it may not log in for a while. */
  readonly authFailures: Rate | undefined;
  /** How long that is the first time, in milliseconds; each time it is twice as long, a day at most. */
  readonly authLockout: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The limits where nothing else is said. */
export const DEFAULT_RATES: ClientRates = {
  connectionRate: { count: 300, period: MINUTE },
  messageRate: { count: 600, period: MINUTE },
  recipientRate: { count: 3000, period: MINUTE },
  failureRate: { count: 100, period: 10 * MINUTE },
  accountMessageRate: { count: 500, period: HOUR },
  accountRecipientRate: { count: 3000, period: HOUR },
  authFailures: { count: 10, period: 10 * MINUTE },
  authLockout: 10 * MINUTE,
};

/** What is asked about logins. */
export interface AuthAttempts {
  /** The reply that refuses AUTH to a client for now; it is a 421. */
  mayTry(session: LimitedClient): Reply | undefined;
  /** Whether logins of the client have failed lately: then others are served before it. */
  hasFailed(session: LimitedClient): boolean;
  /** A login has failed. Settles when the client may be told. */
  failed(session: LimitedClient): MaybePromise<void>;
  /** A login has succeeded. */
  succeeded(session: LimitedClient): void;
}

/** As much of a session as limits go by. */
export type LimitedClient = Pick<Session, "remote" | "account">;

/** What the limits are made of. */
export interface ClientLimitsOptions {
  /** The limits. */
  readonly rates: ClientRates;
  /** Networks whose clients are not limited, but for failed logins. Those of this host are not, anyway. */
  readonly exempt: readonly Cidr[];
  /** Where the quotas of accounts are looked up; without one of its own an account has the common one. */
  readonly accounts?: Accounts;
  /** Tells the time and wakes. */
  readonly clock: Clock;
  /** How many client networks are remembered; 65,536 if left out, in 5 MiB. */
  readonly slots?: number;
}

/** How long the reply to the first failed login takes; to the next ones twice as long, up to the most. */
const FIRST_DELAY = 500;
const MOST_DELAY = 5_000;

/** How many accounts are remembered. Only one who can log in gets a slot. */
const ACCOUNT_SLOTS = 8192;

/** What stands in the columns of a table. */
const CONNECTIONS = 0;
const MESSAGES = 1;
const RECIPIENTS = 2;
const FAILURES = 3;
const AUTH_FAILURES = 4;
/** Until when AUTH is refused, and how long that was or is in all. */
const LOCKED_UNTIL = 5;
const LOCK_LENGTH = 6;
/** When a login made the failures before it forgotten. */
const FORGIVEN = 7;
const COLUMNS = 8;

const THIS_HOST = DEFAULT_RELAY_FROM.map(parseCidr);

const utf8 = new TextEncoder();

/** A time to wait in words, never less than it is. */
function inWords(milliseconds: number): string {
  const [unit, size] = milliseconds <= 90_000
    ? ["second", 1000]
    : milliseconds <= 90 * MINUTE
    ? ["minute", MINUTE]
    : ["hour", HOUR];
  const count = Math.max(1, Math.ceil(milliseconds / size));
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Where a client's numbers stand. */
interface Place {
  readonly table: ClientTable;
  readonly key: Uint8Array;
  /** Who is counted, for replies. */
  readonly name: string;
  readonly messageRate: Rate | undefined;
  readonly recipientRate: Rate | undefined;
}

/** The network of a client. */
interface NetworkPlace extends Place {
  readonly isExempt: boolean;
}

/** How many clients' networks are kept ready: a client asks again soon, if at all. */
const MOST_READY = 256;

/**
 * The limits on clients, and what is known of these. All of it is forgotten when the process ends, and
 * the client that was seen longest ago when there are too many.
 */
export class ClientLimits implements AuthAttempts {
  readonly #rates: ClientRates;
  readonly #exempt: readonly Cidr[];
  readonly #findAccount: Accounts["find"];
  readonly #clock: Clock;
  readonly #networks: ClientTable;
  readonly #accounts: ClientTable;
  readonly #ready = new Map<string, NetworkPlace>();

  /** Begins with nothing known. */
  constructor({ rates, exempt, accounts, clock, slots }: ClientLimitsOptions) {
    this.#rates = rates;
    this.#findAccount = (name) => accounts?.find(name);
    this.#exempt = [...THIS_HOST, ...exempt];
    this.#clock = clock;
    this.#networks = new ClientTable({ columns: COLUMNS, slots });
    this.#accounts = new ClientTable({ columns: RECIPIENTS + 1, slots: ACCOUNT_SLOTS });
  }

  /** The network that a client is counted with; none where only its failed logins are counted. */
  networkOf(address: string): string | undefined {
    const { isExempt, name } = this.#networkPlace(address);
    return isExempt ? undefined : name;
  }

  /** Counts a connection, or answers the reply that refuses it. */
  connect(address: string): Reply | undefined {
    const place = this.#networkPlace(address);
    if (place.isExempt) return undefined;
    return this.#refusalForFailures(place) ??
      this.#count(place, CONNECTIONS, this.#rates.connectionRate, 421, "4.7.0", "connections");
  }

  /** Counts a message at MAIL, or answers the reply that refuses it. */
  mail(client: LimitedClient): MaybePromise<Reply | undefined> {
    const place = this.#placeOf(client);
    if (place === undefined) return undefined;
    const count = (rate: Rate | undefined) =>
      this.#count(place, MESSAGES, rate, 450, "4.7.1", "messages");
    const { account } = client;
    if (account === undefined) {
      return this.#refusalForFailures(place) ?? count(place.messageRate);
    }
    const byQuota = (found?: Account) => count(found?.quota ?? place.messageRate);
    const found = this.#findAccount(account);
    // Where the account cannot be looked up now, the common limit has to do.
    return found instanceof Promise ? found.catch(() => undefined).then(byQuota) : byQuota(found);
  }

  /** Counts a recipient, or answers the reply that refuses it. */
  rcpt(client: LimitedClient): Reply | undefined {
    const place = this.#placeOf(client);
    return place && this.#count(place, RECIPIENTS, place.recipientRate, 450, "4.7.1", "recipients");
  }

  /** Counts a permanent refusal that a client was given. */
  refused(client: LimitedClient): void {
    const rate = this.#rates.failureRate;
    if (rate === undefined || client.account !== undefined) return;
    const { table, key, isExempt } = this.#networkPlace(client.remote.address);
    if (isExempt) return;
    const slot = table.take(key);
    table.set(slot, FAILURES, takeToken(rate, table.get(slot, FAILURES), this.#clock.now()));
  }

  mayTry({ remote }: LimitedClient): Reply | undefined {
    const { table, key, name } = this.#networkPlace(remote.address);
    const slot = table.find(key);
    if (slot < 0) return undefined;
    const wait = this.#lockedFor(slot);
    if (wait === 0) return undefined;
    return reply(
      421,
      "4.7.0",
      `Too many failed logins from ${name}, try again in ${inWords(wait)}`,
    );
  }

  hasFailed({ remote }: LimitedClient): boolean {
    const { table, key } = this.#networkPlace(remote.address);
    const slot = table.find(key);
    return slot >= 0 && table.get(slot, AUTH_FAILURES) > this.#clock.now();
  }

  failed({ remote }: LimitedClient): MaybePromise<void> {
    const { authFailures: rate, authLockout } = this.#rates;
    if (rate === undefined) return;
    const { table, key } = this.#networkPlace(remote.address);
    const slot = table.take(key);
    const now = this.#clock.now();
    const full = takeToken(rate, table.get(slot, AUTH_FAILURES), now);
    table.set(slot, AUTH_FAILURES, full);
    // Whoever began before the lock came on is told late, but does not make it longer.
    if (this.#lockedFor(slot) === 0 && waitForToken(rate, full, now) > 0) {
      const last = table.get(slot, LOCK_LENGTH);
      const isRecent = last > 0 && now - table.get(slot, LOCKED_UNTIL) < DAY;
      const length = isRecent ? Math.min(last * 2, Math.max(DAY, authLockout)) : authLockout;
      table.set(slot, LOCK_LENGTH, length);
      table.set(slot, LOCKED_UNTIL, now + length);
    }
    const failures = Math.ceil(tokensMissing(rate, full, now));
    const delay = Math.min(MOST_DELAY, FIRST_DELAY * 2 ** (failures - 1));
    return new Promise((resolve) => this.#clock.after(delay, resolve));
  }

  /**
   * Forgets the failed logins before this one. Only once in the time that they are counted in: one who
   * has an account of his own could guess the passwords of others for ever, otherwise.
   */
  succeeded({ remote }: LimitedClient): void {
    const rate = this.#rates.authFailures;
    const { table, key } = this.#networkPlace(remote.address);
    const slot = table.find(key);
    if (rate === undefined || slot < 0) return;
    const now = this.#clock.now();
    const since = Math.abs(now - table.get(slot, FORGIVEN));
    if (table.get(slot, AUTH_FAILURES) <= now || since < rate.period) return;
    table.set(slot, AUTH_FAILURES, 0);
    table.set(slot, FORGIVEN, now);
  }

  /** How long AUTH is refused from now on; no longer than it was to be, should the clock be put back. */
  #lockedFor(slot: number): number {
    const length = this.#networks.get(slot, LOCK_LENGTH);
    const rest = this.#networks.get(slot, LOCKED_UNTIL) - this.#clock.now();
    return Math.min(length, Math.max(0, rest));
  }

  #networkPlace(address: string): NetworkPlace {
    const ready = this.#ready.get(address);
    if (ready !== undefined) return ready;
    const { messageRate, recipientRate } = this.#rates;
    const ip = parseIp(address);
    const network = ip && clientNetwork(ip);
    const place = {
      table: this.#networks,
      key: network?.base.octets ?? utf8.encode(address),
      name: network === undefined ? address : formatCidr(network),
      isExempt: ip !== undefined && this.#exempt.some((exempt) => cidrContains(exempt, ip)),
      messageRate,
      recipientRate,
    };
    if (this.#ready.size >= MOST_READY) this.#ready.clear();
    this.#ready.set(address, place);
    return place;
  }

  /** Where the messages of a client are counted; nowhere if they are not. */
  #placeOf({ remote, account }: LimitedClient): Place | undefined {
    if (account === undefined) {
      const place = this.#networkPlace(remote.address);
      return place.isExempt ? undefined : place;
    }
    const { accountMessageRate: messageRate, accountRecipientRate: recipientRate } = this.#rates;
    const key = utf8.encode(account);
    return { table: this.#accounts, key, name: "your account", messageRate, recipientRate };
  }

  #refusalForFailures({ table, key, name }: Place): Reply | undefined {
    const rate = this.#rates.failureRate;
    const slot = rate === undefined ? -1 : table.find(key);
    if (rate === undefined || slot < 0) return undefined;
    const wait = waitForToken(rate, table.get(slot, FAILURES), this.#clock.now());
    if (wait === 0) return undefined;
    return reply(421, "4.7.0", `Too many refusals to ${name}, try again in ${inWords(wait)}`);
  }

  #count(
    { table, key, name }: Place,
    column: number,
    rate: Rate | undefined,
    code: number,
    enhanced: string,
    what: string,
  ): Reply | undefined {
    if (rate === undefined) return undefined;
    const slot = table.take(key);
    const full = table.get(slot, column);
    const now = this.#clock.now();
    const wait = waitForToken(rate, full, now);
    if (wait === 0) {
      table.set(slot, column, takeToken(rate, full, now));
      return undefined;
    }
    const allowed = `${rate.count} in ${inWords(rate.period)}`;
    return reply(
      code,
      enhanced,
      `Too many ${what} from ${name}: at most ${allowed}, try again in ${inWords(wait)}`,
    );
  }
}
