/** The list as it is seen: of all messages only those in sight, and some around, are in the page. @module */
/** @import { Item, ListChange } from "./types.d.ts" */
import { byId, fill, h } from "./dom.js";
import { FoundMessages } from "./found_messages.js";
import { counted } from "./format.js";
import { drawRow, drawRowTime, tellRowTime } from "./list_row.js";
import { collected } from "./timing.js";

/** The height of a row, as in the style sheet. */
const ROW = 80;

/** Rows beyond the edges that are there before one scrolls to them. */
const AROUND = 8;

/** How long behind a drawing more messages are asked for, in milliseconds: two frames. */
const BEHIND = 32;

/** More messages are asked for when so many rows are left below. */
const AHEAD = 60;

/**
 * @typedef {object} ListListener
 * @property {(id: string) => void} open
 * @property {() => void} selected tells that others are selected than before
 * @property {() => Node[]} nothing says why nothing is there
 */

/** The list of messages: which is active, which are selected, which is open. */
export class MessageList {
  #scroller = byId("scroller");
  #rows = byId("rows");
  #note = byId("new-note");
  #foot = byId("list-foot");
  /** @type {Map<string, { element: HTMLElement, item: Item }>} */
  #drawn = new Map();
  /** @type {string | undefined} */
  #active;
  /** @type {string | undefined} */
  #open;
  /** @type {Set<string>} */
  #selected = new Set();
  #fresh = 0;
  #frame = 0;
  /** Asks for more messages once those that are here are seen, since to say so takes a layout of its own. */
  #moreBehind = collected(BEHIND, () => this.found.more());
  /** @type {ListListener} */
  #listener = { open() {}, selected() {}, nothing: () => [] };
  /** The messages that are listed. */
  found = new FoundMessages((change) => this.#changed(change), () => this.#sight());

  constructor() {
    this.#scroller.addEventListener("scroll", () => this.#later(), { passive: true });
    new ResizeObserver(() => this.#later()).observe(this.#scroller);
    this.#rows.addEventListener("click", (event) => this.#clicked(event));
    this.#rows.addEventListener("pointerover", ({ target }) => tellRowTime(target));
    this.#rows.addEventListener("focusin", ({ target }) => {
      const row = /** @type {Element} */ (target).closest("[data-id]");
      if (row instanceof HTMLElement) this.#setActive(row.dataset.id);
    });
    this.#note.addEventListener("click", () => {
      this.#scroller.scrollTop = 0;
      this.focusAt(0);
    });
    setInterval(() => {
      for (const { element, item } of this.#drawn.values()) drawRowTime(element, item);
    }, 30_000);
  }

  /** Has the rest of the page listen, from the next drawing on. @param {ListListener} listener */
  listen(listener) {
    this.#listener = listener;
  }

  /** The ids of the selected messages, newest first. */
  get selected() {
    return this.found.items.filter(({ id }) => this.#selected.has(id)).map(({ id }) => id);
  }

  /** The id of the message that the keyboard is at. */
  get active() {
    return this.#active ?? this.found.items[0]?.id;
  }

  /** Whether the focus is in the list. */
  get hasFocus() {
    return this.#rows.contains(document.activeElement);
  }

  /**
   * Shows which message is open.
   *
   * @param {string | undefined} id
   */
  setOpen(id) {
    this.#open = id;
    if (id !== undefined) this.#setActive(id);
    this.#draw();
  }

  /** @param {readonly string[]} ids */
  select(ids) {
    this.#selected = new Set(ids);
    this.#draw();
    this.#listener.selected();
  }

  /** @param {string} id */
  toggle(id) {
    if (!this.#selected.delete(id)) this.#selected.add(id);
    this.#draw();
    this.#listener.selected();
  }

  /**
   * The id of the message so many places below another.
   *
   * @param {string | undefined} id
   * @param {number} step
   */
  neighbour(id, step) {
    const place = id === undefined ? -1 : this.found.placeOf(id);
    const last = this.found.items.length - 1;
    return this.found.items[place < 0 ? 0 : Math.max(0, Math.min(last, place + step))]?.id;
  }

  /** Moves the focus by so many rows. @param {number} step */
  move(step) {
    const id = this.neighbour(this.active, this.hasFocus ? step : 0);
    if (id !== undefined) this.focus(id);
  }

  /** The rows of which there is room at once. */
  get rowsInSight() {
    return Math.max(1, Math.floor(this.#scroller.clientHeight / ROW));
  }

  /** @param {number} place */
  focusAt(place) {
    const item = this.found.items.at(place);
    if (item) this.focus(item.id);
  }

  /** Focuses a row, which is brought into sight. @param {string | undefined} [id] */
  focus(id = this.active) {
    if (id === undefined) return;
    this.reveal(id);
    this.#setActive(id);
    this.#draw();
    this.#drawn.get(id)?.element.focus({ preventScroll: true });
  }

  /** Brings a row into sight. @param {string} id */
  reveal(id) {
    const place = this.found.placeOf(id);
    if (place < 0) return;
    const top = place * ROW;
    const { scrollTop, clientHeight } = this.#scroller;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    if (top + ROW > scrollTop + clientHeight) this.#scroller.scrollTop = top + ROW - clientHeight;
  }

  /** @param {string | undefined} id */
  #setActive(id) {
    const before = this.#active;
    this.#active = id;
    for (const each of [before, this.active]) {
      const drawn = each === undefined ? undefined : this.#drawn.get(each);
      if (drawn) drawn.element.tabIndex = each === this.active ? 0 : -1;
    }
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const target = /** @type {Element} */ (event.target);
    const id = /** @type {HTMLElement | null} */ (target.closest("[data-id]"))?.dataset.id;
    if (id === undefined) return;
    if (event.shiftKey) {
      const ends = [this.found.placeOf(this.active ?? id), this.found.placeOf(id)].toSorted((
        a,
        b,
      ) => a - b);
      const between = this.found.items.slice(ends[0], ends[1] + 1).map(({ id }) => id);
      this.select([...this.#selected, ...between]);
    } else if (event.ctrlKey || event.metaKey || target.closest(".row-mark")) {
      this.toggle(id);
    } else {
      this.#listener.open(id);
    }
    this.focus(id);
  }

  /** @returns {readonly [number, number]} */
  #sight() {
    if (this.found.items.length === 0) return [0, 0];
    const { scrollTop, clientHeight } = this.#scroller;
    return [
      Math.max(0, Math.floor(scrollTop / ROW) - AROUND),
      Math.ceil((scrollTop + clientHeight) / ROW) + AROUND,
    ];
  }

  /** @param {ListChange} change */
  #changed(change) {
    // Where nothing is listed yet, nothing is scrolled, and the browser need not lay out to say so.
    const scrollTop = this.#drawn.size > 0 ? this.#scroller.scrollTop : 0;
    const above = Math.floor(scrollTop / ROW);
    const hadFocus = this.hasFocus;
    /** @type {string | undefined} */
    let heir;
    switch (change.kind) {
      case "reset":
        if (scrollTop > 0) this.#scroller.scrollTop = 0;
        this.#fresh = 0;
        if (this.#active !== this.#open) this.#active = undefined;
        this.#forgetSelected();
        break;
      case "inserted":
        // What one reads stays where it is; at the upper edge, the new ones push in.
        if (scrollTop > 0) {
          this.#resize();
          this.#scroller.scrollTop = scrollTop + change.count * ROW;
          this.#fresh += change.count;
        }
        break;
      case "removed": {
        const gone = change.places.filter((place) => place < above).length;
        if (gone > 0) this.#scroller.scrollTop = scrollTop - gone * ROW;
        if (this.#active !== undefined && this.found.placeOf(this.#active) < 0) {
          const place = Math.min(change.places[0], this.found.items.length - 1);
          heir = this.found.items[place]?.id;
          this.#active = heir;
        }
        this.#forgetSelected();
      }
    }
    this.#draw();
    if (hadFocus && heir !== undefined) this.focus(heir);
  }

  /** Deselects what is not there any more. */
  #forgetSelected() {
    if (this.#selected.size === 0) return;
    this.#selected = new Set(this.selected);
    this.#listener.selected();
  }

  #later() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#draw();
      this.found.looked();
    });
  }

  #resize() {
    this.#rows.style.height = `${this.found.items.length * ROW}px`;
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { items, isComplete, isLoading, problem } = this.found;
    // All that the browser has to lay out for is read before anything is written.
    const [first, end] = this.#sight();
    if (this.#fresh > 0 && this.#scroller.scrollTop < ROW / 2) this.#fresh = 0;
    this.#resize();
    const places = new Set(items.slice(first, end).keys().map((place) => place + first));
    // The active row stays, wherever one scrolls: it has the focus.
    const active = this.active === undefined ? -1 : this.found.placeOf(this.active);
    if (active >= 0) places.add(active);
    const wanted = [...places].toSorted((a, b) => a - b);
    const ids = new Set(wanted.map((place) => items[place].id));
    for (const [id, { element }] of this.#drawn) {
      if (ids.has(id)) continue;
      element.remove();
      this.#drawn.delete(id);
    }
    let next = this.#rows.firstChild;
    for (const place of wanted) {
      const element = this.#row(place);
      if (element === next) next = element.nextSibling;
      else this.#rows.insertBefore(element, next);
    }
    this.#rows.hidden = items.length === 0;
    this.#rows.setAttribute("aria-busy", String(isLoading));
    this.#drawNote();
    this.#drawFoot();
    const isAtEnd = items.length > 0 && end + AHEAD > items.length;
    if (isAtEnd && !isComplete && !isLoading && problem === undefined) this.#moreBehind();
  }

  /** @param {number} place */
  #row(place) {
    const { items, isComplete } = this.found;
    const item = items[place];
    let row = this.#drawn.get(item.id);
    if (row === undefined) {
      const element = h("div", { role: "option", class: "row", "data-id": item.id });
      row = { element, item };
      drawRow(element, item);
      this.#drawn.set(item.id, row);
    } else if (row.item !== item) {
      row.item = item;
      drawRow(row.element, item);
    }
    const { element } = row;
    element.style.transform = `translateY(${place * ROW}px)`;
    element.tabIndex = item.id === this.active ? 0 : -1;
    element.setAttribute("aria-selected", String(this.#selected.has(item.id)));
    element.setAttribute("aria-posinset", String(place + 1));
    element.setAttribute("aria-setsize", String(isComplete ? items.length : -1));
    element.classList.toggle("open", item.id === this.#open);
    return element;
  }

  #drawNote() {
    const text = this.#fresh > 0 ? `${counted(this.#fresh, "new message")} ↑` : "";
    if (this.#note.textContent !== text) this.#note.textContent = text;
    this.#note.hidden = this.#fresh === 0;
  }

  #drawFoot() {
    const { items, isComplete, isLoading, isFull, problem } = this.found;
    if (problem !== undefined) {
      const text = problem instanceof Error ? problem.message : String(problem);
      const again = () => items.length > 0 ? this.found.more() : this.found.missed();
      fill(
        this.#foot,
        h("p", { role: "alert" }, `Cannot list messages: ${text}.`),
        h("button", { type: "button", class: "button", onclick: again }, "Try again"),
      );
    } else if (isLoading) fill(this.#foot, h("p", {}, "Loading …"));
    else if (isFull) {
      fill(this.#foot, h("p", {}, "No more are listed here. Search for older ones."));
    } else if (isComplete && items.length === 0) fill(this.#foot, ...this.#listener.nothing());
    else fill(this.#foot);
  }
}
