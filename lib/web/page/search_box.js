/** The search box, what it says about what is written there, and the states to choose from. @module */
/** @import { Counts, MessageState } from "./types.d.ts" */
import { byId, fill, h } from "./dom.js";
import { numberText } from "./format.js";
import { parseSearch, TERMS, withState } from "./search.js";

/** How long nothing is written before it is searched for, in milliseconds. */
const PAUSE = 250;

/** @typedef {MessageState | "unseen" | undefined} Choice */

/** @type {readonly (readonly [Choice, string])[]} The states that can be chosen, and what each is called. */
const CHOICES = [
  [undefined, "All"],
  ["unseen", "Unseen"],
  ["held", "Held"],
  ["queued", "Queued"],
  ["failed", "Failed"],
  ["delivered", "Delivered"],
];

/** What is looked for. */
export class SearchBox {
  #input = /** @type {HTMLInputElement} */ (byId("search"));
  #problem = byId("search-problem");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #text = "";
  #onSearch;
  /** @type {Map<Choice, { button: HTMLButtonElement, count: HTMLElement }>} */
  #choices = new Map();

  /**
   * @param {object} listener
   * @param {(text: string, how: "push" | "replace") => void} listener.search
   * @param {() => void} listener.leave asks for the focus to go to the list
   */
  constructor({ search, leave }) {
    this.#onSearch = search;
    fill(
      byId("search-hint"),
      TERMS.map(([term, says]) => h("div", {}, h("dt", {}, term), h("dd", {}, says))),
    );
    this.#input.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#submit("replace"), PAUSE);
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.isComposing || !["Enter", "Escape", "ArrowDown"].includes(event.key)) return;
      event.preventDefault();
      this.#submit("replace");
      if (!this.#problem.hidden && event.key === "Enter") return;
      leave();
    });
    fill(
      byId("states"),
      CHOICES.map(([state, label]) => {
        const count = h("span", { class: "choice-count" });
        const choose = () => this.change(withState(this.#input.value, state));
        const button = h(
          "button",
          { type: "button", class: "state-choice", onclick: choose },
          label,
          count,
        );
        this.#choices.set(state, { button, count });
        return button;
      }),
    );
  }

  /** Puts the focus into the box. */
  focus() {
    this.#input.focus();
    this.#input.select();
  }

  /** Searches for something else. @param {string} text */
  change(text) {
    this.#input.value = text;
    this.#submit("push");
  }

  /**
   * Shows what is looked for; answers what to ask, or nothing where it cannot be understood.
   *
   * @param {string} text
   * @returns {ReadonlyMap<string, string> | undefined}
   */
  show(text) {
    clearTimeout(this.#timer);
    this.#text = text;
    if (this.#input.value.trim() !== text) this.#input.value = text;
    const parsed = parseSearch(text);
    const problem = "problem" in parsed ? parsed.problem : "";
    this.#problem.textContent = problem;
    this.#problem.hidden = problem === "";
    this.#input.setAttribute("aria-invalid", String(problem !== ""));
    if ("problem" in parsed) return undefined;
    const { params } = parsed;
    const chosen = params.get("state") ?? (params.get("seen") === "false" ? "unseen" : undefined);
    for (const [state, { button }] of this.#choices) {
      button.setAttribute("aria-pressed", String(state === chosen));
    }
    return params;
  }

  /** Shows how many there are of each. @param {Counts} counts */
  showCounts({ total, unseen, states }) {
    for (const [state, { count }] of this.#choices) {
      const number = state === undefined ? total : state === "unseen" ? unseen : states[state];
      count.textContent = number > 0 ? numberText(number) : "";
    }
  }

  /** @param {"push" | "replace"} how */
  #submit(how) {
    clearTimeout(this.#timer);
    const text = this.#input.value.trim();
    if (text !== this.#text) this.#onSearch(text, how);
  }
}
