/** Releases messages: says to whom they go before they do. @module */
/** @import { Item, Ledger } from "./types.d.ts" */
import { act, release } from "./api.js";
import { subjectsOf } from "./asked_actions.js";
import { ask } from "./dialog.js";
import { bdi, fill, h } from "./dom.js";
import { counted } from "./format.js";
import { sayDone } from "./notice.js";

/** How many recipients are written out. */
const NAMED = 12;

/**
 * Recipients as a sentence has them.
 *
 * @param {readonly string[]} recipients
 */
function named(recipients) {
  const others = recipients.length - NAMED;
  return h(
    "ul",
    { class: "dialog-list" },
    recipients.slice(0, NAMED).map((to) => h("li", {}, bdi(to))),
    others > 0 && h("li", {}, `and ${counted(others, "other")}`),
  );
}

/** @param {string} text */
function addressesIn(text) {
  return [...new Set(text.split(/[\s,;]+/).filter(Boolean))];
}

/**
 * Asks about one message: to those it is held for, or to others, by which route.
 *
 * @param {Item} item
 * @param {Ledger} ledger
 * @returns {Promise<boolean>} whether it was released
 */
export function askRelease(item, ledger) {
  const held = ledger.recipients.filter(({ state }) => state === "held").map(({ to }) => to);
  const hasHeld = held.length > 0;
  const toHeld = h("input", { type: "radio", name: "whom", checked: hasHeld, disabled: !hasHeld });
  const toOthers = h("input", { type: "radio", name: "whom", checked: !hasHeld });
  const others = h("textarea", {
    id: "release-to",
    rows: 2,
    spellcheck: "false",
    "aria-label": "Other recipients",
    placeholder: "ann@example.com, bob@example.com",
  });
  const route = h("input", {
    id: "release-route",
    type: "text",
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "the route of this server",
  });
  const warning = h("div", { class: "dialog-warning", "aria-live": "polite" });
  /** @type {HTMLButtonElement} */
  let accept;

  const recipients = () => toOthers.checked ? addressesIn(others.value) : held;

  function update() {
    const whom = recipients();
    others.disabled = !toOthers.checked;
    accept.disabled = whom.length === 0;
    accept.textContent = whom.length === 0
      ? "Release"
      : `Release to ${counted(whom.length, "recipient")}`;
    const by = route.value.trim();
    if (whom.length === 0) return fill(warning, h("p", {}, "Nobody is named yet."));
    fill(
      warning,
      h(
        "p",
        {},
        h("strong", {}, "This is a real delivery."),
        " The message leaves this server",
        by !== "" && [" by ", bdi(by)],
        ", for:",
      ),
      named(whom),
    );
  }

  const body = h(
    "div",
    { oninput: update, onchange: update },
    subjectsOf([item]),
    h(
      "fieldset",
      {},
      h("legend", {}, "To whom"),
      h(
        "label",
        { class: "choice" },
        toHeld,
        hasHeld
          ? held.length === 1
            ? bdi(held[0])
            : `The ${counted(held.length, "recipient")} it is held for`
          : "Those it is held for: there are none",
      ),
      h("label", { class: "choice" }, toOthers, "Others"),
      others,
      hasHeld &&
        h(
          "p",
          { class: "hint" },
          "For others it goes as a copy: those it is held for stay as they are.",
        ),
    ),
    h("label", { class: "field", for: "release-route" }, "By which route"),
    route,
    h(
      "p",
      { class: "hint" },
      "Left empty, it goes the way this server sends all mail. Otherwise mx, or a host: smtp://mail.example.com:25",
    ),
    warning,
  );
  return ask({
    title: "Release",
    body,
    action: "Release",
    onReady(button) {
      accept = button;
      update();
    },
    async onAccept() {
      const to = toOthers.checked ? recipients() : undefined;
      const by = route.value.trim();
      await release(item.id, { ...to && { to }, ...by !== "" && { route: by } });
      sayDone(`Released to ${counted(recipients().length, "recipient")}`);
    },
  });
}

/**
 * Asks about several messages, which go to those they are held for.
 *
 * @param {readonly Item[]} items
 * @returns {Promise<boolean>} whether they were released
 */
export function askReleaseAll(items) {
  const whom = [...new Set(items.flatMap(({ to }) => to))];
  const isMore = items.some(({ to, recipients }) => recipients > to.length);
  return ask({
    title: `Release ${counted(items.length, "message")}?`,
    body: [
      subjectsOf(items),
      h(
        "div",
        { class: "dialog-warning" },
        h(
          "p",
          {},
          h("strong", {}, "This is a real delivery."),
          " The messages leave this server for all that they are held for, among these:",
        ),
        named(whom),
        isMore && h("p", {}, "Some have more recipients than are listed here."),
      ),
    ],
    action: `Release ${counted(items.length, "message")}`,
    async onAccept() {
      await act("release", items.map(({ id }) => id));
      sayDone(`${counted(items.length, "message")} released`);
    },
  });
}
