/** The sides of a message that show what it says: HTML, text, headers, source, parts. @module */
/** @import { Message } from "./types.d.ts" */
import { fetchHeaders, fetchSource, messagePath } from "./api.js";
import { bdi, fill, h, reveal } from "./dom.js";
import { counted, sizeText } from "./format.js";
import { countRemoteImages } from "./remote_images.js";
import { fillLater } from "./tabs.js";
import { linked } from "./text_links.js";

/** How much of a source is shown. The rest is for an editor. */
const MOST_SOURCE = 512 * 1024;

/**
 * Shows the HTML in a frame of no origin: it runs nothing, and loads nothing unless it is let.
 *
 * @param {HTMLElement} panel
 * @param {Message} message
 */
export function drawHtml(panel, { id, html = "" }) {
  const images = countRemoteImages(html);
  const frame = h("iframe", {
    class: "html-frame",
    title: "The message as HTML",
    // No word for scripts or for our origin. A link may open a page of its own, by a click.
    sandbox: "allow-popups allow-popups-to-escape-sandbox",
    referrerpolicy: "no-referrer",
    src: messagePath(id, "/html"),
  });
  const bar = h("div", { class: "bar" });

  function show() {
    frame.src = messagePath(id, "/html?images=1");
    fill(
      bar,
      h(
        "p",
        {},
        `${
          counted(images, "remote image")
        } may be loaded: who sent this can tell that it was opened.`,
      ),
    );
    panel.focus();
  }

  if (images > 0) {
    const is = images === 1 ? "is" : "are";
    fill(
      bar,
      h("p", {}, `${counted(images, "remote image")} ${is} not loaded.`),
      h(
        "button",
        { type: "button", class: "button", onclick: show },
        `Load ${counted(images, "image")}`,
      ),
    );
    fill(panel, bar, frame);
  } else fill(panel, frame);
}

/**
 * @param {HTMLElement} panel
 * @param {Message} message
 */
export function drawText(panel, { text }) {
  if (text.trim() === "") {
    return fill(panel, h("p", { class: "waiting" }, "There is no text in it."));
  }
  fill(panel, h("div", { class: "text-body", dir: "auto" }, linked(text)));
}

/**
 * @param {HTMLElement} panel
 * @param {Message} message
 */
export function drawHeaders(panel, { id }) {
  return fillLater(
    panel,
    fetchHeaders(id).then((headers) =>
      h(
        "table",
        { class: "headers" },
        h("caption", { class: "visually-hidden" }, "Header fields"),
        h(
          "thead",
          { class: "visually-hidden" },
          h("tr", {}, h("th", { scope: "col" }, "Name"), h("th", { scope: "col" }, "Value")),
        ),
        h(
          "tbody",
          {},
          headers.map(({ name, value }) =>
            h("tr", {}, h("th", { scope: "row" }, reveal(name)), h("td", {}, bdi(value.trim())))
          ),
        ),
      )
    ),
  );
}

/**
 * @param {HTMLElement} panel
 * @param {Message} message
 */
export function drawSource(panel, { id, size }) {
  return fillLater(
    panel,
    fetchSource(id, MOST_SOURCE).then(({ text, isWhole }) => [
      h(
        "div",
        { class: "bar" },
        h(
          "p",
          {},
          isWhole ? sizeText(size) : `The first ${sizeText(MOST_SOURCE)} of ${sizeText(size)}.`,
        ),
        h(
          "a",
          { class: "button", href: messagePath(id, "/raw"), download: `${id}.eml` },
          "Download",
        ),
      ),
      h("pre", { class: "source" }, text),
    ]),
  );
}

/**
 * @param {HTMLElement} panel
 * @param {Message} message
 */
export function drawParts(panel, { id, parts }) {
  if (parts.length === 0) {
    return fill(panel, h("p", { class: "waiting" }, "It has no attachments."));
  }
  fill(
    panel,
    h(
      "table",
      { class: "parts" },
      h("caption", { class: "visually-hidden" }, "Attachments and other parts"),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Name", "Type", "Size"].map((name) => h("th", { scope: "col" }, name)),
          h("td", {}),
        ),
      ),
      h(
        "tbody",
        {},
        parts.map(({ index, name, type, size, inline, contentId }) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, name === undefined ? `part ${index}` : bdi(name)),
            h(
              "td",
              {},
              reveal(type),
              inline && h("span", { class: "hint", title: contentId }, " in the text"),
            ),
            h("td", {}, sizeText(size)),
            h(
              "td",
              {},
              h("a", {
                class: "button",
                href: messagePath(id, `/parts/${index}`),
                // What it is called on disk is for the server to say, which makes a safe name of it.
                download: true,
                "aria-label": `Download ${name ?? `part ${index}`}`,
              }, "Download"),
            ),
          )
        ),
      ),
    ),
  );
}
