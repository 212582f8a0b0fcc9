/** A message as it stands in the list. @module */
/** @import { Item } from "./types.d.ts" */
import { bdi, fill, h, icon } from "./dom.js";
import { addressText, counted, exactTime, listTime, numberText, sizeText } from "./format.js";

/**
 * Writes a message into its row.
 *
 * @param {HTMLElement} row
 * @param {Item} item
 */
export function drawRow(row, item) {
  const { from, to, recipients, subject, preview, seen, state, attachments, size, received } = item;
  const others = recipients - 1;
  row.classList.toggle("unseen", !seen);
  fill(
    row,
    h("span", { class: "row-mark", "aria-hidden": "true" }, h("span", { class: "row-check" })),
    h(
      "span",
      { class: "row-line" },
      h("span", { class: "row-from" }, !seen && hidden("Unseen, "), bdi(addressText(from))),
      h("time", { class: "row-time", datetime: received }),
    ),
    h(
      "span",
      { class: "row-line" },
      h(
        "span",
        { class: "row-subject", dir: "auto" },
        subject === "" ? "(no subject)" : bdi(subject),
      ),
      attachments > 0 && h(
        "span",
        { class: "row-clip", title: counted(attachments, "attachment") },
        icon("clip"),
        hidden(counted(attachments, "attachment")),
      ),
      h("span", { class: `state state-${state}`, title: sizeText(size) }, state),
    ),
    h(
      "span",
      { class: "row-line row-rest" },
      h(
        "span",
        { class: "row-to" },
        "to ",
        bdi(to[0] ?? ""),
        others > 0 &&
          h("span", { title: counted(others, "other recipient") }, ` +${numberText(others)}`),
      ),
      h("span", { class: "row-preview", dir: "auto" }, bdi(preview)),
    ),
  );
  drawRowTime(row, item);
}

/**
 * Writes how long ago it came.
 *
 * @param {HTMLElement} row
 * @param {Item} item
 */
export function drawRowTime(row, { received }) {
  const time = row.querySelector("time");
  const text = listTime(received, Date.now());
  if (time && time.textContent !== text) time.textContent = text;
}

/**
 * Tells the time to the second where one points at it. Not before: few are, and it is what takes longest.
 *
 * @param {EventTarget | null} target
 */
export function tellRowTime(target) {
  if (target instanceof HTMLTimeElement) target.title ||= exactTime(target.dateTime);
}

/**
 * Words for those who do not see the page.
 *
 * @param {string} text
 */
function hidden(text) {
  return h("span", { class: "visually-hidden" }, text);
}
