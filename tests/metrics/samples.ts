/** What metrics say, for tests to look at. @module */

/** Samples by name and labels, as they are written, in the order of the text. */
export function samplesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }));
}

/** Those that are not zero. */
export function counted(text: string): Record<string, number> {
  return Object.fromEntries([...samplesOf(text)].filter(([, value]) => value !== 0));
}
