/** The inbox in a real browser, with the real server behind it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { type Browser, IS_LIVE, type Page, startBrowser } from "../web/browser.ts";
import { handIn, type InboxServer, startInboxServer } from "./inbox.ts";
import { POSTFIX, startPostfix } from "./postfix.ts";
import { eventually, runProgram, temporaryDirectory } from "./smtpd.ts";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg" +
  "gg==";

/** What the browser says of an HTML message that is kept from what it tries. */
const KEPT_FROM = "Content Security Policy";

function plain(subject: string, text: string): string {
  return `From: Shop <shop@client.test>\r\nTo: joe@postfix.test\r\nSubject: ${subject}\r\n\r\n${text}\r\n`;
}

/** HTML with an image of its own, one from elsewhere, and a link. */
function pageOf(link: string): string {
  return "From: Shop <shop@client.test>\r\nTo: joe@postfix.test\r\nSubject: Your order\r\n" +
    "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n" +
    `Content-Type: text/html\r\n\r\n<h1>Thank you</h1><img id=own src="cid:logo@x">` +
    `<img id=remote src="${link}pixel"><a href="${link}order">See your order</a>\r\n` +
    `--b\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <logo@x>\r\n` +
    `Content-Transfer-Encoding: base64\r\n\r\n${PNG}\r\n--b--\r\n`;
}

