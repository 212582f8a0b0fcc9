/** A question to hooks that has no answer yet. @module */
import type { Clock } from "../policy/clock.ts";
import type { HookQuestion } from "./question.ts";

/** What a hook has said: its answer as it came, or why it has none. */
export type HookOutcome =
  | { readonly kind: "answer"; readonly answer: unknown }
  | { readonly kind: "failure"; readonly error: string }
  /** The process has ended, or takes nothing more. */
  | { readonly kind: "unavailable" };

/** A question, and the time that its hook has left. */
export class Waiting {
  /** What is asked. */
  readonly question: HookQuestion;
  /** The length of the question in the process; 0 while it has not been sent there. */
  length = 0;
  readonly #clock: Clock;
  readonly #late: () => void;
  readonly #settle: (outcome: HookOutcome) => void;
  #content: AsyncIterator<Uint8Array> | undefined;
  #isReading = false;
  #hasBrokenOff = false;
  #timeLeft: number;
  #began = 0;
  #deadline: Disposable | undefined;
  #isSettled = false;

  /**
   * The hook has `time` milliseconds from now on.
   *
   * @param late is called when they are over
   * @param settle is given the outcome
   */
  constructor(
    question: HookQuestion,
    { time, clock, late, settle }: {
      readonly time: number;
      readonly clock: Clock;
      readonly late: () => void;
      readonly settle: (outcome: HookOutcome) => void;
    },
  ) {
    this.question = question;
    this.#timeLeft = time;
    this.#clock = clock;
    this.#late = late;
    this.#settle = settle;
    this.#startTime();
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
    this.#stopTime();
    try {
      this.#content ??= this.question.content![Symbol.asyncIterator]();
      const { done, value } = await this.#content.next();
      return done ? "end" : value.slice();
    } catch {
      this.#hasBrokenOff = true;
      return "failed";
    } finally {
      this.#isReading = false;
      this.#startTime();
    }
  }

  /** Gives the session its outcome. */
  settle(outcome: HookOutcome): void {
    this.#stopTime();
    this.#isSettled = true;
    this.#content?.return?.().catch(() => {});
    // What a hook makes of a message that stops half way is no fault of its own, and nobody hears it.
    const isHeard = outcome.kind !== "failure" || !this.#hasBrokenOff;
    this.#settle(isHeard ? outcome : { kind: "unavailable" });
  }

  #startTime(): void {
    if (this.#isSettled) return;
    this.#began = this.#clock.now();
    this.#deadline = this.#clock.after(Math.max(0, this.#timeLeft), this.#late);
  }

  #stopTime(): void {
    this.#deadline?.[Symbol.dispose]();
    this.#timeLeft -= this.#clock.now() - this.#began;
  }
}
