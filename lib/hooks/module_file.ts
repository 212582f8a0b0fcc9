/** The file that a module of hooks is. @module */
import { HooksError } from "./hooks_error.ts";

/** The octets of the largest module. */
const MAX_FILE = 4 * 1024 * 1024;

/**
 * The path of the module itself, where a link leads to it; that may be another one each time.
 *
 * @throws {HooksError} if it can be no module
 */
export function moduleFile(path: string): string {
  let file: string;
  let info: Deno.FileInfo;
  try {
    file = Deno.realPathSync(path);
    info = Deno.statSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const isMissing = error instanceof Deno.errors.NotFound;
    throw new HooksError(isMissing ? "there is no such file" : (error as Error).message, error);
  }
  // A device may have no end.
  if (!info.isFile) throw new HooksError("it is no file");
  if (info.size > MAX_FILE) throw new HooksError(`it has more than ${MAX_FILE} octets`);
  return file;
}
