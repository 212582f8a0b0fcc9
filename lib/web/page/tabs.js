/** Tabs, as the ARIA Authoring Practices have them. @module */
/** @import { Child } from "./types.d.ts" */
import { fill, h } from "./dom.js";

/**
 * A side of something, which is made when it is looked at first.
 *
 * @typedef {object} Tab
 * @property {string} id
 * @property {string} label
 * @property {string} [count] how much there is to see
 * @property {(panel: HTMLElement) => void | Promise<void>} draw
 */

/**
 * Makes tabs and their panel.
 *
 * @param {string} label
 * @param {readonly Tab[]} tabs
 * @param {(id: string) => void} onChoose
 * @returns {{ element: HTMLElement, panel: HTMLElement, show: (id: string) => void, redraw: () => void, shown: () => string }}
 */
export function makeTabs(label, tabs, onChoose) {
  let shown = "";
  const panel = h("div", { role: "tabpanel", id: "panel", class: "panel", tabindex: "0" });
  const buttons = tabs.map((tab) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${tab.id}`,
        "aria-controls": "panel",
        onclick: () => choose(tab.id),
      },
      tab.label,
      tab.count !== undefined && h("span", { class: "tab-count" }, tab.count),
    )
  );

  /** @param {KeyboardEvent} event */
  function moved(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const place = tabs.findIndex(({ id }) => id === shown);
    const next = (place + step + tabs.length) % tabs.length;
    choose(tabs[next].id);
    buttons[next].focus();
  }

  /** @param {string} id */
  function choose(id) {
    show(id);
    onChoose(shown);
  }

  /** @param {string} id */
  function show(id) {
    const tab = tabs.find((tab) => tab.id === id) ?? tabs[0];
    shown = tab.id;
    for (const [place, button] of buttons.entries()) {
      const isShown = tabs[place] === tab;
      button.setAttribute("aria-selected", String(isShown));
      button.tabIndex = isShown ? 0 : -1;
    }
    panel.setAttribute("aria-labelledby", `tab-${tab.id}`);
    panel.dataset.tab = tab.id;
    panel.scrollTop = 0;
    draw(tab);
  }

  /** @param {Tab} tab */
  async function draw(tab) {
    try {
      await tab.draw(panel);
    } catch (error) {
      if (shown !== tab.id) return;
      const text = error instanceof Error ? error.message : String(error);
      fill(
        panel,
        h("p", { class: "problem", role: "alert" }, `Cannot show this: ${text}.`),
        h("button", { type: "button", class: "button", onclick: () => draw(tab) }, "Try again"),
      );
    }
  }

  return {
    element: h(
      "div",
      { role: "tablist", "aria-label": label, class: "tabs", onkeydown: moved },
      buttons,
    ),
    panel,
    show,
    redraw: () => show(shown),
    shown: () => shown,
  };
}

/**
 * Fills a panel once what it shows has come, unless something else is shown in it by then.
 *
 * @param {HTMLElement} panel
 * @param {Promise<Child>} content
 */
export async function fillLater(panel, content) {
  const tab = panel.dataset.tab;
  const waiting = h("p", { class: "waiting" }, "Loading …");
  fill(panel, waiting);
  try {
    const made = await content;
    if (panel.contains(waiting)) fill(panel, made);
  } catch (error) {
    if (panel.contains(waiting) && panel.dataset.tab === tab) throw error;
  }
}
