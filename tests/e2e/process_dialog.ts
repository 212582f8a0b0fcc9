/** A program that hands what it is told to a server, and shows what the server says. */

/** Longer than any reply takes. */
const PATIENCE = 60_000;

/** A line that is typed once the last line of a reply with this code is shown. */
export type CuedLine = readonly [code: number, line: string];

/**
 * Runs a program and says line after line to it, until all are said or a reply refuses one; then a last
 * line, and its input ends. Answers how it ended, and all that it has shown.
 */
export async function converse(
  file: string,
  args: readonly string[],
  lines: readonly CuedLine[],
  farewell: string,
): Promise<{ readonly code: number; readonly text: string }> {
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" 2>&1', "sh", file, ...args],
    stdin: "piped",
    stdout: "piped",
    signal: AbortSignal.timeout(PATIENCE),
  }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let seen = 0;
  const read = async () => {
    const { value, done } = await reader.read();
    text += value ?? "";
    return !done;
  };
  // A program that has ended meanwhile shows why.
  const type = (line: string) => writer.write(new TextEncoder().encode(line)).catch(() => {});
  for (const [code, line] of lines) {
    const awaited = new RegExp(`^(?:${code}|[45]\\d\\d) .*\r?\n`, "m");
    let match: RegExpExecArray | null;
    while ((match = awaited.exec(text.slice(seen))) === null && await read());
    if (match === null || !match[0].startsWith(`${code}`)) break;
    seen += match.index + match[0].length;
    await type(line);
  }
  await type(farewell);
  await writer.close().catch(() => {});
  while (await read());
  return { code: (await child.status).code, text };
}
