/**
 * Delivery to a program, in the manner of Postfix's pipe(8): one run for each recipient, the message on
 * its standard input, its exit status the outcome (`exit_status.ts`).
 *
 * The programs of one transaction run side by side and take the message as it comes, so that it is never
 * held here. What they read is Return-Path, Delivered-To, and then the message with the line ends it has.
 * The end of the input stands for the end of the message; where a message breaks off, the program is
 * stopped before its input is closed. Where this server is killed, nobody is there to do that: a program
 * then may take a part for the whole, and gets the whole when the queue delivers again.
 *
 * There is no shell; an operator who names one gives it addresses in the environment, never in the text
 * of a command. Of the environment a program gets PATH and the envelope alone.
 *
 * @module
 */
import { deliveredToField, returnPathField } from "../message/trace.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import type { ProgramHop } from "../relay/next_hop.ts";
import type { OutletTransaction } from "../relay/outlet.ts";
import { fillPlaceholders, type Placeholder } from "../relay/program_route.ts";
import { mostRecipients } from "../relay/recipient_limit.ts";
import type { RcptParameters } from "../smtp/envelope.ts";
import { formatMailbox, type Mailbox } from "../smtp/mailbox.ts";
import { type Reply, standingReply } from "../smtp/reply.ts";
import { type Invocation, ProgramRun } from "./program_run.ts";

/** How programs are run. */
export interface ProgramOptions {
  /** Where the time comes from. */
  readonly clock?: Clock;
  /** Who is told why a program could not be started. */
  readonly log?: Log;
}

/** Where programs look for others. */
const PATH = "/usr/local/bin:/usr/bin:/bin";

const RECIPIENT_OK = standingReply(250, "2.1.5", "Recipient ok");
const TOO_MANY = standingReply(452, "4.5.3", "Too many recipients for one program at a time");
const NO_RECIPIENTS = standingReply(554, "5.5.1", "No valid recipients");
const BAD_RECIPIENT = standingReply(553, "5.1.3", "Cannot give this mailbox to a program");
const BAD_SENDER = standingReply(553, "5.1.7", "Cannot give this sender to a program");
const NOT_STARTED = standingReply(451, "4.3.5", "Cannot start the program now");
const ENDED = standingReply(451, "4.3.0", "This delivery was given up");

const encoder = new TextEncoder();

/** A recipient and what is run for it. */
interface Call {
  readonly forwardPath: Mailbox;
  readonly invocation: Invocation;
}

/**
 * Makes up what is run for a recipient, or the reply where an address must not become an argument: one
 * that began with `-` would be read as an option.
 */
export function invocationOf(
  { path, args }: ProgramHop,
  reversePath: Mailbox | null,
  forwardPath: Mailbox,
): Invocation | Reply {
  const values: Record<Placeholder, string> = {
    sender: reversePath === null ? "" : formatMailbox(reversePath),
    recipient: formatMailbox(forwardPath),
    local: forwardPath.localPart,
    domain: forwardPath.domain,
  };
  for (const [name, value] of Object.entries(values)) {
    if (/[\x00-\x1f\x7f-\x9f]/.test(value)) return name === "sender" ? BAD_SENDER : BAD_RECIPIENT;
  }
  const filled = args.map((arg) => fillPlaceholders(arg, values));
  for (const [i, arg] of args.entries()) {
    if (!arg.startsWith("${") || !filled[i].startsWith("-")) continue;
    return arg.startsWith("${sender}") ? BAD_SENDER : BAD_RECIPIENT;
  }
  const env = {
    PATH,
    SENDER: values.sender,
    RECIPIENT: values.recipient,
    LOCAL: values.local,
    DOMAIN: values.domain,
  };
  return { path, args: filled, env };
}

/** Begins a transaction whose message is given to a program. */
export function beginProgram(
  hop: ProgramHop,
  reversePath: Mailbox | null,
  { clock = systemClock, log = noLog }: ProgramOptions = {},
): OutletTransaction {
  return new ProgramTransaction(hop, reversePath, clock, log);
}

class ProgramTransaction implements OutletTransaction {
  readonly #hop: ProgramHop;
  readonly #reversePath: Mailbox | null;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #calls: Call[] = [];
  readonly #runs: ProgramRun[] = [];
  #isOver = false;

  constructor(hop: ProgramHop, reversePath: Mailbox | null, clock: Clock, log: Log) {
    this.#hop = hop;
    this.#reversePath = reversePath;
    this.#clock = clock;
    this.#log = log;
  }

  rcpt({ forwardPath }: RcptParameters): Reply {
    const invocation = invocationOf(this.#hop, this.#reversePath, forwardPath);
    if ("code" in invocation) return invocation;
    if (this.#calls.length >= mostRecipients(this.#hop)) return TOO_MANY;
    this.#calls.push({ forwardPath, invocation });
    return RECIPIENT_OK;
  }

  async data(trace: string): Promise<Reply | void> {
    if (this.#isOver) return ENDED;
    if (this.#calls.length === 0) return NO_RECIPIENTS;
    try {
      for (const { invocation } of this.#calls) {
        this.#runs.push(new ProgramRun(invocation, this.#clock));
      }
    } catch (error) {
      this.#log("error", "program-not-started", {
        program: this.#hop.path,
        error: String(error),
      });
      this.abort();
      return NOT_STARTED;
    }
    const head = returnPathField(this.#reversePath);
    await Promise.all(this.#runs.map((run, i) => {
      const field = deliveredToField(this.#calls[i].forwardPath);
      return run.write(encoder.encode(head + field + trace));
    }));
  }

  async write(bytes: Uint8Array): Promise<void> {
    // A program that ended may leave one behind that still reads, and the slice is not ours for long.
    const own = bytes.slice();
    await Promise.all(this.#runs.map((run) => run.write(own)));
  }

  async end(): Promise<Reply | readonly Reply[]> {
    if (this.#isOver) return ENDED;
    return await Promise.all(this.#runs.map((run) => run.end()));
  }

  abort(): void {
    this.#isOver = true;
    for (const run of this.#runs) run.stop();
  }
}
