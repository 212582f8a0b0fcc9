/** Where the control socket is, and how it is reached however long its path is. @module */

/** The name of the socket within the state directory. */
const NAME = "control";

/**
 * The octets that the path of a socket may have: `sun_path` has 108 on Linux and 104 elsewhere, with a
 * NUL at the end.
 */
const MAX_PATH = 103;

/** Whether this system has sockets that are files. */
export const HAS_CONTROL: boolean = Deno.build.os !== "windows";

/** The path of the socket of a state directory. */
export function controlPath(directory: string): string {
  return `${directory}/${NAME}`;
}

/**
 * Does something with the path of the socket. Where that is too long for the system, a link to the
 * state directory stands for it as long as this takes.
 */
export async function withControlPath<T>(
  directory: string,
  use: (path: string) => T | Promise<T>,
): Promise<T> {
  const path = controlPath(directory);
  if (new TextEncoder().encode(path).length <= MAX_PATH) return await use(path);
  const temporary = Deno.makeTempDirSync({ prefix: "smtpd_" });
  try {
    Deno.symlinkSync(Deno.realPathSync(directory), `${temporary}/q`);
    return await use(`${temporary}/q/${NAME}`);
  } finally {
    Deno.removeSync(temporary, { recursive: true });
  }
}
