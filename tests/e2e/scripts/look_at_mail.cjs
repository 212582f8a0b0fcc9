/**
 * Looks at hostile mail in Chromium: EXECUTABLE. Standard input is JSON, `{ url, canary, messages }`, each
 * message with its `id` and what it tries, in the order of the list. Standard output is a line of JSON for
 * each, with what went wrong: a script that ran, a request that left the server, a page that goes elsewhere or
 * no longer answers. The last line is about what came afterwards.
 */
const { createServer } = require("node:net");
const { text } = require("node:stream/consumers");
const { chromium } = require("playwright-core");

/** What a step may take, in milliseconds: longer than one does on a busy machine. */
const PATIENCE = 10_000;

/** The other host: whatever name a browser is told, it is told to connect here. It only listens. */
async function startEvil() {
  const heard = [];
  const server = createServer((socket) => {
    heard.push("a connection");
    socket.on("error", () => {});
    socket.once("data", (data) => {
      heard.push(data.toString("latin1").split("\r\n")[0]);
      // An image of one pixel, so that nothing waits.
      const body = Buffer.from("R0lGODlhAQABAAAAACwAAAAAAQABAAA=", "base64");
      socket.end(
        Buffer.concat([
          Buffer.from(
            `HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Length: ${body.length}\r\n\r\n`,
          ),
          body,
        ]),
      );
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { heard, port: server.address().port, close: () => server.close() };
}

async function startBrowser(port) {
  return await chromium.launch({
    executablePath: process.argv[2],
    // Else the browser is not one that connects to anything beforehand.
    ignoreDefaultArgs: ["--disable-background-networking"],
    args: ["--no-sandbox", `--host-resolver-rules=MAP * 127.0.0.1:${port}, EXCLUDE 127.0.0.1`],
  });
}

/** Notes what pages do that they must not. `allowed` is whether images may come from elsewhere. */
function watch(context, canary, origin) {
  const seen = { wrong: [], allowed: false };
  context.on("dialog", (dialog) => {
    seen.wrong.push(`dialog: ${dialog.message()}`);
    dialog.dismiss().catch(() => {});
  });
  context.on("console", (message) => {
    if (message.text() === canary) seen.wrong.push("a script ran");
  });
  context.on("requestfinished", (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    if (asked === origin || ["data:", "blob:", "about:"].includes(protocol)) return;
    if (seen.allowed && request.resourceType() === "image") return;
    seen.wrong.push(`request: ${request.resourceType()} ${request.url()}`);
  });
  context.on("weberror", (error) => seen.wrong.push(`error: ${error.error().stack}`));
  return seen;
}

/** Fails if the browser would hide what the others are looked at for. */
async function control(browser, evil, canary) {
  const context = await browser.newContext();
  const seen = watch(context, canary, "none");
  const page = await context.newPage();
  await page.setContent(`<script>console.log("${canary}")</script>`);
  await page.setContent(`<link rel=preconnect href="http://evil.test/">`);
  for (let turn = 0; evil.heard.length === 0 || seen.wrong.length === 0; turn++) {
    if (turn === 100) throw new Error(`Cannot see what a page does: ${evil.heard}, ${seen.wrong}`);
    await page.waitForTimeout(50);
  }
  await context.close();
  evil.heard.length = 0;
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
  const late = new Promise((_, fail) =>
    setTimeout(() => fail(new Error(`the page hangs: ${expression}`)), 1.5 * PATIENCE).unref()
  );
  await Promise.race([waiting, late]);
}

const SIDES = ["html", "text", "headers", "source", "parts", "ledger"];

/** Opens the message that is next in the list by the keyboard, and shows each of its sides. */
async function lookAt(page, { id }, isFirst) {
  const title = await page.title();
  await page.keyboard.press(isFirst ? "Enter" : "j");
  await until(page, `location.hash.includes(${JSON.stringify(id)})`);
  await until(page, `document.getElementById("message").ariaBusy === "false"`);
  const sides = await page.evaluate(
    `[...document.querySelectorAll("[role=tab]")].map(({ id }) => id.slice(4))`,
  );
  if (sides.length < 5) throw new Error(`it shows ${await page.locator("#message").innerText()}`);
  if (sides[0] === "html") {
    const frame = page.frames().find((frame) => frame.url().endsWith("/html"));
    if (frame === undefined) throw new Error("there is no frame");
    // What goes on and on does so elsewhere: the page is not to wait for it.
    await frame.waitForLoadState("load", { timeout: 1_000 }).catch(() => {});
  }
  for (const side of sides.slice(sides[0] === "html" ? 1 : 0)) {
    await page.keyboard.press(String(SIDES.indexOf(side) + 1));
    await until(
      page,
      `document.getElementById("panel").dataset.tab === "${side}" &&
      document.getElementById("panel").childElementCount > 0 &&
      !document.querySelector("#panel .waiting:not(:has(~ *))")?.textContent.startsWith("Loading")`,
    );
    const problem = await page.evaluate(
      `document.querySelector("#panel [role=alert]")?.textContent`,
    );
    if (problem) throw new Error(`${side}: ${problem}`);
  }
  return { title, sides };
}

/** Opens what the API gives of a message in a tab of its own. */
async function lookAlone(context, url, path) {
  const page = await context.newPage();
  try {
    const target = `${url}api/messages/${path}`;
    await page.goto(target, { timeout: PATIENCE }).catch((error) => {
      // A file to be kept is no page; and a page may load for ever.
      if (!/Download is starting|ERR_ABORTED|Timeout/.test(error.message)) throw error;
    });
    const at = page.url();
    if (at !== target && at !== "about:blank") throw new Error(`${path} goes to ${at}`);
  } finally {
    await page.close();
  }
}

async function main() {
  const { url, canary, messages } = JSON.parse(await text(process.stdin));
  const evil = await startEvil();
  const browser = await startBrowser(evil.port);
  await control(browser, evil, canary);
  const context = await browser.newContext({ reducedMotion: "reduce" });
  context.setDefaultTimeout(PATIENCE);
  const seen = watch(context, canary, new URL(url).origin);
  const page = await context.newPage();
  await page.goto(url);
  await page.keyboard.press("Home");
  await until(page, `document.querySelector(".row") !== null`);
  await page.keyboard.press("j");
  const take =
    () => [...seen.wrong.splice(0), ...evil.heard.splice(0).map((what) => `evil host: ${what}`)];
  for (const [place, message] of messages.entries()) {
    const { id, what, parts } = message;
    const begun = performance.now();
    try {
      const { sides } = await lookAt(page, message, place === 0);
      const views = [
        ...sides.includes("html") ? ["html"] : [],
        "raw?view=1",
        ...parts.map((part) => `parts/${part}`),
      ];
      for (const view of views) await lookAlone(context, url, `${id}/${view}`);
    } catch (error) {
      seen.wrong.push(String(error.message));
    }
    const ms = Math.round(performance.now() - begun);
    console.log(JSON.stringify({ what, ms, wrong: take() }));
  }
  // What comes late comes within this time.
  await page.waitForTimeout(1_000);
  const late = take();
  seen.allowed = true;
  for (const { id, hasHtml } of messages) {
    if (hasHtml) {
      await lookAlone(context, url, `${id}/html?images=1`).catch((error) =>
        seen.wrong.push(error.message)
      );
    }
  }
  const images = evil.heard.length;
  console.log(
    JSON.stringify({ what: "afterwards", ms: 0, wrong: [...late, ...seen.wrong], images }),
  );
  await browser.close();
  evil.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
