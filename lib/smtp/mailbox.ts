/** The mailbox of RFC 5321 as a value; the parser is in `address.ts`. @module */

/**
 * A mailbox (RFC 5321 section 4.1.2) by its meaning: `"joe"@x` and `joe@x` are the same value.
 */
export interface Mailbox {
  /** The local part without the quotes and backslashes it was written with. */
  readonly localPart: string;
  /**
   * The domain as it was written, an address literal with its brackets (`[192.0.2.1]`), or the
   * empty string for the bare `Postmaster` of RFC 5321 section 4.5.1.
   */
  readonly domain: string;
}

const DOT_STRING = /^[^\x00-\x20"(),.:;<>@[\\\]\x7f]+(?:\.[^\x00-\x20"(),.:;<>@[\\\]\x7f]+)*$/;

/**
 * Writes a mailbox as it stands in a path, its local part quoted where it must be.
 *
 * @example
 * ```ts
 * import { formatMailbox } from "@smtpd/smtpd";
 *
 * console.log(formatMailbox({ localPart: "a b", domain: "example.org" })); // "a b"@example.org
 * ```
 */
export function formatMailbox(mailbox: Mailbox): string {
  const { localPart, domain } = mailbox;
  const local = DOT_STRING.test(localPart) ? localPart : `"${localPart.replace(/[\\"]/g, "\\$&")}"`;
  return domain === "" ? local : `${local}@${domain}`;
}

/** Writes a reverse-path or forward-path with its angle brackets; `null` is the null path `<>`. */
export function formatPath(path: Mailbox | null): string {
  return path === null ? "<>" : `<${formatMailbox(path)}>`;
}

/** Whether a mailbox can only be written with octets above 127 (RFC 6531). */
export function needsUtf8(mailbox: Mailbox | null): boolean {
  return mailbox !== null && !/^[\x00-\x7f]*$/.test(mailbox.localPart + mailbox.domain);
}
