/** Large bodies in files beside the database. @module */
import { crc32 } from "node:zlib";
import type { Reach } from "./fault.ts";
import { Damage } from "./sqlite_rows.ts";

/** Where the files are within the state directory, and where damaged ones go. */
export const BLOBS = "blobs";
/** See {@linkcode BLOBS}. */
export const QUARANTINE = "quarantine";

const NAME = /^[0-9a-f]{32}$/;

/** How much of a file is read at once, in octets. */
const SLICE = 64 * 1024;

/** A blob as its message names it. */
export interface BlobReference {
  readonly name: string;
  readonly size: number;
  readonly crc: number;
}

/** What the writer does with blob files, all of it behind the transaction that says so. */
export interface Blobs {
  /** Deletes one that no message names any more. */
  remove(name: string): void;
  /** Moves one to the quarantine. */
  setAside(name: string): void;
  /** Deletes those that no message names: what a crash, or a closed store, has left. */
  sweep(isNamed: (name: string) => boolean): void;
}

/** Makes the directories, and gives access to what is in them. */
export function openBlobs(directory: string, reach: Reach): Blobs {
  for (const name of [BLOBS, QUARANTINE]) {
    Deno.mkdirSync(`${directory}/${name}`, { recursive: true, mode: 0o700 });
  }
  // The database and the directories were perhaps made just now; so was the state directory itself.
  syncDirectorySync(directory);
  syncDirectorySync(`${directory}/..`);
  return {
    remove(name) {
      Deno.removeSync(pathOf(directory, name));
      reach("blobs-deleted");
    },
    setAside(name) {
      Deno.renameSync(pathOf(directory, name), `${directory}/${QUARANTINE}/${name}`);
    },
    sweep(isNamed) {
      for (const { name, isFile } of Deno.readDirSync(`${directory}/${BLOBS}`)) {
        if (isFile && NAME.test(name) && !isNamed(name)) Deno.removeSync(pathOf(directory, name));
      }
    },
  };
}

/** Flushes the names in a directory. Windows opens none, and writes names by itself. */
async function syncDirectory(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using directory = await Deno.open(path);
  await directory.sync();
}

function syncDirectorySync(path: string): void {
  if (Deno.build.os === "windows") return;
  try {
    using directory = Deno.openSync(path);
    directory.syncSync();
  } catch (error) {
    // The directory above may be closed to us, and then was not made by us.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

function pathOf(directory: string, name: string): string {
  // The name may come out of a damaged row.
  if (!NAME.test(name)) throw new Damage("the name of its file cannot be read");
  return `${directory}/${BLOBS}/${name}`;
}

/** A blob file that is being written. Calls come one after the other. */
export interface BlobWriter {
  /** Appends octets. */
  write(bytes: Uint8Array): Promise<void>;
  /** Reads it from an octet on; each slice overwrites the one before. */
  read(start: number): AsyncIterable<Uint8Array>;
  /** Flushes the file and its directory, so that a transaction may name it. */
  finish(): Promise<BlobReference>;
  /** Deletes it. */
  discard(): Promise<void>;
}

/** Makes a blob file under a name of its own, so there is nothing to rename once it is whole. */
export async function createBlob(directory: string, reach: Reach): Promise<BlobWriter> {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  const name = Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
  const path = pathOf(directory, name);
  const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  let isOpen = true;
  let size = 0;
  let crc = 0;
  const close = () => {
    if (isOpen) file.close();
    isOpen = false;
  };
  const discard = async () => {
    close();
    await Deno.remove(path).catch(() => {
      // The sweep at the next start takes it.
    });
  };
  try {
    reach("blob-created");
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    async write(bytes) {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await file.write(rest));
      size += bytes.length;
      crc = crc32(bytes, crc);
    },
    async *read(start) {
      // A file of its own, since the other one stands where the next octet is written.
      using written = await Deno.open(path);
      await written.seek(start, Deno.SeekMode.Start);
      const buffer = new Uint8Array(SLICE);
      for (let rest = size - start; rest > 0;) {
        const count = await written.read(buffer);
        if (count === null) throw new Damage("its file ends early");
        yield buffer.subarray(0, count);
        rest -= count;
      }
    },
    async finish() {
      reach("blob-written");
      await file.sync();
      close();
      reach("blob-synced");
      await syncDirectory(`${directory}/${BLOBS}`);
      reach("blob-directory-synced");
      return { name, size, crc };
    },
    discard,
  };
}

/**
 * Reads a blob file; each slice overwrites the one before.
 *
 * @throws {Damage} if it is not what was committed, at the end at the latest
 */
export async function* readBlob(
  directory: string,
  { name, size, crc }: BlobReference,
): AsyncGenerator<Uint8Array> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(pathOf(directory, name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Damage("its file is missing");
    throw error;
  }
  using _file = file;
  const info = await file.stat();
  if (info.size !== size) throw new Damage(`its file has ${info.size} octets instead of ${size}`);
  const buffer = new Uint8Array(Math.min(SLICE, size));
  let sum = 0;
  let rest = size;
  while (rest > 0) {
    const count = await file.read(buffer);
    if (count === null) throw new Damage("its file ends early");
    const slice = buffer.subarray(0, Math.min(count, rest));
    sum = crc32(slice, sum);
    rest -= slice.length;
    // The last slice is not given away before the whole is known to be right.
    if (rest === 0 && sum !== crc) throw new Damage("its file is not what was committed");
    yield slice;
  }
}
