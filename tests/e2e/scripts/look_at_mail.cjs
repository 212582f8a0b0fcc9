/**
 * Looks at hostile mail in Chromium: EXECUTABLE PROFILE. Standard input is JSON, `{ url, canary, isLive, messages }`:
 * `isLive` is true in the page once all of it is at work, each message has its `id`, what it tries and the parts
 * to open, in the order of the list. Standard output is a line of JSON for each message, with what went wrong: a
 * script that ran, a request that left the server, a page that goes elsewhere or no longer answers. The last
 * line is about what came afterwards.
 */
const { mkdirSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { text } = require("node:stream/consumers");
const { chromium } = require("playwright-core");

/** What a step may take, in milliseconds: longer than one does on a busy machine. */
const PATIENCE = 10_000;

const PIXEL = Buffer.from("R0lGODlhAQABAAAAACwAAAAAAQABAAA=", "base64");

/** The other host, whatever name the browser is told. At `/trap` is a page that does what no message may. */
async function startEvil(canary) {
  const heard = [];
  const server = createServer(({ url, headers }, response) => {
    heard.push(`${headers.host}${url}`);
    const isTrap = url === "/trap";
    response.setHeader("content-type", isTrap ? "text/html" : "image/gif");
    response.end(
      isTrap
        ? `<script>console.log("${canary}")</script><link rel=preconnect href="http://trap.test">`
        : PIXEL,
    );
  });
  server.on("connection", () => heard.push("a connection"));
  server.on("clientError", (_, socket) => socket.destroy());
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { heard, server, port: server.address().port };
}

/** Starts Chromium as its makers have set it: what connects beforehand is off in Debian's. */
async function startBrowser(port, profile) {
  mkdirSync(`${profile}/Default`);
  const preferences = JSON.stringify({ net: { network_prediction_options: 0 } });
  writeFileSync(`${profile}/Default/Preferences`, preferences);
  return await chromium.launchPersistentContext(profile, {
    executablePath: process.argv[2],
    reducedMotion: "reduce",
    // Chromium refuses to put root into its sandbox.
    args: [
      "--no-sandbox",
      `--host-resolver-rules=MAP *.test 127.0.0.1:${port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
    ],
  });
}

/** Notes what pages do that they must not. */
function watch(context, canary, origin) {
  const wrong = [];
  context.on("dialog", (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  context.on("console", (message) => {
    if (message.text() === canary) wrong.push("a script ran");
  });
  context.on("requestfinished", (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    const isOwn = asked === origin || ["data:", "blob:", "about:"].includes(protocol);
    if (!isOwn) wrong.push(`request: ${request.resourceType()} ${request.url()}`);
  });
  context.on("weberror", (error) => wrong.push(`error: ${error.error().stack}`));
  return wrong;
}

/** Takes what has gone wrong since the last time. */
function take({ wrong, evil }) {
  return [...wrong.splice(0), ...evil.heard.splice(0).map((what) => `evil host: ${what}`)];
}

/** Waits until the browser has done what it is watched for: else nothing that follows means anything. */
async function control(world) {
  const { context, evil, wrong } = world;
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${evil.port}/trap`);
  const isSeen = () => wrong.includes("a script ran") && evil.heard.length >= 3;
  for (let turn = 0; !isSeen(); turn++) {
    if (turn === 100) throw new Error(`Cannot see what the trap does: ${take(world)}`);
    await page.waitForTimeout(50);
  }
  await page.close();
  // The browser may have one more connection for what the trap could ask for next.
  await (await context.newPage()).waitForTimeout(500);
  take(world);
}

/** Waits until an expression is true in the page, whose policy forbids what playwright has for this. */
async function until(page, expression) {
  const waiting = page.evaluate(`new Promise((done, fail) => {
    const end = performance.now() + ${PATIENCE};
    const look = () => {
      if (${expression}) done(true);
      else if (performance.now() > end) fail(new Error(${JSON.stringify(expression)}));
      else setTimeout(look, 10);
    };
    look();
  })`);
  await inTime(waiting, `the page hangs: ${expression}`);
}

/** Fails with `why` where something does not come back. */
async function inTime(promise, why) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(why)), 1.5 * PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const SIDES = ["html", "text", "headers", "source", "parts", "ledger"];

/** Whether the message is there, and its frame, as far as it is loaded within the time that one looks. */
const IS_DRAWN = `document.getElementById("message").ariaBusy === "false"`;

/** Opens the message that is next in the list by the keyboard, and shows each of its sides. */
async function lookAt(page, { id }, key) {
  await page.keyboard.press(key);
  await until(page, `location.hash.includes(${JSON.stringify(id)}) && ${IS_DRAWN}`);
  const sides = await page.evaluate(
    `[...document.querySelectorAll("[role=tab]")].map(({ id }) => id.slice(4))`,
  );
  if (sides.length < 5) throw new Error(`it shows ${await page.locator("#message").innerText()}`);
  if (sides[0] === "html") {
    const isHtml = (frame) => frame.url().endsWith(`${id}/html`);
    const options = { predicate: isHtml, timeout: 2_000 };
    const framed = page.waitForEvent("framenavigated", options).catch(() => {});
    await page.keyboard.press("1");
    await framed;
    const frame = page.frames().find(isHtml);
    if (frame === undefined) throw new Error("the frame of its HTML shows something else");
    // What goes on and on does so elsewhere: the page is not to wait for it.
    await frame.waitForLoadState("load", { timeout: 1_000 }).catch(() => {});
  }
  for (const side of sides.slice(sides[0] === "html" ? 1 : 0)) {
    await page.keyboard.press(String(SIDES.indexOf(side) + 1));
    await until(
      page,
      `document.getElementById("panel").dataset.tab === "${side}" &&
      document.querySelector("#panel > :not(.waiting)") !== null ||
      /^(?:There is no|It has no)/.test(document.querySelector("#panel > .waiting")?.textContent)`,
    );
    const alert = await page.evaluate(`document.querySelector("#panel [role=alert]")?.textContent`);
    if (alert) throw new Error(`${side}: ${alert}`);
  }
  return sides;
}

/** Opens what the API gives of a message in a tab of its own, which is there already unless it hangs. */
async function lookAlone(world, url, path) {
  world.tab ??= await world.context.newPage();
  const target = `${url}api/messages/${path}`;
  let isFile = false;
  try {
    await world.tab.goto(target, { timeout: 3_000 });
  } catch (error) {
    // A file to be kept is no page, and a page may take for ever.
    isFile = /Download is starting|ERR_ABORTED/.test(error.message);
    const isLong = /Timeout/.test(error.message);
    if (!isFile && !isLong) throw error;
    if (isLong) {
      const { tab } = world;
      world.tab = undefined;
      await inTime(tab.close(), `the tab of ${path} hangs`);
      return;
    }
  }
  const at = world.tab.url();
  if (!isFile && at !== target) throw new Error(`${path} goes to ${at}`);
}

/** Looks at all; prints what is wrong with each. */
async function lookAtAll(world, page, { url, messages }) {
  const { wrong } = world;
  for (const [place, message] of messages.entries()) {
    const { id, what, parts } = message;
    const begun = performance.now();
    try {
      const sides = await lookAt(page, message, place === 0 ? "Enter" : "j");
      const views = sides[0] === "html" ? ["html", "raw?view=1"] : ["raw?view=1"];
      for (const view of [...views, ...parts.map((part) => `parts/${part}`)]) {
        await lookAlone(world, url, `${id}/${view}`);
      }
    } catch (error) {
      wrong.push(String(error.message));
      // The others are looked at all the same.
      await page.goto(`${url}#m=${id}`);
      await page.reload();
      await until(page, IS_DRAWN);
      await page.locator("#message h2").focus();
    }
    const ms = Math.round(performance.now() - begun);
    console.log(JSON.stringify({ what, ms, wrong: take(world) }));
  }
}

/** Lets messages load their images: images are all that is asked for then. */
async function loadImages(world, { url, messages }) {
  for (const { id, what } of messages.filter(({ hasHtml }) => hasHtml)) {
    const look = lookAlone(world, url, `${id}/html?images=1`);
    await look.catch((error) => world.wrong.push(`${what}: ${error.message}`));
  }
}

async function main() {
  const order = JSON.parse(await text(process.stdin));
  const evil = await startEvil(order.canary);
  const context = await startBrowser(evil.port, process.argv[3]);
  context.setDefaultTimeout(PATIENCE);
  const world = { context, evil, wrong: watch(context, order.canary, new URL(order.url).origin) };
  await control(world);
  const page = context.pages().at(-1);
  await page.goto(order.url);
  await until(page, `document.querySelector(".row") !== null`);
  // What takes keys is loaded behind the list.
  await until(page, order.isLive);
  await page.keyboard.press("j");
  await lookAtAll(world, page, order);
  // What comes late comes within this time.
  await page.waitForTimeout(1_000);
  console.log(JSON.stringify({ what: "what comes late", ms: 0, wrong: take(world) }));
  await loadImages(world, order);
  console.log(JSON.stringify({ what: "with images", ms: 0, wrong: take(world) }));
  await context.close();
  evil.server.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