/** Another server that messages name, and who waits for what it is asked for. */
function startShop() {
  const asked: string[] = [];
  const waiting = new Map<string, () => void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const { pathname } = new URL(url);
    asked.push(pathname);
    waiting.get(pathname)?.();
    return new Response("Your order");
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    asked,
    until: (path: string) => new Promise<void>((resolve) => waiting.set(path, resolve)),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function fillWith({ smtpd }: InboxServer, ...messages: string[]): Promise<string[]> {
  const encoder = new TextEncoder();
  const contents = messages.map((message) => encoder.encode(message));
  return await handIn(smtpd, contents.map((content) => ({ to: "joe@postfix.test", content })));
}

async function open(page: Page, { url }: InboxServer): Promise<void> {
  await page.goto(url);
  await page.until(IS_LIVE);
}

/** Whether a row of the list, or the subject of a message, has the focus and says something. */
const focusSays = (text: string) =>
  `document.activeElement.matches(".row, h2") &&
    document.activeElement.textContent.includes(${JSON.stringify(text)})`;

const rows = (count: number) => `document.querySelectorAll(".row").length === ${count}`;

async function readByKeyboard(browser: Browser): Promise<void> {
  await using inbox = await startInboxServer();
  await using shop = startShop();
  await browser.withPage({ expects: KEPT_FROM }, async (page) => {
    await open(page, inbox);
    await page.saying("No messages yet").wait();
    await fillWith(
      inbox,
      plain("Your code", "The verification code is 482913."),
      pageOf(shop.url),
      plain("Minutes", "See https://client.test/minutes?x=1."),
    );
    await page.until(rows(3));
    await page.press("j");
    await page.until(focusSays("Minutes"));
    await page.press("/");
    await page.type("subject:order");
    await page.until(rows(1));
    await page.press("Enter");
    await page.until(focusSays("Your order"));
    await page.press("Enter");
    await page.inFrame("iframe", "h1").wait();
    const widthOf = (id: string) => page.inFrame("iframe", `#${id}`).attribute("src");
    assertMatch(await widthOf("own") ?? "", /^\/api\/messages\/\w+\/parts\/0$/);
    assertEquals(shop.asked, []);
    const isAsked = Promise.all([shop.until("/order"), shop.until("/pixel")]);
    await page.role("button", "Load 1 image").click();
    await page.inFrame("iframe", "a").click();
    await isAsked;
    // Keys are for the frame now, so it is left by a click.
    await page.locator("#tab-parts").click();
    await page.saying("logo.png").wait();
    await page.press("Escape", "/");
    await page.locator("#search").fill("482913");
    await page.locator(".row:has-text('Your code')").wait();
    await page.press("Enter");
    await page.until(focusSays("Your code"));
    await page.press("Enter");
    await page.role("button", "Copy the code 482913").click();
    await page.role("button", "Copy the code 482913").click();
    assertEquals(await page.evaluate("navigator.clipboard.readText()"), "482913");
    await page.press("e");
    await page.role("heading", "Delete 1 message?").wait();
    await page.press("Tab", "Enter");
    await page.saying("Nothing fits").wait();
  });
}

async function releaseLive(browser: Browser): Promise<void> {
  using directory = temporaryDirectory();
  await using postfix = await startPostfix(directory.path, "127.0.0.1");
  await using inbox = await startInboxServer();
  await fillWith(inbox, plain("Minutes", "Read them."));
  await browser.withPage({}, async (page) => {
    await open(page, inbox);
    await page.until(rows(1));
    await page.press("j", "Enter");
    await page.until(focusSays("Minutes"));
    await page.press("6");
    await page.saying("1 recipient waits to be released.").wait();
    await page.evaluate("globalThis.isSame = true");
    await page.press("r");
    await page.role("heading", "Release").wait();
    await page.locator("#release-route").fill(`smtp://127.0.0.1:${postfix.port}`);
    await page.press("Enter");
    await page.saying("queued as").nth(0).wait();
    await page.locator(".message-state .state-delivered").wait();
    await page.locator(".row .state-delivered").wait();
    assertMatch(await page.locator(".panel").text(), /Attempt: 127\.0\.0\.1[^]*queued as \w+/);
    assert(await page.evaluate("globalThis.isSame"), "the page was loaded again");
    await browser.checkAccess(page, "the ledger");
  });
}

/** Scrolls some screens in each frame until the end of the list; answers the most rows that were there. */
const SCROLL_TO_END = `new Promise((done) => {
  const scroller = document.getElementById("scroller");
  let most = 0;
  function step() {
    most = Math.max(most, document.querySelectorAll(".row").length);
    const last = document.querySelector(".row:last-child");
    if (last !== null && last.ariaPosInSet === last.ariaSetSize) return done(most);
    scroller.scrollTop += 8 * scroller.clientHeight;
    requestAnimationFrame(step);
  }
  step();
})`;

async function scrollTenThousand(browser: Browser, smtpSource: string): Promise<void> {
  await using inbox = await startInboxServer();
  const [first] = await fillWith(inbox, plain("The first of all", "x"));
  const source = await runProgram(smtpSource, [
    ...["-s", "20", "-m", "9999", "-l", "1024", "-f", "a@client.test", "-t", "joe@postfix.test"],
    `127.0.0.1:${inbox.smtpd.port}`,
  ]);
  assertEquals(source.code, 0, source.text);
  await eventually(async () => {
    const { total } = await (await fetch(`${inbox.url}api/counts`)).json();
    return total === 10_000 || undefined;
  });
  await browser.withPage({}, async (page) => {
    await open(page, inbox);
    const most = await page.evaluate<number>(SCROLL_TO_END);
    assert(most < 60, `${most} rows were in the page`);
    const last = page.locator(`[data-id='${first}']`);
    await last.wait();
    assertEquals(await last.attribute("aria-posinset"), "10000");
    await page.press("/");
    await page.type("subject:first");
    await page.until(rows(1));
    await page.locator(`[data-id='${first}']`).wait();
  });
}

async function readOnPhone(browser: Browser): Promise<void> {
  await using inbox = await startInboxServer();
  await fillWith(
    inbox,
    pageOf("http://shop.test/"),
    plain(`A subject of many words ${"and more ".repeat(40)}`, "x".repeat(900)),
  );
  const phone = { viewport: { width: 375, height: 720 }, hasTouch: true, expects: KEPT_FROM };
  await browser.withPage(phone, async (page) => {
    const fits = "document.documentElement.scrollWidth <= innerWidth";
    await open(page, inbox);
    await page.until(rows(2));
    assert(await page.evaluate(fits), "the list is too wide");
    await browser.checkAccess(page, "the list on a phone");
    for (const place of [0, 1]) {
      await page.locator(".row").nth(place).click();
      await page.locator("#scroller").wait("hidden");
      for (const side of ["Text", "Headers", "Source", "Ledger"]) {
        await page.role("tab", side).click();
        await page.locator(".panel > :not(.waiting)").nth(0).wait();
        assert(await page.evaluate(fits), `${side} is too wide`);
        await browser.checkAccess(page, `${side} on a phone`);
      }
      await page.role("button", "Back to the list").click();
      await page.locator("#message").wait("hidden");
    }
  });
}

async function checkAll(browser: Browser): Promise<void> {
  await using inbox = await startInboxServer();
  await fillWith(inbox, plain("Your code", "The code is 482913."), pageOf("http://shop.test/"));
  await browser.withPage({ expects: KEPT_FROM }, async (page) => {
    await open(page, inbox);
    await page.until(rows(2));
    await browser.checkAccess(page, "the list");
    await page.press("j", "Enter");
    await page.inFrame("iframe", "h1").wait();
    await browser.checkAccess(page, "HTML");
    for (
      const [key, shown] of [["2", ".text-body"], ["3", ".headers"], ["4", ".source"], [
        "5",
        ".parts",
      ]]
    ) {
      await page.press(key);
      await page.locator(shown).wait();
      await browser.checkAccess(page, shown);
    }
    await page.press("r");
    await page.role("heading", "Release").wait();
    await browser.checkAccess(page, "the question about a release");
  });
}

peerTest({
  name: "the inbox in Chromium, with a server behind it",
  needs: ["node", "chromium", "npm:playwright-core", "npm:axe-core", "smtp-source", POSTFIX],
  async fn({ node, chromium, "npm:playwright-core": modules, "smtp-source": smtpSource }, t) {
    await using browser = await startBrowser({ node, chromium, modules });
    const steps: Record<string, () => Promise<void>> = {
      "mail is listed, searched, opened and deleted by the keyboard": () => readByKeyboard(browser),
      "what Postfix answers is in the ledger as it says it": () => releaseLive(browser),
      "ten thousand messages are scrolled to the end": () => scrollTenThousand(browser, smtpSource),
      "on a phone everything fits, and axe has no complaint": () => readOnPhone(browser),
      "axe has no complaint, be it light or dark": () => checkAll(browser),
    };
    for (const [name, step] of Object.entries(steps)) await t.step(name, step);
  },
});
