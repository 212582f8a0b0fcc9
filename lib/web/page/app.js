/** The inbox in a browser: joins the list, the message, the search box, the keyboard and the server. @module */
/** @import { Item, Message, Place } from "./types.d.ts" */
/** @import { BarAction } from "./toolbar.js" */
/** @import { ViewAction } from "./message_head.js" */
import { actNow, markSeen } from "./actions.js";
import { ApiError, fetchCounts, fetchLedger } from "./api.js";
import { byId, h } from "./dom.js";
import { events, firstPlace, list, showConnection } from "./first_list.js";
import { listenToKeys, tellKeys } from "./keys.js";
import { loadDrawing, MessageView, SIDES } from "./message_view.js";
import { sayProblem } from "./notice.js";
import { readPlace, writePlace } from "./place.js";
import { SearchBox } from "./search_box.js";
import { switchTheme } from "./theme.js";
import { collected } from "./timing.js";
import { makeToolbar } from "./toolbar.js";

/** How long changes are collected before messages are counted again, in milliseconds. */
const COLLECT = 400;

/** How long after the list what it does not need is loaded, in milliseconds. */
const BEHIND = 100;

/** What asks questions. Nobody waits for it who looks at the list: it is loaded behind that. */
const loadAsked = () => import("./asked_actions.js");
const loadRelease = () => import("./release_dialog.js");

let place = firstPlace;

const view = new MessageView({
  act: (action) => actOn(action, [/** @type {string} */ (view.id)]),
  back: () => close(),
  side: (tab) => goTo({ ...place, tab }, "replace"),
  opened: (message) => {
    if (!message.seen) setSeen([message.id], true);
  },
});
const box = new SearchBox({
  search: (search, how) => goTo({ ...place, search }, how),
  leave: () => list.focus(),
});
const showSelected = makeToolbar({
  act: (action) => actOn(action, list.selected),
  all: () => list.select(list.found.items.map(({ id }) => id)),
  none: () => list.select([]),
});

/**
 * Goes to a place, and leaves what is the same as before as it is.
 *
 * @param {Place} next
 * @param {"push" | "replace"} how
 * @param {boolean} [takesFocus] whether the message is given the focus
 */
function goTo(next, how, takesFocus = false) {
  const isSearch = next.search !== place.search;
  place = next;
  writePlace(next, how);
  if (isSearch) {
    const params = box.show(next.search);
    if (params !== undefined) {
      list.select([]);
      list.found.search(params);
    }
  }
  showMessage(takesFocus);
}

/** Shows the message of the place, if it has one. @param {boolean} takesFocus */
function showMessage(takesFocus) {
  const { message, tab } = place;
  document.body.classList.toggle("reading", message !== undefined);
  list.setOpen(message);
  if (message === undefined) view.close();
  else if (message !== view.id) view.open(message, tab, takesFocus);
  else if (takesFocus) view.focus();
}

/** @param {string} id @param {boolean} takesFocus */
function open(id, takesFocus) {
  const isPhone = matchMedia("(max-width: 699px)").matches;
  goTo({ ...place, message: id }, id === place.message ? "replace" : "push", takesFocus || isPhone);
}

/** Goes back to the list. */
function close() {
  goTo({ ...place, message: undefined }, "push");
  list.focus();
}

/** What is said where no message is listed. */
function sayNothing() {
  if (place.search === "") {
    return [
      h("p", { class: "nothing-title" }, "No messages yet"),
      h("p", {}, "What is sent to this server appears here as it comes."),
    ];
  }
  return [
    h("p", { class: "nothing-title" }, "Nothing fits"),
    h(
      "button",
      { type: "button", class: "button", onclick: () => box.change("") },
      "Show all messages",
    ),
  ];
}

/** What is known of some messages. @param {readonly string[]} ids */
function itemsOf(ids) {
  const wanted = new Set(ids);
  const items = list.found.items.filter(({ id }) => wanted.has(id));
  const { message } = view;
  // The open message may not be among those that are listed.
  if (
    message !== undefined && wanted.has(message.id) && !items.some(({ id }) => id === message.id)
  ) {
    items.push(message);
  }
  return items;
}

/** Those that a key is meant for: the selected ones, else the open one where one reads, else the active. */
function meant() {
  const { selected } = list;
  if (selected.length > 0) return selected;
  const id = view.hasFocus ? view.id : list.active;
  return id === undefined ? [] : [id];
}

/**
 * @param {BarAction | ViewAction} action
 * @param {readonly string[]} ids
 */
async function actOn(action, ids) {
  if (ids.length === 0) return;
  try {
    await perform(action, ids);
  } catch (error) {
    // A part of the page that cannot be loaded: the server is gone, or another one than it was.
    sayProblem("Cannot do this: load the page again", error);
  }
}

/**
 * @param {BarAction | ViewAction} action
 * @param {readonly string[]} ids
 */
async function perform(action, ids) {
  const items = itemsOf(ids);
  switch (action) {
    case "release":
      return await releaseAll(items);
    case "remove":
    case "bounce": {
      const isListFocused = list.hasFocus;
      const { askAndAct } = await loadAsked();
      if (!await askAndAct(action, ids, items) || action === "bounce") return;
      if (view.id !== undefined && ids.includes(view.id)) {
        goTo({ ...place, message: undefined }, "replace");
      }
      list.found.gone(ids);
      if (isListFocused || document.activeElement === document.body) list.focus();
      return;
    }
    case "seen":
      return await setSeen(ids, items.some(({ seen }) => !seen));
    case "unseen":
      return await setSeen(ids, false);
    default:
      return await actNow(action, ids);
  }
}

