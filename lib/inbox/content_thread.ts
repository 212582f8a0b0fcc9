/** Reads messages in a worker, and does without what does not come back from there in time. @module */
import { Worker } from "node:worker_threads";
import type { Clock } from "../net/clock.ts";
import { contentNotes } from "./content_notes.ts";
import { scanContent, SCANNED } from "./content_scan.ts";
import { READY, type WorkerAnswer, type WorkerRequest } from "./content_protocol.ts";
import type { ReadMessage } from "./read_content.ts";

/** How a worker is used. */
export interface ContentThreadOptions {
  readonly clock: Clock;
  /** How long one message may take, in milliseconds. */
  readonly timeLimit: number;
}

/**
 * Behind a message of more octets than this the worker is not used again. Its memory, which can be twenty
 * times as much, is given back only with it; a new one is there in 0.1 s.
 */
const LARGE = 4 * 1024 * 1024;

/** A message that waits for the worker, or is in it. */
interface Job {
  readonly octets: Uint8Array<ArrayBuffer>;
  readonly isCut: boolean;
  readonly resolve: (message: ReadMessage) => void;
  readonly reject: (error: Error) => void;
}

/** The message in the worker. */
interface Running {
  readonly job: Job;
  readonly isLarge: boolean;
  /** What is handed over is gone, and this much of it is shown if nothing comes back. */
  readonly beginning: Uint8Array;
  /** Ends the waiting for it; nothing while the worker starts. */
  timer: Disposable | undefined;
}

/**
 * A worker that is started when there is something to read. It has one message at a time: when it hangs,
 * or ends, it is known by which, and the others are still here.
 *
 * It is one of `node:worker_threads`, since Deno 2.9 does not end a worker of the web that is busy: its
 * thread goes on behind `terminate`, and keeps the program from ending.
 */
export class ContentThread {
  readonly #options: ContentThreadOptions;
  readonly #waiting: Job[] = [];
  #worker: Worker | undefined;
  #isReady = false;
  #running: Running | undefined;

  /** Starts nothing yet. */
  constructor(options: ContentThreadOptions) {
    this.#options = options;
  }

  /** Reads a message, whose octets begin their buffer and are gone then. Rejects only when it is closed. */
  read(octets: Uint8Array<ArrayBuffer>, isCut: boolean): Promise<ReadMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<ReadMessage>();
    this.#waiting.push({ octets, isCut, resolve, reject });
    this.#next();
    return promise;
  }

  /** Ends the worker; what waits for it is told why. */
  async close(reason: Error): Promise<void> {
    const jobs = this.#waiting.splice(0);
    if (this.#running !== undefined) jobs.unshift(this.#running.job);
    this.#running?.timer?.[Symbol.dispose]();
    this.#running = undefined;
    for (const { reject } of jobs) reject(reason);
    await this.#endWorker();
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    const { octets } = job;
    this.#running = {
      job,
      isLarge: octets.length > LARGE,
      beginning: octets.slice(0, SCANNED),
      timer: undefined,
    };
    if (this.#worker === undefined) this.#worker = this.#startWorker();
    else if (this.#isReady) this.#send(this.#worker, this.#running);
  }

  /** Its time begins now, and not while the worker starts. */
  #send(worker: Worker, running: Running): void {
    const { clock, timeLimit } = this.#options;
    running.timer = clock.after(
      timeLimit,
      () => this.#giveUp(worker, `it could not be read within ${timeLimit / 1000} s`),
    );
    const { octets: { buffer, length }, isCut } = running.job;
    worker.postMessage({ buffer, length, isCut } satisfies WorkerRequest, [buffer]);
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL("./content_worker.ts", import.meta.url));
    worker.on("message", (answer: WorkerAnswer | typeof READY) => {
      if (worker !== this.#worker || this.#running === undefined) return;
      if (answer === READY) {
        this.#isReady = true;
        this.#send(worker, this.#running);
        return;
      }
      const { content, buffers } = answer;
      if (this.#running.isLarge) this.#endWorker();
      this.#settle({ content, parts: buffers.map((buffer) => new Uint8Array(buffer)) });
    });
    worker.on("error", (error) => this.#giveUp(worker, `its reader ended (${error.message})`));
    worker.on("exit", () => this.#giveUp(worker, "its reader ended"));
    return worker;
  }

  /** Ends a worker, if that is not done yet, and does without what it should have read. */
  #giveUp(worker: Worker, problem: string): void {
    if (worker !== this.#worker) return;
    this.#endWorker();
    if (this.#running === undefined) return;
    const notes = contentNotes();
    notes.add(`${problem}, so it is shown as it came`);
    this.#settle({ content: scanContent(this.#running.beginning, notes), parts: [] });
  }

  #settle(message: ReadMessage): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.timer?.[Symbol.dispose]();
    running.job.resolve(message);
    this.#next();
  }

  async #endWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#isReady = false;
    await worker?.terminate();
  }
}
