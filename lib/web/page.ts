/** The page of the inbox: its files, and the fields that each is answered with. @module */

import { createHash } from "node:crypto";
import { joinOctets } from "../smtp/octets.ts";
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
  "content-security-policy": PAGE_POLICY,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** How long a browser may keep a file without asking for it again: what changes has another path then. */
const KEPT = "private, max-age=31536000, immutable";

const HTML = "text/html; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";

const SCRIPTS = [
  "actions.js",
  "api.js",
  "app.js",
  "asked_actions.js",
  "body_views.js",
  "dialog.js",
  "dom.js",
  "events.js",
  "first_list.js",
  "format.js",
  "found_messages.js",
  "keys.js",
  "ledger_view.js",
  "list.js",
  "list_row.js",
  "message_drawing.js",
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

/** In the order in which they take effect. */
const STYLES = ["style.css", "top.css", "list.css", "message.css", "sides.css", "dialog.css"];

/** What the page asks for, and the files that it is made of. Styles are one: each request takes its time. */
const PARTS: readonly { readonly name: string; readonly type: string; readonly files: string[] }[] =
  [
    { name: "icon.svg", type: "image/svg+xml", files: ["icon.svg"] },
    { name: "style.css", type: STYLE, files: STYLES },
    ...SCRIPTS.map((name) => ({ name, type: SCRIPT, files: [name] })),
  ];

let page: Promise<ReadonlyMap<string, PageAsset>> | undefined;

/** Reads a file beside this module: on disk, in the executable, or where the module was loaded from. */
async function readBeside(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(`page/${name}`, import.meta.url);
  if (url.protocol === "file:") return await Deno.readFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`Cannot read ${url}: it answers ${response.status}`);
  return await response.bytes();
}

/** A name for these contents and no others, as good as. */
function versionOf(contents: Uint8Array): string {
  return createHash("sha256").update(contents).digest("hex").slice(0, 16);
}

/**
 * Reads the files, by the paths that they are asked for by: no path of a request ever becomes one of a
 * file. All but the page itself are below a folder that is named after what is in them, so that a browser
 * keeps them, and yet a new version of the server is never met by parts of an old one.
 */
async function load(): Promise<ReadonlyMap<string, PageAsset>> {
  const contents = await Promise.all(
    PARTS.map(async ({ files }) => joinOctets(await Promise.all(files.map(readBeside)))),
  );
  const folder = `/page/${versionOf(joinOctets(contents))}/`;
  const html = new TextDecoder().decode(await readBeside("index.html"))
    .replaceAll('"/page/', `"${folder}`);
  const asset = (type: string, body: Uint8Array<ArrayBuffer>, cacheControl: string): PageAsset => ({
    type,
    body,
    headers: { ...FIELDS, "cache-control": cacheControl, "content-type": type },
  });
  return new Map([
    ["/", asset(HTML, new TextEncoder().encode(html), "no-cache")],
    ...PARTS.map(({ name, type }, i) =>
      [`${folder}${name}`, asset(type, contents[i], KEPT)] as const
    ),
  ]);
}

/**
 * The file of the page that a path stands for, or nothing where there is none. All are read once.
 *
 * @param path the path of a request, as it came: without its query
 */
export async function pageAsset(path: string): Promise<PageAsset | undefined> {
  page ??= load();
  try {
    return (await page).get(path);
  } catch (error) {
    // What could not be read may be there the next time.
    page = undefined;
    throw error;
  }
}