/** @param {readonly Item[]} items */
async function releaseAll(items) {
  const { askRelease, askReleaseAll } = await loadRelease();
  if (items.length > 1) return await askReleaseAll(items);
  const [item] = items;
  if (item === undefined) return;
  try {
    const ledger = view.id === item.id && view.ledger || await fetchLedger(item.id);
    await askRelease(item, ledger);
  } catch (error) {
    sayProblem("Cannot release the message", error);
  }
}

/** @param {readonly string[]} ids @param {boolean} seen */
async function setSeen(ids, seen) {
  if (!await markSeen(ids, seen)) return;
  for (const id of ids) list.found.set(id, { seen });
  countSoon();
}

/** Counts messages, and shows how many there are. */
async function countNow() {
  try {
    const counts = await fetchCounts();
    box.showCounts(counts);
    document.title = counts.unseen > 0 ? `(${counts.unseen}) smtpd inbox` : "smtpd inbox";
  } catch {
    // The connection for events says so, and counts again once it is there.
  }
}

const countSoon = collected(COLLECT, countNow);

/** Says why the server does not tell what happens. */
async function explainLoss() {
  showConnection("Connection lost, trying again", "lost");
  try {
    await fetchCounts();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) sayProblem("Not connected", error);
  }
}

/** Moves in the list, or from one message to the next where one reads. @param {number} step */
function move(step) {
  if (!view.hasFocus) return list.move(step);
  const id = list.neighbour(view.id, step);
  if (id === undefined || id === view.id) return;
  open(id, true);
  list.reveal(id);
}

/** Does something only where the focus is in the list. @param {() => void} run */
function inList(run) {
  return () => list.hasFocus ? run() : false;
}

/** @type {import("./keys.js").Key[]} */
const keys = [
  { keys: ["j"], shown: "j", says: "next message", run: () => move(1) },
  { keys: ["k"], shown: "k", says: "previous message", run: () => move(-1) },
  { keys: ["ArrowDown"], shown: "↓", says: "", run: inList(() => list.move(1)) },
  { keys: ["ArrowUp"], shown: "↑", says: "", run: inList(() => list.move(-1)) },
  { keys: ["PageDown"], shown: "", says: "", run: inList(() => list.move(list.rowsInSight)) },
  { keys: ["PageUp"], shown: "", says: "", run: inList(() => list.move(-list.rowsInSight)) },
  { keys: ["Home"], shown: "", says: "", run: inList(() => list.focusAt(0)) },
  { keys: ["End"], shown: "", says: "", run: inList(() => list.focusAt(-1)) },
  {
    keys: ["Enter"],
    shown: "Enter",
    says: "open the message",
    run: inList(() => list.active && open(list.active, true)),
  },
  {
    keys: ["o"],
    shown: "o",
    says: "open it",
    run: inList(() => list.active && open(list.active, true)),
  },
  { keys: ["Escape"], shown: "Esc", says: "back to the list, or select none", run: leave },
  { keys: ["/"], shown: "/", says: "search", run: () => box.focus() },
  { keys: ["x"], shown: "x", says: "select, or not", run: () => select() },
  { keys: [" "], shown: "", says: "", run: inList(select) },
  {
    keys: ["r"],
    shown: "r",
    says: "release: deliver it after all",
    run: () => actOn("release", meant()),
  },
  { keys: ["u"], shown: "u", says: "mark as seen or unseen", run: () => actOn("seen", meant()) },
  { keys: ["e", "#"], shown: "e #", says: "delete", run: () => actOn("remove", meant()) },
  {
    keys: ["1", "2", "3", "4", "5", "6"],
    shown: "1 … 6",
    says: SIDES.map((side) => side === "html" ? "HTML" : side).join(", "),
    run: ({ key }) => view.showSide(Number(key)),
  },
  { keys: ["?"], shown: "?", says: "this", run: () => tellKeys(keys) },
];

function select() {
  const id = view.hasFocus ? view.id : list.active;
  if (id !== undefined) list.toggle(id);
}

function leave() {
  if (place.message !== undefined) close();
  else if (list.selected.length > 0) list.select([]);
  else list.focus();
}

list.listen({
  open: (id) => open(id, false),
  selected: () => showSelected(list.selected.length, list.found.items.length),
  nothing: sayNothing,
});
listenToKeys(keys);
byId("help").addEventListener("click", () => tellKeys(keys));
switchTheme(byId("theme"));
addEventListener("popstate", () => {
  const wasReading = place.message !== undefined;
  const next = readPlace();
  goTo(next, "replace");
  if (wasReading && next.message === undefined) list.focus();
});
events.listen({
  arrived(item) {
    list.found.arrived(item);
    countSoon();
  },
  changed(ids) {
    list.found.changed(ids);
    view.changed(ids);
    countSoon();
  },
  gone(ids) {
    list.found.gone(ids);
    view.gone(ids);
    countSoon();
  },
  connected(isAgain) {
    showConnection("Live", "live");
    if (!isAgain) return;
    list.found.missed();
    view.refresh();
    countSoon();
  },
  lost: explainLoss,
});
box.show(place.search);
showMessage(false);
await countNow();
setTimeout(() => {
  for (const load of [loadDrawing, loadAsked, loadRelease]) {
    // Who needs it then is told what is wrong.
    load().catch(() => {});
  }
}, BEHIND);
