/** The thread in which messages are read, one after the other. @module */
import { readContent, type ReadMessage } from "./read_content.ts";

/** A message to be read. Its octets are handed over. */
export interface WorkerRequest {
  readonly octets: Uint8Array<ArrayBuffer>;
  readonly isCut: boolean;
}

/** The part of a worker's global scope that is used; the types of a window are others. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<WorkerRequest>) => void) | null;
  postMessage(message: ReadMessage, transfer: ArrayBuffer[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = async ({ data: { octets, isCut } }) => {
  const message = await readContent(octets, isCut);
  scope.postMessage(message, message.parts.map(({ buffer }) => buffer));
};
