/** One message, as it is read. @module */
/** @import { ViewAction } from "./message_head.js" */
/** @import { Ledger, Message } from "./types.d.ts" */
import { ApiError, fetchLedger, fetchMessage } from "./api.js";
import { button, byId, fill, h } from "./dom.js";
import { collected } from "./timing.js";

/** The sides of a message, in the order of the keys 1 to 6. */
export const SIDES = ["html", "text", "headers", "source", "parts", "ledger"];

/** How long changes are collected before the ledger is read again, in milliseconds. */
const COLLECT = 150;

/** @typedef {typeof import("./message_drawing.js")} Drawing */

/** Loads what draws a message, if it is not there yet. */
export function loadDrawing() {
  return import("./message_drawing.js");
}

/** The pane that shows a message. */
export class MessageView {
  #pane = byId("message");
  #listener;
  /** @type {string | undefined} */
  #id;
  /** @type {Message | undefined} */
  #message;
  /** @type {Ledger | undefined} */
  #ledger;
  /** @type {ReturnType<Drawing["drawSides"]> | undefined} */
  #tabs;
  /** @type {Drawing | undefined} */
  #drawing;
  /** @type {string | undefined} */
  #side;
  #opening = new AbortController();
  #isOpening = false;
  #isGone = false;
  #refreshSoon = collected(COLLECT, () => this.refresh());
  #facts = h("div", { class: "message-facts" });

  /**
   * @param {object} listener
   * @param {(action: ViewAction) => void} listener.act
   * @param {() => void} listener.back
   * @param {(side: string) => void} listener.side tells which side was chosen
   * @param {(message: Message) => void} listener.opened tells that it is there to be read
   */
  constructor(listener) {
    this.#listener = listener;
  }

  /** The id of the open message. */
  get id() {
    return this.#id;
  }

  /** The message that is open, once it is there. */
  get message() {
    return this.#message;
  }

  /** Its ledger. */
  get ledger() {
    return this.#ledger;
  }

  /** Whether the focus is in it. */
  get hasFocus() {
    return this.#pane.contains(document.activeElement);
  }

  /** Puts the focus on its subject. */
  focus() {
    /** @type {HTMLElement | null} */ (this.#pane.querySelector("h2, .problem"))?.focus();
  }

  /**
   * Opens a message; answers once it is there.
   *
   * @param {string} id
   * @param {string | undefined} side the one to show, where it has it
   * @param {boolean} takesFocus
   */
  async open(id, side, takesFocus) {
    this.#side = side;
    if (this.#id === id && this.#message !== undefined) {
      if (side !== undefined) this.#tabs?.show(side);
      if (takesFocus) this.focus();
      return;
    }
    this.#forget();
    this.#id = id;
    this.#isOpening = true;
    const { signal } = this.#opening;
    this.#pane.setAttribute("aria-busy", "true");
    try {
      const [message, ledger, drawing] = await Promise.all([
        fetchMessage(id, signal),
        fetchLedger(id, signal),
        loadDrawing(),
      ]);
      if (signal.aborted) return;
      this.#drawing = drawing;
      this.#message = message;
      this.#ledger = ledger;
      this.#draw(message, drawing);
      this.#listener.opened(message);
    } catch (error) {
      if (signal.aborted) return;
      this.#drawProblem(error);
    }
    this.#isOpening = false;
    this.#pane.setAttribute("aria-busy", "false");
    if (takesFocus) this.focus();
  }

  /** Shows no message. */
  close() {
    this.#forget();
    fill(
      this.#pane,
      h(
        "div",
        { class: "nothing-open" },
        h("p", {}, "Choose a message to read it here."),
        h("p", { class: "hint" }, "Press ", h("kbd", {}, "?"), " for what the keyboard does."),
      ),
    );
  }

  #forget() {
    this.#opening.abort();
    this.#opening = new AbortController();
    this.#isOpening = false;
    this.#isGone = false;
    this.#id = undefined;
    this.#message = undefined;
    this.#ledger = undefined;
    this.#tabs = undefined;
  }

  /** Shows a side by its number, if the message has it, or once it is there. @param {number} number */
  showSide(number) {
    const side = SIDES[number - 1];
    if (this.#id === undefined || side === undefined) return;
    if (this.#message !== undefined && side === "html" && !this.#message.html) return;
    this.#side = side;
    this.#tabs?.show(side);
    this.#listener.side(side);
  }

  /** Reads the ledger again if the message is among those that have changed. @param {readonly string[]} ids */
  changed(ids) {
    if (this.#id !== undefined && ids.includes(this.#id)) this.#refreshSoon();
  }

  /** Reads the ledger of the open message again. */
  async refresh() {
    const id = this.#id;
    const { signal } = this.#opening;
    if (id === undefined || this.#isGone) return;
    if (this.#isOpening) return this.#refreshSoon();
    // What could not be opened is tried as a whole.
    if (this.#message === undefined) return this.open(id, this.#side, false);
    try {
      const ledger = await fetchLedger(id, signal);
      if (signal.aborted) return;
      this.#ledger = ledger;
      this.#drawFacts();
      if (this.#tabs?.shown() === "ledger") this.#tabs.redraw();
    } catch (error) {
      if (!signal.aborted && error instanceof ApiError && error.status === 404) this.gone([id]);
    }
  }

  /** Says that the message is no more, if it is among those. @param {readonly string[]} ids */
  gone(ids) {
    if (this.#id === undefined || !ids.includes(this.#id) || this.#message === undefined) return;
    this.#isGone = true;
    fill(
      this.#facts,
      h("p", { class: "problem", role: "alert" }, "This message has been deleted."),
    );
  }

  #drawFacts() {
    if (this.#message === undefined || this.#ledger === undefined) return;
    this.#drawing?.drawFacts(this.#facts, this.#message, this.#ledger, this.#listener.act);
  }

  /** @param {unknown} error */
  #drawProblem(error) {
    const text = error instanceof Error ? error.message : String(error);
    const id = /** @type {string} */ (this.#id);
    fill(
      this.#pane,
      this.#backButton(),
      h(
        "div",
        { class: "nothing-open" },
        h(
          "p",
          { class: "problem", role: "alert", tabindex: "-1" },
          `Cannot open the message: ${text}.`,
        ),
        h("button", {
          type: "button",
          class: "button",
          onclick: () => this.open(id, this.#side, true),
        }, "Try again"),
      ),
    );
  }

  #backButton() {
    return button({
      icon: "back",
      label: "Back to the list",
      class: "back",
      onclick: this.#listener.back,
    });
  }

  /** @param {Message} message @param {Drawing} drawing */
  #draw(message, drawing) {
    const ledger = () => /** @type {Ledger} */ (this.#ledger);
    const tabs = drawing.drawSides(message, ledger, (side) => this.#listener.side(side));
    this.#tabs = tabs;
    this.#drawFacts();
    const head = drawing.drawHead(message, { back: this.#backButton(), facts: this.#facts });
    fill(this.#pane, head, tabs.element, tabs.panel);
    tabs.show(this.#side ?? "");
  }
}
