/** Passwords that no one could take for anything else, and the search for them where they must not be. */
import { assertEquals } from "@std/assert";

/** The password of the accounts in tests. */
export const PASSWORD = "canary-of-the-right-password-7Xq2";
/** One that is none. */
export const WRONG_PASSWORD = "canary-of-the-wrong-password-9Kd4";

/** Octets as text, one character for each: they can be searched so, whatever they are. */
const latin1 = new TextDecoder("latin1");

/**
 * What a password looks like as it is, and in base64, where it looks different by how many octets stand
 * before it: only the characters that come of it alone are taken.
 */
export function looksOf(secret: string): string[] {
  const inBase64 = [0, 1, 2].map((before) => {
    const text = btoa("\0".repeat(before) + secret);
    return text.slice(Math.ceil(before * 8 / 6), Math.floor((before + secret.length) * 8 / 6));
  });
  return [secret, ...inBase64];
}

const LOOKS = [PASSWORD, WRONG_PASSWORD].flatMap(looksOf);

/** Which passwords a text has in it, by how they look there. */
export function canariesIn(text: string, looks: readonly string[] = LOOKS): string[] {
  return looks.filter((look) => text.includes(look));
}

/** Every file below a directory, as its path and its octets one character each. */
export function* filesBelow(directory: string): Generator<[path: string, text: string]> {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) yield* filesBelow(path);
    else if (isFile) yield [path, latin1.decode(Deno.readFileSync(path))];
  }
}

/** Fails where a file below a directory has a password in it. Answers how many files there are. */
export function searchFilesBelow(directory: string): number {
  let count = 0;
  for (const [path, text] of filesBelow(directory)) {
    assertEquals(canariesIn(text), [], path);
    count++;
  }
  return count;
}

/** Fails where a file below a directory has a password in it, and where there is no file at all. */
export function assertNoCanaryBelow(directory: string): void {
  assertEquals(searchFilesBelow(directory) > 0, true, `nothing is in ${directory}`);
}

/** Fails where what anybody may see of a process has a password in it: its command line and environment. */
export async function assertNoCanaryInProcess(pid: number): Promise<void> {
  const args = ["eww", "-o", "pid,args", "-p", `${pid}`];
  const { code, stdout } = await new Deno.Command("ps", { args }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, text);
  assertEquals(text.includes(`${pid} `), true, text);
  assertEquals(canariesIn(text), [], text);
}
