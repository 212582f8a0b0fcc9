/** The index of a state directory, which works in a thread of its own. @module */
import { type Log, noLog } from "../net/log.ts";
import { StoreError } from "../queue/store_error.ts";
import {
  type Begin,
  type CallError,
  CLOSE,
  type IndexAnswer,
  type IndexCall,
} from "./index_protocol.ts";
import {
  indexClosed,
  type IndexCounts,
  type IndexedMessage,
  type MessageIndex,
  type MessageState,
  type Search,
  type SummaryPage,
} from "./message_index.ts";
import type { SyncIndex } from "./sqlite_index.ts";

/** Where an index is. */
export interface OpenIndexOptions {
  /** The state directory, of which this process is the only writer. */
  readonly directory: string;
  /** Who is told that the index was made anew. */
  readonly log?: Log;
}

/**
 * Opens the index of a state directory, making it if there is none. Calls are answered in their order.
 *
 * @throws {StoreError} if it was written by a later version of this program, or cannot be made
 */
export async function openIndex(
  { directory, log = noLog }: OpenIndexOptions,
): Promise<MessageIndex> {
  const url = new URL("./index_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module", name: "inbox-index" });
  const client = new IndexClient(worker);
  try {
    const renewed = await client.open({ directory });
    if (renewed !== undefined) log("warn", "index-renewed", { reason: renewed });
    return client;
  } catch (error) {
    worker.terminate();
    throw error;
  }
}

type Settle = Pick<PromiseWithResolvers<unknown>, "resolve" | "reject">;

/** The number under which the first message and the last are waited for. */
const WHOLE = -1;

class IndexClient implements MessageIndex {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Settle>();
  #number = 0;
  /** Why nothing can be called any more. */
  #over: Error | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<IndexAnswer>) => this.#settle(data);
    worker.onerror = (event) => {
      // Otherwise it would end the whole program.
      event.preventDefault();
      this.#end(
        new StoreError("closed", `Cannot use the index: its worker ended: ${event.message}`),
      );
    };
  }

  /** Has the worker open the index; answers why it was made anew, if it was. */
  open(begin: Begin): Promise<string | undefined> {
    return this.#ask(WHOLE, begin) as Promise<string | undefined>;
  }

  put(messages: readonly IndexedMessage[]): Promise<void> {
    return this.#call("put", messages);
  }

  setStates(states: ReadonlyMap<string, MessageState>): Promise<void> {
    return this.#call("setStates", states);
  }

  setSeen(ids: readonly string[], seen: boolean): Promise<number> {
    return this.#call("setSeen", ids, seen);
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.#call("remove", ids);
  }

  known(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return this.#call("known", ids);
  }

  search(search: Search, options: { cursor?: string; limit: number }): Promise<SummaryPage> {
    return this.#call("search", search, options);
  }

  counts(): Promise<IndexCounts> {
    return this.#call("counts");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over !== undefined) return;
    const closed = this.#ask(WHOLE, CLOSE);
    this.#over = indexClosed();
    // A worker that ended by itself has closed what it had open.
    await closed.catch(() => {});
    this.#worker.terminate();
  }

  #call<Name extends keyof SyncIndex>(
    name: Name,
    ...values: Parameters<SyncIndex[Name]>
  ): Promise<ReturnType<SyncIndex[Name]>> {
    const number = this.#number++;
    const call: IndexCall = { number, name, values };
    return this.#ask(number, call) as Promise<ReturnType<SyncIndex[Name]>>;
  }

  #ask(number: number, message: Begin | IndexCall | typeof CLOSE): Promise<unknown> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    const { promise, ...settle } = Promise.withResolvers<unknown>();
    this.#waiting.set(number, settle);
    this.#worker.postMessage(message);
    return promise;
  }

  #settle(answer: IndexAnswer): void {
    const number = "number" in answer ? answer.number : WHOLE;
    const settle = this.#waiting.get(number);
    this.#waiting.delete(number);
    switch (answer.kind) {
      case "open":
        return settle?.resolve(answer.renewed);
      case "value":
        return settle?.resolve(answer.value);
      case "closed":
        return settle?.resolve(undefined);
      case "failed":
      case "error":
        return settle?.reject(errorOf(answer.error));
    }
  }

  #end(error: Error): void {
    this.#over ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function errorOf({ kind, message }: CallError): Error {
  switch (kind) {
    case "syntax":
      return new SyntaxError(message);
    case "range":
      return new RangeError(message);
    default:
      return new StoreError(kind, message);
  }
}
