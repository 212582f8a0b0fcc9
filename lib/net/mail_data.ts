/** The mail data of one transaction: asks the data hook, hands it to the intake, and answers its end. @module */
import { changedHeader, changeText } from "../message/header_changes.ts";
import { HeaderScanner } from "../message/header_scanner.ts";
import { hasTlsRequiredNo } from "../message/tls_required.ts";
import { separatorBefore } from "../message/trace.ts";
import type { Hooks, MaybePromise } from "../policy/hooks.ts";
import type { Session } from "../policy/session.ts";
import { readDataVerdict } from "../policy/verdict.ts";
import type { Envelope } from "../smtp/envelope.ts";
import type { Reply } from "../smtp/reply.ts";
import { type DataAnswer, DataQuestion, type Revision } from "./data_question.ts";
import type { ContentFacts, IntakeTransaction } from "./intake.ts";
import type { Log } from "./log.ts";
import { chain, eachInTurn, guarded } from "./maybe_promise.ts";
import { replyTo } from "./refusal.ts";

/** Whose mail data it is. */
export interface MailDataOptions {
  readonly hooks: Pick<Hooks, "data">;
  readonly log: Log;
  readonly session: Session;
  /** The name of the message. */
  readonly id: string;
  /** The envelope; its forward-paths are looked at when the header section is there. */
  readonly envelope: Envelope;
  /** Where the message goes. */
  readonly intake: IntakeTransaction;
}

/** The mail data, from its first octet to its end. */
export class MailData {
  readonly #options: MailDataOptions;
  readonly #header = new HeaderScanner();
  /** What the data hook was asked, once the header section was there. */
  #question: DataQuestion | undefined;
  /** The octets before the body, where they were written as they had come. */
  #oldHead: number | undefined;
  /** Set once the message cannot be accepted any more, whatever the hook says: the rest of it is dropped. */
  #failure: Reply | undefined;
  /** Whether the intake was told the end, one way or the other. */
  #isOver = false;

  /** Begins with nothing. */
  constructor(options: MailDataOptions) {
    this.#options = options;
  }

