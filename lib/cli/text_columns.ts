/** Text for people, fit for 80 columns. @module */

/** Columns of a screen. */
export const WIDTH = 80;

/** Breaks text into lines of at most `width`, between words. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Two columns: the left one as wide as `left`, the right one wrapped. */
export function columns(left: number, [name, text]: readonly [string, string]): string {
  const [first, ...more] = wrap(text, WIDTH - left);
  const indent = " ".repeat(left);
  // A name that is too wide for its column stands on a line of its own.
  const head = name.length + 2 > left ? `${name}\n${indent}` : name.padEnd(left);
  return [head + first, ...more.map((line) => indent + line)].join("\n");
}
