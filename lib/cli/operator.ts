/** What operators and local programs do to the queue, whoever has it open. @module */
import { HeaderScanner } from "../message/header_scanner.ts";
import { hasTlsRequiredNo } from "../message/tls_required.ts";
import type { Clock } from "../net/clock.ts";
import { gatherRecipients, type RecipientRules } from "../queue/recipients.ts";
import type { Filter, Lease, NewEntry, Outcome, Store } from "../queue/store.ts";
import { isUncertain } from "../queue/store_error.ts";
import type { Notices } from "../relay/notices.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { formatPath } from "../smtp/mailbox.ts";
import { printable, reply, SmtpError } from "../smtp/reply.ts";

/** What can be done to the recipients that a filter means. */
export const ACTIONS = ["hold", "release", "retry", "remove", "bounce"] as const;

/** One of {@linkcode ACTIONS}. */
export type Action = typeof ACTIONS[number];

/** A message that a local program hands in, without its octets. */
export interface Submission {
  /** The name that stands in its Received field; 16 letters and digits. */
  readonly id: string;
  readonly mail: MailParameters;
  /** At least one. */
  readonly recipients: readonly RcptParameters[];
  /** The protocol for the ledger: `sendmail`, or that of a session on standard input. */
  readonly protocol: string;
}

/** The queue as somebody who may change it sees it. What has settled is on stable storage. */
export interface Operator extends AsyncDisposable {
  /** Whether a server works on the queue. */
  readonly hasServer: boolean;
  /** Does it to all recipients that are meant; answers how many. */
  act(action: Action, filter: Filter): Promise<number>;
  /** Has next hops that are down probed now. Does nothing where no server runs. */
  forgive(): Promise<void>;
  /**
   * Takes a message. Rejects with the store's error, or with an `SmtpError` where an alias refuses one
   * of the recipients, and then has not taken it.
   */
  submit(submission: Submission, octets: Uint8Array): Promise<void>;
}

/** What an operator works with. Times are in milliseconds. */
export interface OperatorOptions extends RecipientRules {
  readonly store: Store;
  /** Tells the scheduler that something may be due. */
  readonly wake: () => void;
  /** Has next hops that are down probed. */
  readonly forgive: () => void;
  readonly notices: Notices;
  /** How long a message is tried. */
  readonly lifetime: number;
  readonly clock: Clock;
}

const OWNER = "operator";
/** How long a message that is being bounced is kept from deliveries. */
const LEASE = 60_000;
/** Messages that are claimed at once. */
const CLAIMED = 50;

const BOUNCED = reply(550, "5.7.1", "Given up by the operator of this queue");

/** Makes an operator of an open store. The store stays open when it is disposed of. */
export function storeOperator(options: OperatorOptions): Operator {
  const { store, wake, forgive, lifetime, clock } = options;

  async function act(action: Action, filter: Filter): Promise<number> {
    const now = clock.now();
    switch (action) {
      case "hold":
        return await store.hold(filter);
      case "release":
        return await store.release(filter, now);
      case "retry":
        return await store.retry(filter, now);
      case "remove":
        return await store.remove(filter, now);
      case "bounce":
        return await bounce(filter, options);
    }
  }

  return {
    hasServer: true,
    async act(action, filter) {
      try {
        return await act(action, filter);
      } finally {
        wake();
      }
    },
    // deno-lint-ignore require-await
    async forgive() {
      forgive();
      wake();
    },
    async submit({ id, mail, recipients, protocol }, octets) {
      const accepted = clock.now();
      const gathered = gatherRecipients(options);
      for (const rcpt of recipients) {
        const refusal = gathered.add(rcpt, accepted);
        if (refusal === undefined) continue;
        const { code, enhanced, lines } = refusal;
        throw new SmtpError(
          code,
          enhanced,
          `${printable(formatPath(rcpt.forwardPath))}: ${lines.join(" ")}`,
        );
      }
      const header = new HeaderScanner();
      header.scan(octets);
      header.end();
      const entry: NewEntry = {
        id,
        mail: hasTlsRequiredNo(header.octets) ? { ...mail, tlsRequiredNo: true } : mail,
        accepted,
        expires: accepted + lifetime,
        origin: { client: "local", protocol },
        recipients: gathered.list,
      };
      const body = store.stage();
      try {
        await body.write(octets);
        await store.commit(entry, body);
      } catch (error) {
        body.abort();
        if (isUncertain(error)) wake();
        throw error;
      }
      wake();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Gives recipients up that nobody attempts at the moment, and tells their senders. */
async function bounce(filter: Filter, options: OperatorOptions): Promise<number> {
  const { store, clock } = options;
  let count = 0;
  for (;;) {
    const now = clock.now();
    const leases = await store.claim(filter, {
      owner: OWNER,
      now,
      until: now + LEASE,
      limit: CLAIMED,
    });
    if (leases.length === 0) return count;
    for (const [i, lease] of leases.entries()) {
      try {
        count += await bounceOne(lease, options);
      } catch (error) {
        for (const left of leases.slice(i)) await store.giveBack(left).catch(() => {});
        throw error;
      }
    }
  }
}

async function bounceOne(
  lease: Lease,
  { store, clock, notices: makeNotices }: OperatorOptions,
): Promise<number> {
  const { entry } = lease;
  const now = clock.now();
  const outcomes = entry.recipients.map(({ index }): Outcome => ({
    index,
    state: "failed",
    reply: BOUNCED,
  }));
  const notices = await makeNotices(entry, outcomes, now);
  let isRecorded = false;
  try {
    isRecorded = await store.record(lease, { begun: now, ended: now, outcomes }, notices);
  } finally {
    if (!isRecorded) { for (const { body } of notices) body.abort(); }
  }
  return isRecorded ? outcomes.length : 0;
}
