/** Dates as they stand in header fields (RFC 5322 section 3.3). @module */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/**
 * Writes a date.
 *
 * ```abnf
 * date-time   = [ day-of-week "," ] date time [CFWS]
 * date        = day month year
 * time        = time-of-day zone
 * time-of-day = hour ":" minute [ ":" second ]
 * zone        = FWS ( "+" / "-" ) 4DIGIT
 * ```
 *
 * RFC 5321 section 4.4 wants local time with its offset rather than UTC, and no name of a zone.
 *
 * @param date a date of the years 1000 to 9999
 * @param offset the time zone in minutes east of UTC; the machine's own if left out
 */
export function dateTime(date: Date, offset: number = -date.getTimezoneOffset()): string {
  const second = Math.floor(date.getTime() / 1000);
  if (second !== last.second || offset !== last.offset) {
    last = { second, offset, text: write(date, offset) };
  }
  return last.text;
}

/** The date that was written last: the messages of one second have the same. */
let last = { second: NaN, offset: NaN, text: "" };

function write(date: Date, offset: number): string {
  const minutes = Math.trunc(offset);
  const local = new Date(date.getTime() + minutes * 60_000);
  const size = Math.abs(minutes);
  const zone = two(Math.trunc(size / 60)) + two(size % 60);
  return `${DAYS[local.getUTCDay()]}, ${local.getUTCDate()} ${MONTHS[local.getUTCMonth()]} ` +
    `${local.getUTCFullYear()} ${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:` +
    `${two(local.getUTCSeconds())} ${minutes < 0 ? "-" : "+"}${zone}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}
