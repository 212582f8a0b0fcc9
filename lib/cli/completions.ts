/** `smtpd completions`: scripts by which shells complete command lines of smtpd. @module */
import { bashTable } from "./bash_table.ts";
import { type ListedCommand, listedCommands, type Verbs } from "./command_table.ts";
import { EXIT, Failure } from "./failure.ts";
import { shown } from "../config/sources.ts";
import { fishTable } from "./fish_table.ts";
import { checkOperands, type Verb } from "./verb.ts";
import { zshTable } from "./zsh_table.ts";

/** What makes the part of each script that depends on the commands. */
const SHELLS: ReadonlyMap<string, (commands: readonly ListedCommand[]) => string> = new Map(
  Object.entries({ bash: bashTable, zsh: zshTable, fish: fishTable }),
);

/** The line of a script in whose place its table goes. */
const PLACE = "@TABLE@\n";

/**
 * The script for a shell.
 *
 * @throws {Failure} if there is none for it
 */
async function scriptFor(shell: string, verbs: Verbs): Promise<string> {
  const table = SHELLS.get(shell);
  if (table === undefined) {
    const names = [...SHELLS.keys()].join(", ");
    throw new Failure(EXIT.usage, `there are no completions for ${shown(shell)}`, `give ${names}`);
  }
  // In the executable the files are inside it.
  const file = new URL(`completions/smtpd.${shell}`, import.meta.url);
  const [before, after] = (await Deno.readTextFile(file)).split(PLACE);
  return `${before}${table(listedCommands(verbs))}\n${after}`.trimEnd();
}

/** Makes the command; `verbs` has all commands once it is called. */
export function completionsOf(verbs: Verbs): Verb {
  const completions: Verb = {
    usage: "completions SHELL",
    summary: "print completions for bash, zsh or fish",
    takesSettings: false,
    operands: {
      suggests: { kind: "words", words: [...SHELLS.keys()] },
      repeatable: false,
    },
    examples: [{
      purpose: "for the bash that you are in",
      line: "source <(smtpd completions bash)",
    }],
    details: () =>
      "The script on standard output says how it is installed. It completes commands,\n" +
      "flags and their values, names of files, and ids in the queue, for which it asks\n" +
      "the smtpd in the PATH.",
    async run(call) {
      checkOperands(call, 1, 1, completions.usage);
      call.around.out(await scriptFor(call.operands[0], verbs));
      return EXIT.ok;
    },
  };
  return completions;
}
