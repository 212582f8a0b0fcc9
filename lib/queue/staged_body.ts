/** A message's octets on their way into the SQLite store. @module */
import { type BlobReference, type BlobWriter, createBlob } from "./blobs.ts";
import type { Reach } from "./fault.ts";
import { octetBuffer } from "./octet_buffer.ts";
import { sqliteError } from "./sqlite_error.ts";
import { StoreError } from "./store_error.ts";
import { type StagedBody, StoreFullError } from "./store.ts";

/** What a body is staged with. */
export interface StagingOptions {
  readonly directory: string;
  /** Octets up to which a body is kept in memory and then in the database. */
  readonly largest: number;
  readonly reach: Reach;
  /** Takes room for a file that grows by so many octets; false if there is none. */
  readonly takeRoom: (octets: number) => boolean;
}

/** The octets once they are whole: in memory, or in a file that is on stable storage. */
export type SealedBody =
  | { readonly octets: Uint8Array<ArrayBuffer> }
  | { readonly blob: BlobReference };

/** A staged body, as the store that made it sees it. */
export interface Staging {
  readonly body: StagedBody;
  /** Ends it for the transaction that names it; once. */
  seal(): Promise<SealedBody> | SealedBody;
  /** Deletes what was sealed, since no transaction names it. */
  discard(): void;
}

/** Begins to take octets: into memory while they are few, then into a file. */
export function stageBody({ directory, largest, reach, takeRoom }: StagingOptions): Staging {
  const buffer = octetBuffer();
  let size = 0;
  let isEnded = false;
  let blob: BlobWriter | undefined;
  /** What is under way with the file, so that it is not closed underneath. */
  let pending: Promise<unknown> | undefined;

  const discard = () => {
    isEnded = true;
    buffer.take();
    if (blob === undefined && pending === undefined) return;
    void Promise.resolve(pending).catch(() => {}).then(() => blob?.discard());
  };

  const writeToFile = async (bytes: Uint8Array) => {
    try {
      if (!takeRoom(buffer.size + bytes.length)) {
        throw new StoreFullError("Cannot take the message: the disk has no room for it");
      }
      blob ??= await createBlob(directory, reach);
      if (buffer.size > 0) await blob.write(buffer.take());
      await blob.write(bytes);
      size += bytes.length;
    } catch (error) {
      // Without this slice the others are no message.
      discard();
      throw sqliteError(error, "Cannot take the message");
    }
  };

  return {
    body: {
      get size() {
        return size;
      },
      write(bytes) {
        if (isEnded) throw new StoreError("closed", "Cannot write to a message that was ended");
        if (blob === undefined && size + bytes.length <= largest) {
          buffer.append(bytes);
          size += bytes.length;
          return;
        }
        return pending = writeToFile(bytes);
      },
      async *read(start) {
        if (isEnded) throw new StoreError("closed", "Cannot read a message that was ended");
        try {
          if (blob !== undefined) yield* blob.read(start);
          else if (start < buffer.size) yield buffer.from(start);
        } catch (error) {
          throw sqliteError(error, "Cannot read the message that is taken");
        }
      },
      abort() {
        if (!isEnded) discard();
      },
    },
    seal() {
      if (isEnded) throw new StoreError("closed", "Cannot commit a message that was ended");
      isEnded = true;
      if (blob === undefined) return { octets: buffer.take() };
      return blob.finish().then((reference) => ({ blob: reference }));
    },
    discard,
  };
}
