/**
 * The thread that the index of a state directory lives in, so that neither a search nor what comes in
 * holds the server up.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { HeapWatch } from "../queue/heap.ts";
import { sqliteError } from "../queue/sqlite_error.ts";
import { StoreError } from "../queue/store_error.ts";
import {
  type Begin,
  type CallError,
  CLOSE,
  type IndexAnswer,
  type IndexCall,
} from "./index_protocol.ts";
import { openFile } from "./index_schema.ts";
import { SqliteIndex } from "./sqlite_index.ts";

/** The part of a worker's global scope that is used; the types of a window are others. */
interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: IndexAnswer): void;
}

function callError(error: unknown, cannot: string): CallError {
  if (error instanceof SyntaxError) return { kind: "syntax", message: error.message };
  if (error instanceof RangeError) return { kind: "range", message: error.message };
  const failure = sqliteError(error, cannot);
  const isNewer = failure instanceof StoreError && failure.kind === "newer";
  return { kind: isNewer ? "newer" : "failed", message: failure.message };
}

const scope = globalThis as unknown as WorkerScope;
let database: DatabaseSync | undefined;
let index: SqliteIndex | undefined;

function open({ directory }: Begin): IndexAnswer {
  try {
    let renewed: string | undefined;
    database = openFile(directory, (why) => renewed = why);
    index = new SqliteIndex(database);
    return { kind: "open", renewed };
  } catch (error) {
    return { kind: "failed", error: callError(error, `Cannot open the index of ${directory}`) };
  }
}

function call({ number, name, values }: IndexCall): IndexAnswer {
  try {
    const method = index![name] as (...values: unknown[]) => unknown;
    return { kind: "value", number, value: method.apply(index, [...values]) };
  } catch (error) {
    return { kind: "error", number, error: callError(error, "Cannot use the index") };
  }
}

const heap = new HeapWatch();

scope.onmessage = ({ data }: MessageEvent<Begin | IndexCall | typeof CLOSE>) => {
  if (data === CLOSE) {
    database?.close();
    scope.postMessage({ kind: "closed" });
  } else {
    scope.postMessage("directory" in data ? open(data) : call(data));
    void heap.look();
  }
};
