/** How numbers, times and replies are written. Knows nothing of the page. @module */
/** @import { MessageState, RecipientNow, Reply } from "./types.d.ts" */

/**
 * What formats in the words of the browser's user, made when it is first needed: to make one takes longer
 * than all else that the list does before it is seen.
 *
 * @template Format
 * @param {() => Format} make
 * @returns {() => Format}
 */
function once(make) {
  /** @type {Format | undefined} */
  let made;
  return () => made ??= make();
}

const number = once(() => new Intl.NumberFormat());
const exact = dateFormat({ dateStyle: "full", timeStyle: "long" });
const clock = dateFormat({ timeStyle: "medium", dateStyle: "medium" });
const day = dateFormat({ day: "numeric", month: "short" });
const dayOfYear = dateFormat({ dateStyle: "medium" });

/** @param {Intl.DateTimeFormatOptions} options */
function dateFormat(options) {
  return once(() => new Intl.DateTimeFormat(undefined, options));
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY_LENGTH = 24 * HOUR;

/**
 * A number from 0, in groups of digits.
 *
 * @param {number} value
 * @returns {string}
 */
export function numberText(value) {
  return value < 1000 ? String(value) : number().format(value);
}

/**
 * A number and what it counts.
 *
 * @param {number} count
 * @param {string} one what one of them is called
 * @param {string} [many]
 * @returns {string}
 */
export function counted(count, one, many = `${one}s`) {
  return `${numberText(count)} ${count === 1 ? one : many}`;
}

/**
 * Octets, as a person reads them.
 *
 * @param {number} octets
 * @returns {string}
 */
export function sizeText(octets) {
  if (octets < 1000) return `${octets} B`;
  let value = octets;
  let unit = "B";
  for (const next of ["KB", "MB", "GB"]) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${value.toFixed(value < 9.95 ? 1 : 0)} ${unit}`;
}

/**
 * How long something takes.
 *
 * @param {number} milliseconds
 * @returns {string}
 */
export function durationText(milliseconds) {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  if (milliseconds < MINUTE) return `${(milliseconds / 1000).toFixed(1)} s`;
  if (milliseconds < HOUR) return `${Math.round(milliseconds / MINUTE)} min`;
  if (milliseconds < 2 * DAY_LENGTH) return `${Math.round(milliseconds / HOUR)} h`;
  return `${Math.round(milliseconds / DAY_LENGTH)} days`;
}

/**
 * A time in a list: how long ago it is while that is told in minutes and hours, then the day.
 *
 * @param {string} time RFC 3339
 * @param {number} now
 * @returns {string}
 */
export function listTime(time, now) {
  const date = new Date(time);
  const age = now - date.getTime();
  if (age < MINUTE) return "now";
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min`;
  if (age < DAY_LENGTH) return `${Math.floor(age / HOUR)} h`;
  return date.getFullYear() === new Date(now).getFullYear()
    ? day().format(date)
    : dayOfYear().format(date);
}

/**
 * A time to come, and how far away it is.
 *
 * @param {string} time RFC 3339
 * @param {number} now
 * @returns {string}
 */
export function comingTime(time, now) {
  const wait = new Date(time).getTime() - now;
  return wait <= 0 ? "now" : `in ${durationText(Math.max(wait, 1000))}`;
}

/**
 * A time in local words, to the second.
 *
 * @param {string} time RFC 3339
 * @returns {string}
 */
export function clockTime(time) {
  return clock().format(new Date(time));
}

/**
 * A time with all that belongs to it.
 *
 * @param {string} time RFC 3339
 * @returns {string}
 */
export function exactTime(time) {
  return exact().format(new Date(time));
}

/**
 * A reply as the next hop said it.
 *
 * @param {Reply} reply
 * @returns {string}
 */
export function replyText({ code, enhanced, lines }) {
  return [code, enhanced, lines.join(" ")].filter(Boolean).join(" ");
}

/** @type {readonly MessageState[]} */
const IN_ORDER = ["held", "queued", "failed", "delivered", "removed"];

/**
 * How a message stands, by its recipients: what is still to be done comes before what became of it.
 *
 * @param {readonly RecipientNow[]} recipients
 * @returns {MessageState}
 */
export function stateOf(recipients) {
  const states = new Set(recipients.map(({ state }) => state));
  return IN_ORDER.find((state) => states.has(state)) ?? "removed";
}

/**
 * A mailbox of an envelope, which may be the null one.
 *
 * @param {string} address
 * @returns {string}
 */
export function addressText(address) {
  return address === "" ? "<> (a notice)" : address;
}
