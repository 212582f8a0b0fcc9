/**
 * Shells that complete command lines of smtpd by the scripts that it prints, with the program under test
 * in their path.
 */
import { assertEquals } from "@std/assert";
import { shellWord } from "../../lib/cli/shell_word.ts";
import { program, runProgram, temporaryDirectory } from "./smtpd.ts";

/** A shell that there are completions for. */
export type Shell = "bash" | "zsh" | "fish";

/** A folder with a program `smtpd` and its completions in it. */
export interface Completing extends Disposable {
  /** The folder that the shells are in. */
  readonly path: string;
  /** Has scripts from now on lie where their shell looks for them, and not be sourced, as far as it looks. */
  install(): void;
  /** Completes each line at its end; answers what each can become, in the order of letters. */
  complete(shell: Shell, file: string, lines: readonly string[]): Promise<string[][]>;
}

/** Where a shell with this folder as its home looks for the script. Bash without a package looks nowhere. */
const PLACES: Readonly<Record<Shell, string>> = {
  bash: "smtpd.bash",
  zsh: "functions/_smtpd",
  fish: ".config/fish/completions/smtpd.fish",
};

const scripts = new URL("scripts/", import.meta.url).pathname;

/** The words of a line as readline takes them apart: `=` and `:` stand by themselves. */
function readlineWords(line: string): string[] {
  const words = line.match(/(?:\\.|"[^"]*"?|'[^']*'?|[^\s"'\\=:])+|[=:]+/g) ?? [];
  return /(?<!\\)\s$/.test(line) ? [...words, ""] : words;
}

/** What stands behind `=` is all that readline replaces; the others give the whole word. */
function valueOf(answer: string): string {
  return answer.replace(/^--[a-z-]+=/, "");
}

/** A name without the quotes and the slash that shells put to it. */
function plain(answer: string, shell: Shell): string {
  const text = shell === "zsh" ? answer.replaceAll(/\\(.)/g, "$1") : answer;
  return valueOf(text).replace(/(?<=.)\/$/, "");
}

/** Makes the folder. */
export function completing(): Completing {
  const directory = temporaryDirectory();
  const command = program.map(shellWord).join(" ");
  const { path } = directory;
  Deno.mkdirSync(`${path}/bin`);
  Deno.writeTextFileSync(`${path}/bin/smtpd`, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  for (const folder of ["here", "functions", ".config/fish/completions"]) {
    Deno.mkdirSync(`${path}/${folder}`, { recursive: true });
  }
  let isInstalled = false;
  const env = { PATH: `${path}/bin:${Deno.env.get("PATH")}`, HOME: path, XDG_CONFIG_HOME: "" };
  return {
    path: `${path}/here`,
    install: () => isInstalled = true,
    async complete(shell, file, lines) {
      const script = `${path}/${isInstalled ? PLACES[shell] : `smtpd.${shell}`}`;
      const printed = await runProgram(`${path}/bin/smtpd`, ["completions", shell], { env });
      assertEquals(printed.code, 0, printed.text);
      Deno.writeTextFileSync(script, printed.text);
      const fifo = `${path}/answers`;
      if (shell === "zsh") await runProgram("mkfifo", [fifo]);
      const typed = shell === "bash" ? lines.map((line) => readlineWords(line).join("\t")) : lines;
      const args = shell === "zsh" ? ["-f"] : [];
      const { code, text } = await runProgram(file, [
        ...[...args, `${scripts}complete.${shell}`, script, fifo],
      ], {
        env,
        cwd: `${path}/here`,
        // The program is started for each line with an id.
        patience: 180_000,
        input: new TextEncoder().encode(typed.map((line) => `${line}\n`).join("")),
      });
      assertEquals(code, 0, `${shell} ends with ${code}: ${text}`);
      const answers = text.split(/^=\n/m);
      assertEquals(answers.length, lines.length + 1, text);
      assertEquals(answers.pop(), "");
      return answers.map((answer) => {
        const words = answer.split("\n").slice(0, -1).map((word) => plain(word, shell));
        return [...new Set(words)].sort();
      });
    },
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}
