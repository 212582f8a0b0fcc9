/** A question to hooks that has no answer yet. @module */
import type { Clock } from "../policy/clock.ts";
import type { HookQuestion } from "./question.ts";

/** What a hook has said: its answer as it came, or why it has none. */
export type HookOutcome =
  | { readonly kind: "answer"; readonly answer: unknown }
  | { readonly kind: "failure"; readonly error: string }
  /** The process has ended, or takes nothing more. */
  | { readonly kind: "unavailable" };

/** A question, and the time that its hook has left. Whoever has many looks at their deadlines. */
export class Waiting {
  /** What is asked. */
  readonly question: HookQuestion;
  /** The length of the question in the process; 0 while it has not been sent there. */
  length = 0;
  /** When the hook has taken too long; `Infinity` while it waits for the client. */
  deadline: number;
  readonly #clock: Clock;
  readonly #settle: (outcome: HookOutcome) => void;
  #content: AsyncIterator<Uint8Array> | undefined;
  #isReading = false;
  #hasBrokenOff = false;

  /**
   * The hook has `time` milliseconds from now on.
   *
   * @param settle is given the outcome
   */
  constructor(
    question: HookQuestion,
    { time, clock, settle }: {
      readonly time: number;
      readonly clock: Clock;
      readonly settle: (outcome: HookOutcome) => void;
    },
  ) {
    this.question = question;
    this.#clock = clock;
    this.#settle = settle;
    this.deadline = clock.now() + time;
  }

  /** Whether the hook may ask for a slice of the message now. */
  get mayRead(): boolean {
    return this.question.content !== undefined && !this.#isReading;
  }

  /**
   * Reads the next slice of the message, which is the caller's own. While the hook waits for the client, its
   * time stands still. Never rejects.
   *
   * @returns the slice, or why there is none
   */
  async nextSlice(): Promise<Uint8Array | "end" | "failed"> {
    this.#isReading = true;
    const timeLeft = this.deadline - this.#clock.now();
    this.deadline = Infinity;
    try {
      this.#content ??= this.question.content![Symbol.asyncIterator]();
      const { done, value } = await this.#content.next();
      return done ? "end" : value.slice();
    } catch {
      this.#hasBrokenOff = true;
      return "failed";
    } finally {
      this.#isReading = false;
      this.deadline = this.#clock.now() + timeLeft;
    }
  }

  /** Gives the session its outcome. */
  settle(outcome: HookOutcome): void {
    this.#content?.return?.().catch(() => {});
    // What a hook makes of a message that stops half way is no fault of its own, and nobody hears it.
    const isHeard = outcome.kind !== "failure" || !this.#hasBrokenOff;
    this.#settle(isHeard ? outcome : { kind: "unavailable" });
  }
}
