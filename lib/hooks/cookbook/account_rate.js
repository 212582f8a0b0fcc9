// @ts-check
/*
 * Takes so many messages of an account in a minute, which begins with the first of them; more get 451, so
 * that its program tries again. Sessions without an account are not counted. A count that is forgotten,
 * since there are too many or the hooks start again, begins anew.
 *
 * Grants: none.
 */

const MESSAGES = 30;
/** In milliseconds. */
const PERIOD = 60_000;
/** Accounts that are counted at once; the minute of the oldest ends early where there are more. */
const MOST_ACCOUNTS = 10_000;

/** The accounts in the order in which their minutes began. @type {Map<string, { began: number, count: number }>} */
const counted = new Map();

/** @type {Required<import("@smtpd/smtpd").HooksModule>["mail"]} */
export function mail({ account }) {
  if (account === undefined) return;
  const now = Date.now();
  for (const [oldest, { began }] of counted) {
    if (now - began < PERIOD) break;
    counted.delete(oldest);
  }
  let entry = counted.get(account);
  if (entry === undefined) {
    for (const oldest of counted.keys()) {
      if (counted.size < MOST_ACCOUNTS) break;
      counted.delete(oldest);
    }
    counted.set(account, entry = { began: now, count: 0 });
  }
  if (++entry.count <= MESSAGES) return;
  const seconds = Math.ceil((entry.began + PERIOD - now) / 1_000);
  return {
    code: 451,
    enhanced: "4.7.1",
    text: `No more than ${MESSAGES} messages in a minute: try again in ${seconds} s`,
  };
}
