/** The route `pipe:/path/to/program arg arg`, as an operator writes it. @module */
import type { ProgramHop } from "./next_hop.ts";
import { routeFault } from "./route_fault.ts";

/** What an argument may name of a message and its recipient. */
export const PLACEHOLDERS = ["sender", "recipient", "local", "domain"] as const;

/** One of {@linkcode PLACEHOLDERS}. */
export type Placeholder = typeof PLACEHOLDERS[number];

const PLACEHOLDER = /\$\{([^}]*)\}/g;

function isPlaceholder(name: string): name is Placeholder {
  return (PLACEHOLDERS as readonly string[]).includes(name);
}

/**
 * Cuts what stands behind `pipe:` at its spaces into a program and its arguments. There is no shell, so
 * quotes, `*` and `|` are characters as all others are.
 *
 * @throws {SyntaxError} if no program is named by its absolute path, or a placeholder is none
 */
export function parseProgram(command: string): ProgramHop {
  if (/[\x00-\x1f\x7f]/.test(command)) {
    throw routeFault("a program and its arguments have no control characters");
  }
  const [path, ...args] = command.split(" ").filter((word) => word !== "");
  if (path === undefined) throw routeFault("write a program behind pipe:");
  if (!path.startsWith("/")) {
    throw routeFault("the program needs its whole path, like pipe:/usr/bin/procmail");
  }
  if (path.includes("${")) throw routeFault("the path of the program takes no placeholder");
  for (const arg of args) {
    if (arg.replaceAll(PLACEHOLDER, "").includes("${")) {
      throw routeFault("a placeholder is not closed; write it like ${recipient}");
    }
    for (const [, name] of arg.matchAll(PLACEHOLDER)) {
      if (isPlaceholder(name)) continue;
      const all = PLACEHOLDERS.map((placeholder) => `\${${placeholder}}`).join(", ");
      throw routeFault(`the placeholders are ${all}`);
    }
  }
  return { kind: "program", path, args };
}

/** Puts values in the places of the placeholders of one argument. What a value holds is not looked at again. */
export function fillPlaceholders(
  arg: string,
  values: Readonly<Record<Placeholder, string>>,
): string {
  return arg.replaceAll(PLACEHOLDER, (whole, name) => isPlaceholder(name) ? values[name] : whole);
}
