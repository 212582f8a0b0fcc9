/** Calls into a worker, all that wait in one message. @module */
import { type Answer, type Batch, type Begin, CLOSE, fromWire } from "./sqlite_protocol.ts";
import { StoreError } from "./store_error.ts";

/** Calls in one batch at most, so that the first one does not wait for too many others. */
const MOST_CALLS = 1_000;

/** Octets in one batch at most. */
const MOST_OCTETS = 16 * 1024 * 1024;

/** The pauses before a worker that ended is started again, in milliseconds: twice as long each time. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 30_000;

/** Octets up to which a copy costs less than handing a buffer over does, which is some 15 µs. */
const SMALL = 32 * 1024;

/** A value among those of a call whose octets are handed over: they are gone on this side. */
export interface Carrier {
  octets?: Uint8Array<ArrayBuffer>;
}

type Calls<T> = { [Name in keyof T]: (...values: never[]) => unknown };

interface Waiting {
  readonly call: readonly [string, ...unknown[]];
  /** Those of its values that have octets to be handed over. */
  readonly carriers: readonly Carrier[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A worker and the calls that wait for it. While it works on one batch, what else is asked of it
 * gathers in the next; that is what makes one flush serve many messages.
 *
 * A worker that ends by itself is started again. What is called meanwhile is refused as `closed`; what the
 * writer was at work on, as `uncertain`.
 */
export class WorkerPort<T extends Calls<T>> {
  readonly #begin: Begin;
  readonly #told: (answer: Answer) => void;
  #worker: Worker | undefined;
  #waiting: Waiting[] = [];
  #running: readonly Waiting[] | undefined;
  #isScheduled = false;
  /** Why nothing can be called, now or any more. */
  #over: StoreError | undefined;
  #isClosed = false;
  #idle: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #starting: Promise<void> | undefined;

  private constructor(begin: Begin, told: (answer: Answer) => void) {
    this.#begin = begin;
    this.#told = told;
  }

  /** Whether there is a worker that can be called. */
  get isUp(): boolean {
    return this.#over === undefined;
  }

  /**
   * Starts a worker.
   *
   * @param told is given each answer before the calls that it is for settle
   * @throws {StoreError} if it cannot open the queue
   */
  static async open<T extends Calls<T>>(
    begin: Begin,
    told: (answer: Answer) => void,
  ): Promise<WorkerPort<T>> {
    const port = new WorkerPort<T>(begin, told);
    await port.#start(begin);
    return port;
  }

  async #start(begin: Begin): Promise<void> {
    const url = new URL("./sqlite_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module", name: `queue-${begin.role}` });
    try {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new StoreError("failed", `Cannot start the queue's worker: ${event.message}`));
      };
      worker.postMessage(begin);
      const answer = await promise;
      for (const one of answer.settled) if ("error" in one) throw fromWire(one.error);
      worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#settle(data);
      worker.onerror = (event) => {
        // Otherwise it would end the whole program.
        event.preventDefault();
        this.#fail(
          new StoreError("closed", `Cannot use the queue: its worker ended: ${event.message}`),
        );
      };
      this.#worker = worker;
      this.#over = undefined;
      this.#told(answer);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Calls a function of the worker; values that have octets are named again, to hand these over. */
  call<Name extends keyof T & string>(
    name: Name,
    values: Parameters<T[Name]>,
    carriers: readonly Carrier[] = [],
  ): Promise<Awaited<ReturnType<T[Name]>>> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ call: [name, ...values], carriers, resolve, reject });
    this.#schedule();
    return promise as Promise<Awaited<ReturnType<T[Name]>>>;
  }

  /** Waits for what was called, lets the worker close what it has open, and ends it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#starting;
    while (this.#running !== undefined || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
    const worker = this.#over === undefined ? this.#worker : undefined;
    this.#over = new StoreError("closed", "Cannot use the queue: it was closed");
    if (worker === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    worker.onmessage = () => resolve();
    worker.onerror = (event) => {
      event.preventDefault();
      resolve();
    };
    worker.postMessage(CLOSE);
    await promise;
    worker.terminate();
  }

  /** Sends what waits, once whoever is about to call in this turn has done so. */
  #schedule(): void {
    if (this.#isScheduled || this.#running !== undefined) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#running !== undefined) return;
    let octets = 0;
    let count = 0;
    while (count < this.#waiting.length && count < MOST_CALLS && octets < MOST_OCTETS) {
      for (const carrier of this.#waiting[count++].carriers) octets += carrier.octets?.length ?? 0;
    }
    if (count === 0) return;
    const running = this.#running = this.#waiting.splice(0, count);
    const batch: Batch = running.map(({ call }) => call);
    const transfer = handOver(running.flatMap(({ carriers }) => carriers));
    try {
      this.#worker!.postMessage(batch, transfer);
    } catch (error) {
      // Something in it cannot be cloned, and it is not known whose it is.
      this.#running = undefined;
      for (const { reject } of running) reject(error);
      this.#send();
    }
  }

  #settle(answer: Answer): void {
    const running = this.#running ?? [];
    this.#running = undefined;
    // The worker goes on with the next batch while this one's callers are told.
    this.#send();
    this.#told(answer);
    for (const [i, { resolve, reject }] of running.entries()) {
      const settled = answer.settled[i] ?? answer.settled[0];
      if ("error" in settled) reject(fromWire(settled.error));
      else resolve(settled.value);
    }
    this.#tellIdle();
  }

  #fail(error: StoreError): void {
    this.#over = error;
    const { message } = error;
    const underWay = this.#begin.role === "writer" ? new StoreError("uncertain", message) : error;
    for (const { reject } of this.#running ?? []) reject(underWay);
    for (const { reject } of this.#waiting) reject(error);
    this.#running = undefined;
    this.#waiting = [];
    this.#worker?.terminate();
    this.#tellIdle();
    this.#startLater(FIRST_PAUSE);
  }

  #startLater(pause: number): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#starting = this.#start({ ...this.#begin, isAgain: true }).catch(() => {
        // Whoever calls is told that it ended; why it does not start may be over next time.
        this.#startLater(Math.min(2 * pause, LONGEST_PAUSE));
      });
    }, pause);
  }

  #tellIdle(): void {
    if (this.#running !== undefined || this.#waiting.length > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}

/** Puts what is small together into one buffer, and answers the buffers to hand over. */
function handOver(carriers: readonly Carrier[]): ArrayBuffer[] {
  const small = carriers.filter(({ octets }) => octets !== undefined && octets.length <= SMALL);
  const all = new Uint8Array(small.reduce((sum, { octets }) => sum + octets!.length, 0));
  let at = 0;
  for (const carrier of small) {
    const end = at + carrier.octets!.length;
    all.set(carrier.octets!, at);
    carrier.octets = all.subarray(at, end);
    at = end;
  }
  const large = carriers.flatMap(({ octets }) =>
    octets !== undefined && octets.length > SMALL ? [octets.buffer] : []
  );
  return small.length > 0 ? [all.buffer, ...large] : large;
}
