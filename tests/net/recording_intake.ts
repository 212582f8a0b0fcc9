/** An intake that notes what it is asked, and whether it is asked as its contract says. @module */
import { assertEquals } from "@std/assert";
import type { ContentFacts, Intake, IntakeTransaction } from "../../lib/net/intake.ts";
import type { MaybePromise, RcptDecision } from "../../lib/policy/hooks.ts";
import type { Session } from "../../lib/policy/session.ts";
import type { MailParameters, RcptParameters } from "../../lib/smtp/envelope.ts";
import { formatMailbox, formatPath } from "../../lib/smtp/mailbox.ts";
import { type Reply, reply } from "../../lib/smtp/reply.ts";
import { join, text } from "../smtp/wire.ts";

const RCPT_OK = reply(250, "2.1.5", "Recipient ok");
const END_OK = reply(250, "2.6.0", "Message ok");

/** What an intake answers instead of what it would. */
export interface Answers {
  /** Whether the intake can change a message at its end; it can unless this says otherwise. */
  takesLateChanges?: boolean;
  mail?(): MaybePromise<Reply | void>;
  rcpt?(mailbox: string): MaybePromise<Reply>;
  data?(): MaybePromise<Reply | void>;
  write?(bytes: Uint8Array): MaybePromise<void>;
  end?(transaction: RecordedTransaction): MaybePromise<Reply | readonly Reply[]>;
  abort?(): void;
}

/** Takes everything unless told otherwise. */
export class RecordingIntake implements Intake {
  readonly transactions: RecordedTransaction[] = [];
  readonly #answers: Answers;

  constructor(answers: Answers = {}) {
    this.#answers = answers;
  }

  /** The transaction that began last. */
  get last(): RecordedTransaction {
    return this.transactions.at(-1)!;
  }

  /** The transactions that became messages. */
  get messages(): RecordedTransaction[] {
    return this.transactions.filter(({ outcome }) => outcome === "ended");
  }

  mail(_session: Session, mail: MailParameters): MaybePromise<IntakeTransaction | Reply> {
    const begin = (refusal: Reply | void) => {
      if (refusal !== undefined) return refusal;
      const transaction = new RecordedTransaction(mail, this.#answers);
      this.transactions.push(transaction);
      return transaction;
    };
    const answer = this.#answers.mail?.();
    return answer instanceof Promise ? answer.then(begin) : begin(answer);
  }

  /** Fails if a transaction was ended twice or not at all, or a method called out of turn. */
  assertContract(): void {
    for (const { faults } of this.transactions) assertEquals(faults, []);
    const open = this.transactions.filter(({ outcome }) => outcome === "open");
    assertEquals(open.map(({ calls }) => calls), [], "transactions that were never ended");
  }
}

/** One transaction: what came, and what was wrong with the way it came. */
export class RecordedTransaction implements IntakeTransaction {
  readonly reversePath: string;
  readonly mail: MailParameters;
  readonly takesLateChanges: boolean;
  /** What policy has decided for the recipients, where it has decided something. */
  readonly decisions: RcptDecision[] = [];
  /** What was told of the message at the end. */
  facts: ContentFacts | undefined;
  readonly forwardPaths: string[] = [];
  readonly calls: string[] = ["mail"];
  readonly faults: string[] = [];
  outcome: "open" | "ended" | "aborted" = "open";
  trace = "";
  readonly #answers: Answers;
  readonly #slices: Uint8Array[] = [];
  #inside: string | undefined;

  constructor(mail: MailParameters, answers: Answers) {
    this.reversePath = formatPath(mail.reversePath);
    this.mail = mail;
    this.takesLateChanges = answers.takesLateChanges ?? true;
    this.#answers = answers;
  }

  /** The mail data as it came. */
  get octets(): Uint8Array {
    return join(this.#slices);
  }

  /** The mail data, each octet a character. */
  get content(): string {
    return text(this.octets);
  }

  rcpt({ forwardPath }: RcptParameters, decision: RcptDecision = {}): MaybePromise<Reply> {
    if (Object.keys(decision).length > 0) this.decisions.push(decision);
    const mailbox = formatMailbox(forwardPath);
    this.forwardPaths.push(mailbox);
    return this.#call("rcpt", () => this.#answers.rcpt?.(mailbox) ?? RCPT_OK);
  }

  data(trace: string): MaybePromise<Reply | void> {
    this.trace = trace;
    return this.#call("data", () => this.#answers.data?.());
  }

  write(bytes: Uint8Array): MaybePromise<void> {
    this.#slices.push(bytes.slice());
    return this.#call("write", () => this.#answers.write?.(bytes));
  }

  end(facts?: ContentFacts): MaybePromise<Reply | readonly Reply[]> {
    this.facts = facts;
    return this.#call("end", () => {
      this.outcome = "ended";
      return this.#answers.end?.(this) ?? END_OK;
    });
  }

  abort(): void {
    this.#call("abort", () => {
      this.outcome = "aborted";
      this.#answers.abort?.();
    });
  }

  #call<T>(name: string, answer: () => MaybePromise<T>): MaybePromise<T> {
    if (this.#inside !== undefined) this.faults.push(`${name} was called inside ${this.#inside}`);
    if (this.outcome !== "open") this.faults.push(`${name} was called after it ${this.outcome}`);
    if (this.calls.at(-1) !== name) this.calls.push(name);
    this.#inside = name;
    const done = () => void (this.#inside = undefined);
    try {
      const answered = answer();
      if (answered instanceof Promise) return answered.finally(done);
      done();
      return answered;
    } catch (error) {
      done();
      throw error;
    }
  }
}
