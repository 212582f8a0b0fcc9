/**
 * Takes the pictures that README.md shows: of `smtpd demo`, after one of its messages was released to a server
 * that takes it. It takes Chromium, and fonts for all that the demo is written in (in Debian
 * `fonts-wqy-microhei` and `fonts-noto-color-emoji` beside `fonts-dejavu-core`).
 *
 * @module
 */
import { BackgroundProcess, findPeer } from "../peers.ts";
import { type Browser, IS_LIVE, type Page, startBrowser } from "../web/browser.ts";
import { program, startSmtpd } from "./smtpd.ts";

const folder = new URL("../../.ci/screenshots/", import.meta.url).pathname;

const RELEASED = "Your order is on its way";

/** The browser says of a message's HTML that it is kept from what it tries, which is no matter here. */
const COMMON = { deviceScaleFactor: 2, expects: "." };

function peer(name: string): string {
  const path = findPeer(name);
  if (path === undefined) throw new Error(`Cannot take pictures: ${name} is not installed`);
  return path;
}

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.until(`document.querySelectorAll(".row").length >= 5`);
  await page.until(IS_LIVE);
}

function row(page: Page, subject: string) {
  return page.locator(`.row:has-text(${JSON.stringify(subject)})`);
}

async function showHtml(page: Page): Promise<void> {
  await row(page, RELEASED).click();
  await page.role("tab", "HTML").click();
  await page.inFrame("iframe", "body").wait();
  await page.until(`document.querySelector(".row.unseen.open") === null`);
}

async function takeList(browser: Browser, url: string): Promise<void> {
  const options = {
    ...COMMON,
    viewport: { width: 1280, height: 760 },
    colorScheme: "light",
  } as const;
  await browser.withPage(options, async (page) => {
    await open(page, url);
    await showHtml(page);
    await page.picture(`${folder}message.png`);
  });
}

/** Releases the message to a server, and shows what became of it. */
async function takeLedger(browser: Browser, url: string, route: string): Promise<void> {
  const options = {
    ...COMMON,
    viewport: { width: 1280, height: 760 },
    colorScheme: "dark",
  } as const;
  await browser.withPage(options, async (page) => {
    await open(page, url);
    await row(page, RELEASED).click();
    await page.role("heading", RELEASED).wait();
    await page.press("r");
    await page.locator("#release-route").fill(route);
    await page.press("Enter");
    await page.role("tab", "Ledger").click();
    await page.saying("Queued as").nth(0).wait();
    await page.locator(".notice").wait("hidden");
    await page.picture(`${folder}ledger.png`);
  });
}

async function takePhone(browser: Browser, url: string): Promise<void> {
  const options = {
    ...COMMON,
    viewport: { width: 390, height: 720 },
    colorScheme: "light",
    hasTouch: true,
  } as const;
  await browser.withPage(options, async (page) => {
    await open(page, url);
    await row(page, "Your sign-in code").click();
    await page.role("button", "Copy the code 482913").wait();
    await page.picture(`${folder}phone.png`);
  });
}

if (import.meta.main) {
  const [node, chromium, modules] = ["node", "chromium", "npm:playwright-core"].map(peer);
  peer("npm:axe-core");
  await Deno.mkdir(folder, { recursive: true });
  await using receiver = await startSmtpd("--route", "hold");
  const [file, ...args] = [...program, "demo", "--port", "0", "--ui", "0"];
  await using demo = new BackgroundProcess(file, args);
  const [, url] = await demo.line(/in the inbox: (\S+)/, 30_000);
  await using browser = await startBrowser({ node, chromium, modules });
  await takeList(browser, url);
  await takeLedger(browser, url, `smtp://127.0.0.1:${receiver.port}`);
  await takePhone(browser, url);
}
