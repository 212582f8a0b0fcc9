/** The fields that go with a part of a message, which may be anything and be called anything. @module */
import type { ContentPart } from "../inbox/content.ts";

/** The images that a browser shows, and that cannot run anything as SVG can. */
const IMAGES: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/** The longest name of a file, in characters. */
const MAX_NAME = 150;

/** Whether a part is an image that may be shown. */
function isImage({ type }: ContentPart): boolean {
  return IMAGES.has(type);
}

/**
 * Writes a name as RFC 8187 has it:
 *
 * ```abnf
 * ext-value   = charset "'" [ language ] "'" value-chars
 * value-chars = *( pct-encoded / attr-char )
 * ```
 */
function extendedValue(text: string): string {
  // What encodeURIComponent leaves and is no attr-char.
  const encoded = encodeURIComponent(text)
    .replace(/['()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return `UTF-8''${encoded}`;
}

/** The name that a file may be kept by: no path, nothing that cannot be seen, nothing that turns text. */
function fileName({ name = "", index }: ContentPart): string {
  const seen = name.toWellFormed().replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "");
  const last = seen.slice(Math.max(seen.lastIndexOf("/"), seen.lastIndexOf("\\")) + 1);
  const trimmed = last.replace(/^[. ]+/, "").slice(-MAX_NAME).toWellFormed();
  return trimmed === "" ? `part-${index}` : trimmed;
}

/** The fields of the answer that is a part. */
export function partFields(part: ContentPart): Record<string, string> {
  const canShow = isImage(part);
  const type = canShow || part.type === "text/plain" ? part.type : "application/octet-stream";
  const disposition = canShow ? "inline" : "attachment";
  return {
    "content-type": type,
    "content-disposition": `${disposition}; filename*=${extendedValue(fileName(part))}`,
    // The HTML of a message is shown without an origin, so its own images come from another one. What
    // others can learn by naming them is no more than that: to name one takes the id of the message.
    ...canShow && { "cross-origin-resource-policy": "cross-origin" },
  };
}
