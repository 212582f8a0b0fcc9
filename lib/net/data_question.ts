/** What a data hook is asked about one message: what it is given to read, and what it has answered. @module */
import type { MaybePromise } from "../policy/hooks.ts";
import type { Reply } from "../smtp/reply.ts";
import { ContentFeed } from "./content_feed.ts";
import { chain, eachInTurn, guarded } from "./maybe_promise.ts";

/** What becomes of a message that is not refused. */
export interface Revision {
  /** Its header section, where that is another one. */
  readonly head?: Uint8Array;
  /** What is different in it, for people. */
  readonly headerChanges?: readonly string[];
  /** The route for all recipients. */
  readonly route?: string;
}

/** What a question comes to. */
export type DataAnswer = Reply | Revision;

/** How a question is put. */
export interface DataAsking {
  /** Asks the hook, and reads its verdict. */
  readonly ask: (content: AsyncIterable<Uint8Array>) => MaybePromise<DataAnswer>;
  /** What the client is told where that fails. */
  readonly rescue: (error: unknown) => Reply;
}

/** The question. Whoever has put it goes on beside the hook, at its pace. */
export class DataQuestion {
  readonly #feed = new ContentFeed();
  readonly #asked: MaybePromise<DataAnswer>;
  #answer: DataAnswer | undefined;

  /** Asks. */
  constructor({ ask, rescue }: DataAsking) {
    const feed = this.#feed;
    const asked = guarded(
      () => ask(feed),
      // What a hook makes of a message that stops half way is no bug, and nobody hears its answer.
      (error) => feed.hasFailed ? {} : rescue(error),
    );
    this.#asked = chain(asked, (answer) => {
      this.#answer = answer;
      feed.leave();
      return answer;
    });
  }

  /** The answer, once it is there. */
  get answer(): DataAnswer | undefined {
    return this.#answer;
  }

  /** Gives slices of the message; settles once they were read, or when the hook does not want them. */
  give(slices: readonly Uint8Array[]): MaybePromise<void> {
    if (this.#answer === undefined) return eachInTurn(slices, (slice) => this.#feed.give(slice));
  }

  /** Says that the message is whole; settles with the answer. */
  end(): MaybePromise<DataAnswer> {
    this.#feed.end();
    return this.#asked;
  }

  /** Says that the rest of the message will not come. */
  fail(error: Error): void {
    this.#feed.fail(error);
  }
}
