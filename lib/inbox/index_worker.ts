/**
 * The thread that the index of a state directory lives in, so that neither a search nor what comes in
 * holds the server up.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
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

function callError(error: unknown): CallError {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SyntaxError) return { kind: "syntax", message };
  if (error instanceof RangeError) return { kind: "range", message };
  const isNewer = error instanceof StoreError && error.kind === "newer";
  return { kind: isNewer ? "newer" : "failed", message };
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
    return { kind: "failed", error: callError(error) };
  }
}

function call({ number, name, values }: IndexCall): IndexAnswer {
  try {
    const method = index![name] as (...values: unknown[]) => unknown;
    return { kind: "value", number, value: method.apply(index, [...values]) };
  } catch (error) {
    return { kind: "error", number, error: callError(error) };
  }
}

scope.onmessage = ({ data }: MessageEvent<Begin | IndexCall | typeof CLOSE>) => {
  if (data === CLOSE) {
    database?.close();
    scope.postMessage({ kind: "closed" });
  } else {
    scope.postMessage("directory" in data ? open(data) : call(data));
  }
};
