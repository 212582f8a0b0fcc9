/** The members of a body of JSON, of which nothing is known. @module */
import { quoted } from "../inbox/quoted.ts";
import { badRequest } from "./responses.ts";

/** Refuses a body that is no object, or has other members than these. @throws {WebError} 400 */
export function onlyMembers(
  body: unknown,
  names: readonly string[],
): asserts body is Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw badRequest("Cannot use the body: give an object");
  }
  const other = Object.keys(body).find((name) => !names.includes(name));
  if (other === undefined) return;
  const mend = names.length === 0
    ? "none is taken here"
    : `those taken here are ${names.join(", ")}`;
  throw badRequest(`Cannot use the member ${quoted(other)}: ${mend}`);
}

/** A member that is a list of texts, at least one; nothing if it is left out. @throws {WebError} 400 */
export function textList(
  body: Readonly<Record<string, unknown>>,
  name: string,
  most: number,
): string[] | undefined {
  const list = body[name];
  if (list === undefined) return undefined;
  if (!Array.isArray(list) || list.length === 0 || list.length > most) {
    throw badRequest(`Cannot use ${name}: give a list of 1 to ${most}`);
  }
  if (!list.every((item) => typeof item === "string")) {
    throw badRequest(`Cannot use ${name}: give a list of texts`);
  }
  return list;
}
