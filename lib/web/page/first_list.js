/** The list and its first messages. What acts on them comes behind it, since nobody waits for that. @module */
import { byId } from "./dom.js";
import { ServerEvents } from "./events.js";
import { MessageList } from "./list.js";
import { readPlace } from "./place.js";
import { parseSearch } from "./search.js";

/** How long the rest of the page waits for the first messages, in milliseconds. */
const PATIENCE = 200;

/** Where the page begins. */
export const firstPlace = readPlace();

/** The list of the page. */
export const list = new MessageList();

/** What happens on the server, from before the list is asked for, so that nothing is missed between. */
export const events = new ServerEvents({
  arrived: (item) => list.found.arrived(item),
  changed: (ids) => list.found.changed(ids),
  gone: (ids) => list.found.gone(ids),
  connected(isAgain) {
    if (isAgain) list.found.missed();
  },
  lost() {},
});

/** Says how the page is connected. @param {string} text @param {"live" | "lost"} state */
export function showConnection(text, state) {
  const element = byId("connection");
  if (element.textContent !== text) element.textContent = text;
  element.dataset.state = state;
}

const parsed = parseSearch(firstPlace.search);
const found = "params" in parsed ? list.found.search(parsed.params) : undefined;
const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
Promise.race([found, late]).then(() => import("./app.js")).catch(() => {
  showConnection("Not all is loaded: load the page again", "lost");
});
