/** Changes the header section of a message; its body stays what it is. @module */
import { joinOctets } from "../smtp/octets.ts";
import { fieldEnd, isMailStoreLine, type RawField, rawFields } from "./header.ts";
import { type FieldOptions, writeField } from "./header_field.ts";
import { HEADER_LIMITS } from "./header_scanner.ts";

/** One change of a header section. Names are compared without the case of their letters. */
export type HeaderChange =
  /** Another field: above all others, or below them, which is the default. */
  | {
    readonly kind: "add";
    readonly name: string;
    readonly value: string;
    readonly at?: "top" | "end";
  }
  /**
   * A field in the place of the first one of its name; others of that name go. Where there is none it is
   * added at the end.
   */
  | { readonly kind: "replace"; readonly name: string; readonly value: string }
  /** No field of a name any more. */
  | { readonly kind: "remove"; readonly name: string };

/** Fields that tell the way of a message, and that nobody on it changes (RFC 5321 section 4.4). */
const TRACE = ["received", "return-path"];

const CRLF = new Uint8Array([13, 10]);

/**
 * Makes the changes, one after the other. Fields that are added at the top stand there in the order of the
 * list. The result ends with an empty line, also where there was none.
 *
 * @param header the header section, with its empty line if it has one
 * @throws {SyntaxError} if a field cannot be written, or is a trace field
 * @throws {RangeError} if the header section becomes larger than one may be
 */
export function changedHeader(
  header: Uint8Array,
  changes: readonly HeaderChange[],
  options: FieldOptions,
): Uint8Array<ArrayBuffer> {
  const { fields, rest } = split(header);
  let above: RawField[] = [];
  let below = fields;
  for (const change of changes) {
    const name = change.name.toLowerCase();
    if (TRACE.includes(name)) {
      throw new SyntaxError(
        `Cannot change the field ${change.name}: it tells the way of the message`,
      );
    }
    const written = change.kind === "remove"
      ? []
      : [{ name, octets: writeField(change.name, change.value, options) }];
    if (change.kind === "add") {
      (change.at === "top" ? above : below).push(...written);
      continue;
    }
    const inPlace = (field: RawField) => field.name === name ? written.splice(0) : [field];
    above = above.flatMap(inPlace);
    below = below.flatMap(inPlace);
    below.push(...written);
  }
  const all = [...above, ...below];
  const changed = joinOctets([...all.map(({ octets }) => octets), CRLF, rest]);
  if (changed.length > HEADER_LIMITS.octets || all.length > HEADER_LIMITS.fields) {
    throw new RangeError("Cannot change the header section: it becomes too large");
  }
  return changed;
}

/** The fields, and what behind them is neither a field nor the empty line. */
function split(header: Uint8Array): { readonly fields: RawField[]; readonly rest: Uint8Array } {
  const fields = rawFields(header);
  const last = fields.at(-1)?.octets;
  // A separator of the mbox format is no field, and would end the header section below a field.
  const none = isMailStoreLine(header, header.length) ? fieldEnd(header, 0) : 0;
  const end = last === undefined ? none : last.byteOffset - header.byteOffset + last.length;
  // A message that came by BDAT may end within a line.
  if (last !== undefined && last.at(-1) !== CRLF[1]) {
    fields.push({ ...fields.pop()!, octets: joinOctets([last, CRLF]) });
  }
  const tail = header.subarray(end);
  const isEmptyLine = tail.length === 2 && tail[0] === CRLF[0] && tail[1] === CRLF[1];
  return { fields, rest: isEmptyLine ? tail.subarray(2) : tail };
}

const DEEDS = { add: "added", replace: "replaced", remove: "removed" } as const;

/** Says what a change has done, for people: `added X-Spam`. */
export function changeText({ kind, name }: HeaderChange): string {
  return `${DEEDS[kind]} ${name}`;
}
