/**
 * The tables of the README that come from the program: its commands, its flags, the keys of the config
 * file and its metrics. `deno task readme` writes them there, and a test holds that they are there.
 */
import { listedCommands } from "../lib/cli/command_table.ts";
import { VERBS } from "../lib/cli/run.ts";
import { type Option, OPTIONS } from "../lib/config.ts";
import { flagName, KEYS } from "../lib/config/names.ts";
import { serverMetrics } from "./metrics/samples.ts";

/** The cells of the rows of a table, below its head. */
export type Rows = readonly (readonly string[])[];

function commandRows(): Rows {
  return listedCommands(VERBS).map(({ usage, summary }) => [`\`smtpd ${usage}\``, summary]);
}

function flagRows(): Rows {
  return KEYS.filter((key) => !OPTIONS[key].fileOnly).map((key) => {
    const { short, placeholder, repeatable, meaning, shownDefault }: Option = OPTIONS[key];
    const letter = short === undefined ? "" : `\`-${short}\`, `;
    const flag = `--${flagName(key)}${placeholder === undefined ? "" : ` ${placeholder}`}`;
    return [`${letter}\`${flag}\`${repeatable ? " (repeatable)" : ""}`, meaning, shownDefault];
  });
}

function keyRows(): Rows {
  return KEYS.filter((key) => OPTIONS[key].fileOnly).map((key) => [
    `\`${key}\``,
    OPTIONS[key].meaning,
    OPTIONS[key].shownDefault,
  ]);
}

async function metricRows(): Promise<Rows> {
  return (await serverMetrics()).map(({ name, labelNames, help }) => [
    `\`${name}\``,
    labelNames.map((label) => `\`${label}\``).join(", "),
    help,
  ]);
}

/** The tables by the first word of their heads. */
export const TABLES: ReadonlyMap<string, Rows> = new Map([
  ["command", commandRows()],
  ["flag", flagRows()],
  ["key", keyRows()],
  ["metric", await metricRows()],
]);

/** What a table is in Markdown: its head, and the rows below. */
function pattern(head: string): RegExp {
  return new RegExp(`^(\\| ${head} .*\\n\\| -.*\\n)((?:\\|.*\\n)+)`, "m");
}

/** A cell as Markdown: what is a tag or the end of a cell elsewhere is text here. */
function cellText(text: string): string {
  return text.split(/(`[^`]*`)/).map((part) =>
    part.startsWith("`") ? part : part.replace(/[<|]/g, "\\$&")
  ).join("");
}

/** The rows of a table of the README. Throws where there is none with that head. */
export function rowsIn(readme: string, head: string): Rows {
  const table = pattern(head).exec(readme);
  if (table === null) throw new Error(`Cannot find the table of ${head}`);
  return table[2].replaceAll(/\\([<|])/g, "$1").trim().split("\n").map((row) =>
    row.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}

/** The README with every table as it has to be, not yet aligned. */
export function withTables(readme: string): string {
  let text = readme;
  for (const [head, rows] of TABLES) {
    const lines = rows.map((cells) => `| ${cells.map(cellText).join(" | ")} |\n`).join("");
    text = text.replace(pattern(head), (_, top) => top + lines);
  }
  return text;
}

if (import.meta.main) {
  const file = new URL("../README.md", import.meta.url);
  Deno.writeTextFileSync(file, withTables(Deno.readTextFileSync(file)));
}
