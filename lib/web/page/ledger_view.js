/** The way of a message: who handed it in, what was tried, what the next hops said. @module */
/** @import { AttemptTls, Child, Ledger, LedgerAttempt } from "./types.d.ts" */
import { bdi, fill, h } from "./dom.js";
import {
  addressText,
  clockTime,
  comingTime,
  counted,
  durationText,
  exactTime,
  replyText,
} from "./format.js";

/** @param {string} time */
function moment(time) {
  return h("time", { datetime: time, title: exactTime(time) }, clockTime(time));
}

/**
 * A point of the line.
 *
 * @param {string} kind
 * @param {Child} title
 * @param {...Child} rest
 */
function point(kind, title, ...rest) {
  return h("li", { class: `point point-${kind}` }, h("h3", {}, title), rest);
}

/**
 * Facts, each with its name.
 *
 * @param {readonly (readonly [string, Child])[]} facts
 */
function factList(facts) {
  const known = facts.filter(([, fact]) => fact !== undefined);
  return known.length > 0 &&
    h(
      "dl",
      { class: "facts" },
      known.map(([name, fact]) => h("div", {}, h("dt", {}, name), h("dd", {}, fact))),
    );
}

/** @param {AttemptTls | undefined} tls */
function tlsText(tls) {
  if (tls === undefined) return "none";
  const { version, cipher, isVerified, problem } = tls;
  const trust = isVerified
    ? "certificate verified"
    : `certificate not verified${problem ? `: ${problem}` : ""}`;
  return `${version}, ${cipher}, ${trust}`;
}

/** @param {LedgerAttempt} attempt */
function drawAttempt({ begun, ended, host, address, tls, outcomes }) {
  const states = new Set(outcomes.map(({ state }) => state));
  const kind = states.has("failed") ? "failed" : states.has("queued") ? "queued" : "delivered";
  const where = host === undefined ? "no next hop was reached" : bdi(host);
  return point(
    kind,
    ["Attempt: ", where],
    h(
      "p",
      { class: "when" },
      moment(begun),
      `, took ${durationText(Date.parse(ended) - Date.parse(begun))}`,
    ),
    factList([
      ["Address", address && bdi(address)],
      ["TLS", host === undefined ? undefined : bdi(tlsText(tls))],
    ]),
    h(
      "ul",
      { class: "outcomes" },
      outcomes.map(({ to, state, due, reply }) =>
        h(
          "li",
          {},
          h(
            "p",
            {},
            h("span", { class: `state state-${state}` }, state === "queued" ? "later" : state),
            " ",
            bdi(to ?? ""),
          ),
          h("p", { class: "reply" }, bdi(replyText(reply))),
          due !== undefined && h("p", { class: "when" }, "next attempt ", moment(due)),
        )
      ),
    ),
  );
}

/**
 * Draws what is known of the way of a message.
 *
 * @param {HTMLElement} panel
 * @param {Ledger} ledger
 */
export function drawLedger(panel, { from, accepted, expires, origin, recipients, attempts }) {
  const now = Date.now();
  const { client, heloName, protocol, session, tls, account } = origin;
  const held = recipients.filter(({ state }) => state === "held");
  const queued = recipients.filter(({ state }) => state === "queued");
  const due = queued.map(({ due }) => due ?? "").filter(Boolean).toSorted()[0];
  fill(
    panel,
    h(
      "table",
      { class: "recipients" },
      h("caption", {}, counted(recipients.length, "recipient")),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Recipient", "State", "Attempts", "Last reply"].map((name) =>
            h("th", { scope: "col" }, name)
          ),
        ),
      ),
      h(
        "tbody",
        {},
        recipients.map(({ to, state, attempts, lastReply }) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, bdi(to)),
            h("td", {}, h("span", { class: `state state-${state}` }, state)),
            h("td", {}, String(attempts)),
            h(
              "td",
              { class: "reply" },
              lastReply === undefined ? "" : bdi(replyText(lastReply)),
            ),
          )
        ),
      ),
    ),
    h(
      "ol",
      { class: "line", "aria-label": "What has happened" },
      point(
        "accepted",
        "Accepted",
        h("p", { class: "when" }, moment(accepted)),
        factList([
          ["Sender", bdi(addressText(from))],
          ["Client", [
            bdi(client),
            heloName !== undefined && [", which called itself ", bdi(heloName)],
          ]],
          ["Account", account && bdi(account)],
          ["Protocol", bdi(protocol)],
          ["TLS", tls === undefined ? "none" : bdi(tls)],
          ["Session", session && bdi(session)],
        ]),
      ),
      attempts.map(drawAttempt),
      held.length > 0 &&
        point(
          "held",
          "Held",
          h(
            "p",
            {},
            `${counted(held.length, "recipient waits", "recipients wait")} to be released.`,
          ),
        ),
      queued.length > 0 && point(
        "next",
        "Next attempt",
        due !== undefined && h("p", { class: "when" }, moment(due), ` (${comingTime(due, now)})`),
      ),
      (held.length > 0 || queued.length > 0) &&
        point(
          "end",
          "Given up, unless delivered by then",
          h("p", { class: "when" }, moment(expires)),
        ),
      held.length + queued.length === 0 &&
        point("over", "Finished", h("p", {}, "Nothing more will be tried.")),
    ),
  );
}
