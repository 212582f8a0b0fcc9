/** What a reader has to say of a message that is not all there, and how texts are cut. @module */

/** The notes on one message. */
export interface ContentNotes {
  /** All of them, or nothing if there are none: what `Content.problem` says. */
  readonly problem: string | undefined;
  /** Takes a note; one that is there already is not taken twice. */
  add(note: string): void;
  /** Cuts a text that is too long, and says so; `what` is its name in the note. */
  cut(text: string, most: number, what: string): string;
  /** Cuts a list that is too long, and says so. */
  cutList<T>(list: readonly T[], most: number, what: string): readonly T[];
}

/** Begins without a note. */
export function contentNotes(): ContentNotes {
  const notes = new Set<string>();
  return {
    get problem() {
      return notes.size === 0 ? undefined : [...notes].join("; ");
    },
    add(note) {
      notes.add(note);
    },
    cut(text, most, what) {
      if (text.length <= most) return text;
      notes.add(`${what} is cut at ${most.toLocaleString("en")} characters`);
      return withoutHalfCharacter(text.slice(0, most));
    },
    cutList(list, most, what) {
      if (list.length <= most) return list;
      notes.add(`only the first ${most.toLocaleString("en")} ${what} are shown`);
      return list.slice(0, most);
    },
  };
}

/** Takes off the first half of a surrogate pair whose other half was cut off. */
function withoutHalfCharacter(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last < 0xdc00 ? text.slice(0, -1) : text;
}

/**
 * A text for one line: tabs and line ends become a space, and what would act on the display instead of
 * being shown (control characters, overrides of the direction of writing) becomes U+FFFD.
 */
export function oneLine(text: string): string {
  return text.replace(/[\t\n\v\f\r\u2028\u2029]+/g, " ")
    .replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "\ufffd").toWellFormed();
}
