// @ts-check
/*
 * Puts a tag before the subject of each message that has none, answers among them. A subject that cannot be
 * written again (it has control characters, or a word longer than a line) stays as it is: a message is
 * not refused for its subject.
 *
 * Grants: none.
 */

const TAG = "[list]";

/** What no field can be written with, or not in one line. */
const UNWRITABLE = /[\p{Cc}\u2028\u2029]|\S{200}/u;

/** @type {Required<import("@smtpd/smtpd").HooksModule>["data"]} */
export function data(_session, { header }) {
  const field = header.find(({ name }) => name.toLowerCase() === "subject");
  // A tab is what a folded field may have in place of a space.
  const subject = (field?.value ?? "").replaceAll("\t", " ");
  if (subject.includes(TAG) || subject.length > 2_000 || UNWRITABLE.test(subject)) return;
  return { header: [{ kind: "replace", name: "Subject", value: `${TAG} ${subject}` }] };
}
