/** What the completions of zsh are told of commands, flags and values. @module */
import type { Suggestion } from "../config/values.ts";
import {
  lastWord,
  LISTED_COMMON,
  LISTED_SETTINGS,
  type ListedCommand,
  placesOf,
} from "./command_table.ts";
import type { ListedFlag } from "./flags.ts";
import { shellWord } from "./shell_word.ts";

/** Writes a text as a part of a specification for `_arguments`. */
function part(text: string): string {
  return text.replace(/[\\:[\]]/g, "\\$&");
}

function action(suggests: Suggestion | undefined): string {
  switch (suggests?.kind) {
    case undefined:
      return " ";
    case "words":
      return `(${suggests.words.map(part).join(" ")})`;
    case "file":
      return "_files";
    case "directory":
      return "_files -/";
    case "queue id":
      return "_smtpd_ids";
  }
}

/** The specifications of a flag, one for each way of writing it. */
function flagSpecifications(flag: ListedFlag): string[] {
  const { written, placeholder, meaning, repeatable, suggests } = flag;
  const value = placeholder === undefined ? "" : `:${part(placeholder)}:${action(suggests)}`;
  const others = repeatable ? "*" : written.length === 1 ? "" : `(${written.join(" ")})`;
  return written.map((name) => {
    const joint = placeholder === undefined ? "" : name.startsWith("--") ? "=" : "+";
    return shellWord(`${others}${name}${joint}[${part(meaning)}]${value}`);
  });
}

function array(name: string, words: readonly string[]): string {
  return [`local -a ${name}=(`, ...words.map((word) => `  ${word}`), ")"].join("\n");
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}

function functionName({ words }: ListedCommand): string {
  return ["_smtpd", ...words].join("_");
}

/** A function that offers commands with what they do. */
function commandsFunction(name: string, commands: readonly ListedCommand[]): string {
  const described = commands.map((command) => shellWord(`${lastWord(command)}:${command.summary}`));
  return [
    `${name}_commands() {`,
    indented(array("commands", described)),
    "  _describe -t commands command commands",
    "}",
  ].join("\n");
}

/** The arguments of a function for a command: those of the flags that it takes, and what stands behind. */
function specifications({ flags, takesSettings, operands }: ListedCommand): string[] {
  const behind = operands === undefined
    ? []
    : [shellWord(`${operands.repeatable ? "*" : "1"}: :${action(operands.suggests)}`)];
  return [
    ...flags.flatMap(flagSpecifications),
    ...takesSettings ? ['"$smtpd_settings[@]"'] : [],
    '"$smtpd_common[@]"',
    ...behind,
  ];
}

function call(specifications: readonly string[]): string {
  return `_arguments -S ${specifications.join(" \\\n  ")}`;
}

/** A function that completes behind one command. */
function commandFunctions(command: ListedCommand): string[] {
  const { family } = command;
  const name = functionName(command);
  if (family.length === 0) {
    return [[`${name}() {`, indented(call(specifications(command))), "}"].join("\n")];
  }
  return [...family.flatMap(commandFunctions), ...dispatcher(name, command, [])];
}

/** The functions that complete a command of a family, and behind it call the function for that. */
function dispatcher(name: string, command: ListedCommand, before: readonly string[]): string[] {
  const { family } = command;
  const first = [
    ...specifications({ ...command, operands: undefined }),
    // Flags behind a command are that command's, even where there are such in front of it.
    shellWord(`(-): :${name}_commands`),
    shellWord("(-)*:: :->behind"),
  ];
  return [
    commandsFunction(name, family),
    [
      `${name}() {`,
      "  local curcontext=$curcontext state state_descr line ret=1",
      "  local -A opt_args",
      ...before.map(indented),
      indented(call(["-C", ...first]) + " && ret=0"),
      "  [[ $state == behind ]] || return ret",
      "  case $words[1] in",
      ...family.map((command) => `    ${lastWord(command)}) ${functionName(command)} && ret=0 ;;`),
      "  esac",
      "  return ret",
      "}",
    ].join("\n"),
  ];
}

/** The functions that the script of zsh calls. */
export function zshTable(commands: readonly ListedCommand[]): string {
  const [start] = placesOf(commands);
  const before = [
    "# As it was typed; below, words are taken off in front.",
    'local -a smtpd_line=("${(@)words[1,CURRENT]}")',
    array("smtpd_settings", LISTED_SETTINGS.flatMap(flagSpecifications)),
    array("smtpd_common", LISTED_COMMON.flatMap(flagSpecifications)),
  ];
  return [
    ...commands.flatMap(commandFunctions),
    ...dispatcher("_smtpd", start, before),
  ].join("\n\n");
}
