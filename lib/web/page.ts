/** The page of the inbox: its files, and the fields that each is answered with. @module */

import type { PageAsset } from "./page_source.ts";

/**
 * What the page may do: load what comes from here, and nothing else. A message is shown in a frame with
 * an address of its own under `/api/`, since one made of text would have this policy and no styles. Text
 * is never made into elements, which `require-trusted-types-for` holds the page to.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "frame-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const FIELDS = {
  // A new version of the server shall not be met by an old page.
  "cache-control": "no-cache",
  "content-security-policy": PAGE_POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";

const SCRIPTS = [
  "actions.js",
  "api.js",
  "app.js",
  "body_views.js",
  "dialog.js",
  "dom.js",
  "events.js",
  "format.js",
  "found_messages.js",
  "keys.js",
  "ledger_view.js",
  "list.js",
  "list_row.js",
  "message_head.js",
  "message_view.js",
  "notice.js",
  "offers.js",
  "place.js",
  "release_dialog.js",
  "remote_images.js",
  "search.js",
  "search_box.js",
  "tabs.js",
  "text_links.js",
  "theme.js",
  "timing.js",
  "toolbar.js",
];

const STYLES = ["dialog.css", "list.css", "message.css", "sides.css", "style.css", "top.css"];

/** The files by the paths that they are asked for by: no path of a request ever becomes one of a file. */
const FILES: ReadonlyMap<string, { readonly name: string; readonly type: string }> = new Map([
  ["/", { name: "index.html", type: HTML }],
  ["/icon.svg", { name: "icon.svg", type: "image/svg+xml" }],
  ...SCRIPTS.map((name) => [`/${name}`, { name, type: SCRIPT }] as const),
  ...STYLES.map((name) => [`/${name}`, { name, type: STYLE }] as const),
]);

const assets = new Map<string, Promise<PageAsset>>();

/** Reads a file beside this module: on disk, in the executable, or where the module was loaded from. */
async function readBeside(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(`page/${name}`, import.meta.url);
  if (url.protocol === "file:") return await Deno.readFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`Cannot read ${url}: it answers ${response.status}`);
  return await response.bytes();
}

async function load(name: string, type: string): Promise<PageAsset> {
  const body = await readBeside(name);
  return { type, body, headers: { ...FIELDS, "content-type": type } };
}

/**
 * The file of the page that a path stands for, or nothing where there is none. It is read once.
 *
 * @param path the path of a request, as it came: without its query
 */
export function pageAsset(path: string): Promise<PageAsset | undefined> {
  const file = FILES.get(path);
  if (file === undefined) return Promise.resolve(undefined);
  let asset = assets.get(path);
  if (asset === undefined) {
    asset = load(file.name, file.type);
    assets.set(path, asset);
    // What could not be read may be there the next time.
    asset.catch(() => assets.delete(path));
  }
  return asset;
}
