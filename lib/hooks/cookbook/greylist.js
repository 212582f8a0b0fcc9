// @ts-check
/*
 * Greylisting (RFC 6647). The first time that a network sends from a sender to a recipient, it gets 451.
 * Whoever comes again after DELAY and within WINDOW passes, and passes at once from then on. Accounts are
 * not asked to wait. What is remembered has a limit each, beyond which the oldest is forgotten, and all
 * of it is when the hooks start again: then a server has to come twice once more.
 *
 * Grants: none.
 */

/** Times in milliseconds. */
const DELAY = 60_000;
const WINDOW = 4 * 60 * 60_000;
/** Triplets that wait, and those that have passed. Each takes up to 2 KB of `hooksMemory`. */
const MOST_WAITING = 10_000;
const MOST_PASSED = 10_000;

/** When each triplet came first. @type {Map<string, number>} */
const waiting = new Map();
/** Triplets that have passed, the last one used at the end. @type {Set<string>} */
const passed = new Set();

/**
 * The first three octets of IPv4, the first four groups of IPv6: large senders try again from a neighbour.
 *
 * @param {string} address
 */
function networkOf(address) {
  if (!address.includes(":")) return address.split(".", 3).join(".");
  const [head, tail] = address.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = Array(Math.max(0, 8 - head.length - (tail?.length ?? 0))).fill("0");
  return [...head, ...zeros, ...tail ?? []].slice(0, 4).join(":");
}

/** @param {Map<string, number> | Set<string>} known */
function forgetOldest(known) {
  const [oldest] = known.keys();
  known.delete(oldest);
}

/** @type {Required<import("@smtpd/smtpd").HooksModule>["rcpt"]} */
export function rcpt({ remote, account }, { forwardPath }, { reversePath }) {
  if (account !== undefined) return;
  const paths = [reversePath, forwardPath].map((path) =>
    path && [path.localPart, path.domain.toLowerCase()]
  );
  const triplet = JSON.stringify([networkOf(remote.address), ...paths]);
  const now = Date.now();
  const first = waiting.get(triplet);
  const age = first === undefined ? -1 : now - first;
  if (passed.delete(triplet) || (age >= DELAY && age <= WINDOW)) {
    waiting.delete(triplet);
    passed.add(triplet);
    if (passed.size > MOST_PASSED) forgetOldest(passed);
    return;
  }
  if (age < 0 || age > WINDOW) {
    waiting.delete(triplet);
    waiting.set(triplet, now);
    if (waiting.size > MOST_WAITING) forgetOldest(waiting);
  }
  return { code: 451, enhanced: "4.7.1", text: "Greylisted, try again in a few minutes" };
}
