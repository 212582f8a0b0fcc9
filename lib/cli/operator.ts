/** What operators and local programs do to the queue, whoever has it open. @module */
import { HeaderScanner } from "../message/header_scanner.ts";
import { hasTlsRequiredNo } from "../message/tls_required.ts";
import { gatherRecipients, type RecipientRules } from "../queue/recipients.ts";
import type { Filter, NewEntry } from "../queue/store.ts";
import { isUncertain } from "../queue/store_error.ts";
import { type Action, type ActionOptions, actOn } from "../relay/operator_action.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { formatPath } from "../smtp/mailbox.ts";
import { printable, SmtpError } from "../smtp/reply.ts";

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
export interface OperatorOptions extends RecipientRules, ActionOptions {
  /** Tells the scheduler that something may be due. */
  readonly wake: () => void;
  /** Has next hops that are down probed. */
  readonly forgive: () => void;
  /** How long a message is tried. */
  readonly lifetime: number;
}

/** Makes an operator of an open store. The store stays open when it is disposed of. */
export function storeOperator(options: OperatorOptions): Operator {
  const { store, wake, forgive, lifetime, clock } = options;
  return {
    hasServer: true,
    async act(action, filter) {
      try {
        return await actOn(action, filter, options);
      } finally {
        wake();
      }
    },
    // deno-lint-ignore require-await -- others have to wait for an answer
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
