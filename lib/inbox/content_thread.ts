/** Reads messages in a worker, and does without what does not come back from there in time. @module */
import type { Clock } from "../net/clock.ts";
import { contentNotes } from "./content_notes.ts";
import { scanContent, SCANNED } from "./content_scan.ts";
import type { WorkerRequest } from "./content_worker.ts";
import type { ReadMessage } from "./read_content.ts";

/** How a worker is used. */
export interface ContentThreadOptions {
  readonly clock: Clock;
  /** How long one message may take, in milliseconds. */
  readonly timeLimit: number;
}

/** A message that waits for the worker, or is in it. */
interface Job extends WorkerRequest {
  readonly resolve: (message: ReadMessage) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A worker that is started when there is something to read. It has one message at a time: when it hangs,
 * or ends, it is known by which, and the others are still here.
 */
export class ContentThread {
  readonly #options: ContentThreadOptions;
  readonly #waiting: Job[] = [];
  #worker: Worker | undefined;
  /** The message in the worker, and what to do without it. */
  #running: { readonly job: Job; readonly end: () => void } | undefined;

  /** Starts nothing yet. */
  constructor(options: ContentThreadOptions) {
    this.#options = options;
  }

  /** Reads a message, whose octets are gone then. Rejects only when it is closed. */
  read(octets: Uint8Array<ArrayBuffer>, isCut: boolean): Promise<ReadMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadMessage>();
    this.#waiting.push({ octets, isCut, resolve, reject });
    this.#next();
    return promise;
  }

  /** Ends the worker; what waits for it is told why. */
  close(reason: Error): void {
    const jobs = this.#running === undefined ? [] : [this.#running.job];
    this.#running?.end();
    this.#running = undefined;
    this.#endWorker();
    for (const { reject } of [...jobs, ...this.#waiting.splice(0)]) reject(reason);
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    const { octets, isCut } = job;
    // What is handed over is gone, and this much of it is shown if nothing comes back.
    const beginning = octets.slice(0, SCANNED);
    const giveUp = (problem: string): void => {
      this.#endWorker();
      const notes = contentNotes();
      notes.add(`${problem}, so it is shown as it came`);
      this.#settle({ content: scanContent(beginning, notes), parts: [] });
    };
    const { clock, timeLimit } = this.#options;
    const timer = clock.after(
      timeLimit,
      () => giveUp(`it could not be read within ${timeLimit / 1000} s`),
    );
    this.#running = { job, end: () => timer[Symbol.dispose]() };
    const worker = this.#worker ??= startWorker();
    worker.onmessage = ({ data }: MessageEvent<ReadMessage>) => this.#settle(data);
    worker.onerror = (event) => {
      // Otherwise it would end the whole program.
      event.preventDefault();
      giveUp(`its reader ended (${event.message})`);
    };
    worker.postMessage({ octets, isCut } satisfies WorkerRequest, [octets.buffer]);
  }

  #settle(message: ReadMessage): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.end();
    running.job.resolve(message);
    this.#next();
  }

  #endWorker(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }
}

function startWorker(): Worker {
  const url = new URL("./content_worker.ts", import.meta.url);
  return new Worker(url, { type: "module", name: "content" });
}
