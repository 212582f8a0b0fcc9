/** Holds help and man page to the table of commands; tests/e2e/completions_test.ts does it for shells. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { LISTED_COMMON, LISTED_SETTINGS, listedCommands } from "../../lib/cli/command_table.ts";
import type { ListedFlag } from "../../lib/cli/flags.ts";
import { VERBS } from "../../lib/cli/run.ts";
import { OPTIONS } from "../../lib/config.ts";
import { KEYS } from "../../lib/config/names.ts";
import { call } from "./surroundings.ts";

const commands = listedCommands(VERBS);
const { out: page } = await call(["help", "--man"]);

/** How each flag is written, with what stands for its value. */
function writtenAll(flags: readonly ListedFlag[]): string[] {
  return flags.map(({ written, placeholder }) =>
    written.join(", ") + (placeholder === undefined ? "" : ` ${placeholder}`)
  );
}

/** Roff without its escapes. */
function plain(roff: string): string {
  return roff.replaceAll(/\\f[BIR]|\\&/g, "").replaceAll("\\-", "-").replaceAll("\\(aq", "'");
}

/** The tags of the part of the man page that has a heading. */
function tagsUnder(heading: string): string[] {
  const parts = page.split(/^(?=\.S[HS] )/m);
  const part = parts.find((part) => plain(part.split("\n", 1)[0]).replaceAll('"', "") === heading);
  assert(part !== undefined, `Cannot find ${heading}`);
  return [...part.matchAll(/^\.TP\n(.*)$/gm)].map(([, tag]) => plain(tag));
}

/** The first column of the tables in a help, but for what is only in the config file. */
function flagsIn(help: string): string[] {
  return [...help.matchAll(/^ {2}(-.*?)(?: {2,}|$)/gm)].map(([, flag]) => flag);
}

Deno.test("the help of each command has the flags of the table, and of its family", async () => {
  for (const { words: [name], flags, family } of commands) {
    const { out } = await call(["help", name]);
    const settings = name === "serve" ? LISTED_SETTINGS : [];
    assertEquals(flagsIn(out), writtenAll([...flags, ...settings]), name);
    for (const { usage } of family) assert(out.includes(`\n  ${usage}\n`), usage);
    const sub = [...out.matchAll(new RegExp(`^ {2}(${name} .*)$`, "gm"))].map(([, usage]) => usage);
    assertEquals(sub, family.map(({ usage }) => usage));
  }
});

Deno.test("the man page has the commands, flags and keys of the table", () => {
  for (const { usage, flags, family } of commands) {
    const expected = [...family.map(({ usage }) => usage), ...writtenAll(flags)];
    assertEquals(tagsUnder(`.SS smtpd ${usage}`), expected);
  }
  assertEquals(tagsUnder(".SH SETTINGS"), writtenAll(LISTED_SETTINGS));
  assertEquals(tagsUnder(".SS Every command"), writtenAll(LISTED_COMMON));
  const keys = tagsUnder(".SH CONFIGURATION FILE").map((tag) => tag.split(" ")[0]);
  assertEquals(keys, KEYS.filter((key) => OPTIONS[key].fileOnly));
});

Deno.test("the meaning of a choice names its words", () => {
  const flags = [...LISTED_SETTINGS, ...commands.flatMap(({ flags }) => flags)];
  const options = KEYS.map((key) => ({ ...OPTIONS[key], ...OPTIONS[key].value }));
  let count = 0;
  for (const { meaning, shownDefault, suggests } of [...flags, ...options]) {
    if (suggests?.kind !== "words") continue;
    for (const word of suggests.words) assertMatch(`${meaning} ${shownDefault}`, RegExp(word));
    count++;
  }
  assert(count > 10);
});

Deno.test("nothing tells of a command for scripts alone", async () => {
  const { out } = await call(["help", "queue"]);
  for (const text of [out, page]) assertEquals(/queue ids|ids \[/.test(text), false);
});