  /** What refuses the message, if something does by now. */
  get #refusal(): Reply | undefined {
    const answer = this.#question?.answer;
    return this.#failure ?? (answer !== undefined && "code" in answer ? answer : undefined);
  }

  /** What the data hook has decided by now. */
  get #revision(): Revision {
    const answer = this.#question?.answer;
    return answer === undefined || "code" in answer ? {} : answer;
  }

  /** Takes a slice. Never throws: what goes wrong is the reply at the end. */
  write(bytes: Uint8Array): MaybePromise<void> {
    // What the data hook refused is aborted here, where the intake is not in the middle of a call.
    if (this.#refusal !== undefined) return this.#endIntake();
    return guarded(
      () => this.#header.isComplete ? this.#writeBody(bytes) : this.#writeHeader(bytes),
      (error) => this.#refuse(this.#replyTo(error, "mail data")),
    );
  }

  /** Holds the header section back until it is whole and the hook has seen it. */
  #writeHeader(bytes: Uint8Array): MaybePromise<void> {
    const header = this.#header;
    const before = header.octets;
    header.scan(bytes);
    if (header.refusal !== undefined) return this.#refuse(header.refusal);
    if (!header.isComplete) return;
    const slices = [before, bytes];
    return chain(this.#askHook(slices), () => this.#writeHead(slices));
  }

  #writeBody(bytes: Uint8Array): MaybePromise<void> {
    // The hook first: what it refuses need not go any further.
    return chain(this.#question?.give([bytes]), () => {
      if (this.#refusal === undefined) return this.#options.intake.write(bytes);
    });
  }

  /** Calls the data hook, gives it what has come so far, and goes on with it beside the client. */
  #askHook(slices: readonly Uint8Array[]): MaybePromise<void> {
    const { hooks, session, envelope } = this.#options;
    if (hooks.data === undefined) return;
    this.#question = new DataQuestion({
      ask: (content) =>
        chain(
          hooks.data?.(session, { envelope, header: this.#header.fields(), content }),
          (verdict) => this.#revise(verdict),
        ),
      rescue: (error) => this.#replyTo(error, "data hook"),
    });
    return this.#question.give(slices);
  }

  /** Reads the verdict of the data hook. */
  #revise(verdict: unknown): DataAnswer {
    const decision = readDataVerdict(verdict);
    if ("code" in decision) return decision;
    const { header: changes = [], route } = decision;
    return {
      route,
      ...changes.length > 0 && {
        head: changedHeader(this.#header.octets, changes, this.#options.envelope),
        headerChanges: changes.map(changeText),
      },
    };
  }

  /**
   * Writes the header section, and what has come of the body: as it came, unless the hook has said by now how
   * it is to be.
   */
  #writeHead(slices: readonly Uint8Array[]): MaybePromise<void> {
    if (this.#refusal !== undefined) return this.#endIntake();
    const { head } = this.#revision;
    const { bodyStart = 0 } = this.#header;
    const all: Uint8Array[] = [];
    if (head === undefined) {
      const first = slices.find(({ length }) => length > 0)?.[0];
      const separator = separatorBefore(first);
      if (separator !== undefined) all.push(separator);
      all.push(...slices);
      this.#oldHead = bodyStart + (separator?.length ?? 0);
    } else {
      all.push(head);
      let skip = bodyStart;
      for (const slice of slices) {
        all.push(slice.subarray(skip));
        skip = Math.max(0, skip - slice.length);
      }
    }
    return eachInTurn(
      all.filter(({ length }) => length > 0),
      (slice) => this.#options.intake.write(slice),
    );
  }

  /** Refuses the message, at a time when nothing is asked of the intake. */
  #refuse(refusal: Reply): void {
    this.#failure ??= refusal;
    this.#question?.fail(new Error("Cannot read on: the message was refused"));
    this.#endIntake();
  }

  /** Answers the end of the mail data. */
  end(): MaybePromise<Reply | readonly Reply[]> {
    return guarded(
      () => chain(this.#writeLast(), () => chain(this.#question?.end(), () => this.#finish())),
      (error) => {
        this.#endIntake();
        return this.#replyTo(error, "end of mail data");
      },
    );
  }

  /** Writes a header section that the message has ended in, once the hook has answered. */
  #writeLast(): MaybePromise<void> {
    if (this.#refusal !== undefined || this.#header.isComplete) return;
    this.#header.end();
    const slices = [this.#header.octets];
    return chain(
      this.#askHook(slices),
      () => chain(this.#question?.end(), () => this.#writeHead(slices)),
    );
  }

  #finish(): MaybePromise<Reply | readonly Reply[]> {
    const refusal = this.#refusal;
    if (refusal !== undefined) {
      this.#endIntake();
      return refusal;
    }
    const { intake, log, session, id } = this.#options;
    const facts = this.#facts();
    const { route, headerChanges, newHead } = facts;
    if ((route !== undefined || newHead !== undefined) && !intake.takesLateChanges) {
      throw new TypeError(
        "Cannot change a message that goes on as it comes: only its header section, and only by a hook that " +
          "does not read its content",
      );
    }
    this.#isOver = true;
    if (route !== undefined || headerChanges !== undefined) {
      const header = headerChanges?.join(", ");
      log("info", "changed", { session: session.id, id, header, route });
    }
    return intake.end(facts);
  }

  #facts(): ContentFacts {
    const { head, headerChanges, route } = this.#revision;
    const replaces = this.#oldHead;
    return {
      tlsRequiredNo: hasTlsRequiredNo(head ?? this.#header.octets),
      ...route !== undefined && { route },
      ...headerChanges !== undefined && { headerChanges },
      ...head !== undefined && replaces !== undefined && { newHead: { octets: head, replaces } },
    };
  }

  /** There will be no message. */
  abort(): void {
    this.#question?.fail(new Error("Cannot read on: the client did not send the whole message"));
    this.#endIntake();
  }

  #endIntake(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      this.#options.intake.abort();
    } catch (error) {
      this.#replyTo(error, "abort");
    }
  }

  #replyTo(error: unknown, step: string): Reply {
    const { log, session } = this.#options;
    return replyTo(error, log, session, step);
  }
}
