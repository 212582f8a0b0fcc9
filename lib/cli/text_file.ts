/** Text files that people edit while the server runs. @module */

/** What went wrong with a file, for the middle of a message. */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "smtpd has no permission";
  return error instanceof Error ? error.message : String(error);
}

/** How a file looks from outside: what differs from before has to be read again. */
export function stampOf(path: string): string {
  try {
    const { mtime, size, ino } = Deno.statSync(path);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch (error) {
    return reasonOf(error);
  }
}

/**
 * Reads a file of UTF-8, no more of it than may be there, whatever becomes of it meanwhile.
 *
 * @param most how many octets it may have
 * @param check is called with what the system says of the file that was opened, before it is read
 * @throws {RangeError} if it is no file, is larger, or is not UTF-8
 */
export function readText(
  path: string,
  most: number,
  check?: (info: Deno.FileInfo) => void,
): string {
  // A pipe would wait to be opened.
  if (!Deno.statSync(path).isFile) throw new RangeError("it is no file");
  using file = Deno.openSync(path);
  check?.(file.statSync());
  const octets: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const part = new Uint8Array(64 * 1024);
    const count = file.readSync(part);
    if (count === null) break;
    length += count;
    if (length > most) throw new RangeError(`it is over ${most} octets`);
    octets.push(part.subarray(0, count));
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    return octets.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
  } catch {
    throw new RangeError("it is not UTF-8");
  }
}
