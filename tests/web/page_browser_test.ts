import { assert, assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { type Browser, IS_LIVE, type Page, startBrowser } from "./browser.ts";
import { type PageApi, startPageApi } from "./page_api.ts";
import { makeSample, makeSamples } from "./page_samples.ts";

/** What Chromium says of an HTML message that is kept from what it tries. */
const KEPT_FROM = "Blocked script execution|violates the following Content Security Policy";

const peers = ["node", "chromium", "npm:playwright-core", "npm:axe-core"] as const;

/** What stands in the focus. */
const FOCUSED = "document.activeElement.textContent";

const rows = (count: number) => `document.querySelectorAll(".row").length === ${count}`;

/** Whether an expression has the focus. */
const isFocused = (selector: string) =>
  `document.activeElement.matches(${JSON.stringify(selector)})`;

async function open(page: Page, api: PageApi, place = ""): Promise<void> {
  await page.goto(`${api.origin}/${place}`);
  await page.locator(".row").nth(0).wait();
  await page.until(IS_LIVE);
}

/** The id of a sample by its number. */
const idOf = (number: number) => makeSample(number, 0).message.id;

async function findAndOpen(browser: Browser): Promise<void> {
  await using api = startPageApi();
  await browser.withPage({ expects: KEPT_FROM }, async (page) => {
    await open(page, api);
    await page.until(rows(8));
    assertEquals(await page.evaluate("document.title"), "(3) smtpd inbox");
    const search = page.role("searchbox", "Search messages");

    await search.fill("from:bob@example.org has:attachment figures");
    await page.until(rows(1));
    await search.fill("foo:bar");
    await page.saying("“foo:” is not known").wait();
    await page.until(rows(1));
    await search.fill("is:queued nowhere");
    await page.saying("Nothing fits").wait();
    await page.role("button", "Show all messages").click();
    await page.until(rows(8));

    await page.locator(".state-choice").nth(4).click();
    await page.until(rows(1));
    await page.locator(".row").nth(0).click();
    await page.role("heading", "Reset your password").wait();
    assertMatch(await page.evaluate("location.hash"), /^#q=is%3Afailed&m=0+5$/);
    await page.until(`document.title === "(2) smtpd inbox"`);

    await page.reload();
    await page.role("heading", "Reset your password").wait();
    await page.until(rows(1));
    await page.back();
    await page.saying("Choose a message").wait();
    await page.until(rows(1));
    await page.back();
    await page.until(rows(8));
  });
}

async function showSides(browser: Browser): Promise<void> {
  await using api = startPageApi();
  await browser.withPage({ expects: KEPT_FROM }, async (page) => {
    await open(page, api);
    await page.locator(".row").nth(0).click();
    await page.inFrame("iframe", "h1").wait();
    assertEquals(
      await page.locator("iframe").attribute("sandbox"),
      "allow-popups allow-popups-to-escape-sandbox",
    );
    assertEquals(api.remoteAsked, []);
    await page.role("button", "Load 2 images").click();
    await Promise.all([api.remote("/pixel.png"), api.remote("/back.png")]);

    await page.role("button", "Copy the code 482913").click();
    await page.saying("Copied").wait();
    assertEquals(await page.evaluate("navigator.clipboard.readText()"), "482913");

    await page.role("tab", "Text").click();
    const link = page.locator(".text-body a");
    assertEquals(await link.attribute("href"), "https://shop.example.com/confirm?t=8f14e45f");
    assertEquals(await link.attribute("rel"), "noopener noreferrer");
    await page.role("tab", "Source").click();
    await page.saying("From: shop@example.com").wait();

    await page.locator(".row").nth(1).click();
    await page.role("tab", "Text").click();
    assertMatch(await page.locator(".text-body").text(), /<b>Not bold<\/b>, javascript:alert\(1\)/);
    assertEquals(await page.locator(".text-body *").count(), 0);
    await page.locator("#tab-parts").click();
    await page.locator(".parts").wait();
    assertMatch(await page.locator(".parts tbody").text(), /invoiceU\+202Efdp\.exe/);
    await page.role("tab", "Headers").click();
    assertMatch(await page.locator(".headers").text(), /Subject\s+Quarterly figures/);
    await page.role("tab", "Ledger").click();
    assertMatch(
      await page.locator(".panel").text(),
      /127\.0\.0\.1, which called itself shop\.example\.com/,
    );

    // A click opens a page of its own, which comes to the front: this one is slow from then on.
    await page.locator(".row").nth(0).click();
    await page.press("1");
    await page.inFrame("iframe", "a").click();
    await api.remote("/link");
    assert(!api.remoteAsked.includes("/script"));
    assertMatch(await page.evaluate("document.title"), /smtpd inbox$/);
  });
}

async function useKeyboard(browser: Browser): Promise<void> {
  await using api = startPageApi();
  await browser.withPage({ expects: `${KEPT_FROM}|status of 400` }, async (page) => {
    await open(page, api);
    await page.press("j");
    await page.until(`${FOCUSED}.includes("Confirm your address")`);
    await page.press("ArrowDown", "k", "j");
    await page.until(`${FOCUSED}.includes("Quarterly figures")`);
    await page.press("Enter");
    await page.until(isFocused("h2"));
    await page.press("5");
    await page.locator(".parts").wait();
    await page.press("j");
    await page.role("heading", "Your order is on its way").wait();
    await page.until(isFocused("h2"));
    await page.press("6");
    await page.saying("Attempt: mx1.example.org").wait();
    await page.press("Escape");
    await page.until(`${FOCUSED}.includes("Your order is on its way")`);
    await page.saying("Choose a message").wait();

    await page.press("/");
    await page.type("address");
    await page.until(rows(1));
    await page.press("Enter");
    await page.until(`${FOCUSED}.includes("Confirm your address")`);
    await page.press("/", "Backspace", "Enter");
    await page.until(rows(8));

    // A dialog gives the focus back, whether something was done or not.
    await page.press("Home", "r");
    await page.role("heading", "Release").wait();
    assertMatch(await page.locator(".dialog-warning").text(), /real delivery[^]*ann@example\.net/);
    await page.press("Escape");
    await page.locator("dialog").wait("hidden");
    await page.until(`${FOCUSED}.includes("Confirm your address")`);
    await page.press("r");
    await page.role("heading", "Release").wait();
    await page.press("ArrowDown", "Tab");
    await page.type("x@example.com y@example.com");
    assertMatch(await page.locator(".dialog-warning").text(), /x@example\.com\s+y@example\.com/);
    await page.press("Tab");
    await page.type("smtp://127.0.0.1:2525");
    api.refusal = { status: 400, message: "Cannot read the route: it has no host" };
    await page.press("Enter");
    await page.saying("Cannot read the route: it has no host").wait();
    await page.press("Enter");
    await page.saying("Released to 2 recipients").wait();
    await page.until(`${FOCUSED}.includes("Confirm your address")`);
    const body = { to: ["x@example.com", "y@example.com"], route: "smtp://127.0.0.1:2525" };
    const release = { method: "POST", path: `/api/messages/${idOf(9)}/release`, body };
    assertEquals(api.deeds.slice(-2), [release, release]);

    await page.press("u");
    await page.until(`!document.activeElement.matches(".unseen")`);
    await page.press("x", "j", "x");
    assertEquals(await page.locator("[aria-selected=true].row").count(), 2);
    await page.press("e");
    await page.role("heading", "Delete 2 messages?").wait();
    await page.press("Tab", "Enter");
    await page.until(rows(6));
    await page.until(`${FOCUSED}.includes("Your order is on its way")`);
    assertEquals(api.deeds.at(-1), {
      method: "DELETE",
      path: "/api/messages",
      body: { ids: [idOf(9), idOf(8)] },
    });

    await page.press("?");
    await page.role("heading", "Keyboard").wait();
    await page.press("Enter");
    await page.locator("dialog").wait("hidden");
    await page.press("#");
    await page.role("heading", "Delete 1 message?").wait();
    await page.press("Escape");
    await page.locator("dialog").wait("hidden");
    // The dialog gives the focus back to the row that had it.
    await page.until(`document.activeElement.closest(".row") !== null`);
    await page.press("End");
    await page.until(`${FOCUSED}.includes("(no subject)")`);
  });
}

async function followLive(browser: Browser): Promise<void> {
  await using api = startPageApi((host) => [
    ...makeSamples(host),
    ...Array.from(
      { length: 60 },
      (_, place) => makeSample(1000 - place, 600 + place, { seen: true }),
    ),
  ]);
  await browser.withPage({ expects: `${KEPT_FROM}|status of 40[14]` }, async (page) => {
    await open(page, api);
    api.arrive(makeSample(2001, 0, { subject: "Just come" }));
    await page.locator(".row").nth(0).locator(":scope:has-text('Just come')").wait();
    await page.until(`document.title === "(4) smtpd inbox"`);

    // What one reads stays where it is.
    await page.evaluate(`document.getElementById("scroller").scrollTop = 1600`);
    await page.until(`document.querySelector("[data-id='${idOf(989)}']") !== null`);
    const placeOf = `document.querySelector("[data-id='${
      idOf(989)
    }']").getBoundingClientRect().top`;
    const before = await page.evaluate<number>(placeOf);
    for (const number of [2002, 2003, 2004]) api.arrive(makeSample(number, 0));
    await page.role("button", "3 new messages ↑").wait();
    assertEquals(await page.evaluate<number>(placeOf), before);
    await page.role("button", "3 new messages ↑").click();
    await page.until(`${FOCUSED}.includes("Message 2004")`);
    await page.locator("#new-note").wait("hidden");

    // The ledger shows what the next hop says as it says it.
    await page.press("Enter", "6");
    await page.saying("1 recipient waits to be released.").wait();
    const reply = { code: 250, enhanced: "2.0.0", lines: ["OK: queued as 77"] } as const;
    api.change(idOf(2004), (sample) => {
      const [recipient] = sample.ledger.recipients;
      const recipients = [{
        ...recipient,
        state: "delivered",
        attempts: 1,
        lastReply: reply,
      }] as const;
      sample.message = { ...sample.message, state: "delivered", envelope: recipients };
      const time = new Date().toISOString();
      const outcomes = [{ to: recipient.to, state: "delivered", reply }] as const;
      const attempts = [{ begun: time, ended: time, host: "mx.example.net", outcomes }];
      sample.ledger = { ...sample.ledger, recipients, attempts };
    });
    await page.saying("Attempt: mx.example.net").wait();
    await page.locator(`[data-id='${idOf(2004)}'] .state-delivered`).wait();
    await page.locator(".message-state .state-delivered").wait();
    api.lose(idOf(2004));
    await page.saying("This message has been deleted.").wait();

    // What happens while nobody listens is known afterwards, and a search finds what arrives.
    api.isClosed = true;
    api.cutEvents();
    await page.saying("reload the page to log in").wait();
    await page.saying("Connection lost").wait();
    api.arrive(makeSample(2005, 0, { subject: "Meanwhile" }));
    api.isClosed = false;
    await page.until(IS_LIVE);
    await page.locator(`[data-id='${idOf(2005)}']`).wait();
    await page.press("/");
    await page.type("subject:needle");
    await page.saying("Nothing fits").wait();
    api.arrive(makeSample(2006, 0, { subject: "hay" }));
    api.arrive(makeSample(2007, 0, { subject: "A needle" }));
    await page.locator(`[data-id='${idOf(2007)}']`).wait();
    assertEquals(await page.locator(".row").count(), 1);
  });
}

async function sayWhatIsWrong(browser: Browser): Promise<void> {
  await using api = startPageApi();
  await browser.withPage({ expects: "status of 40[49]" }, async (page) => {
    await open(page, api, `#m=${idOf(7)}&t=ledger`);
    await page.role("heading", "Your order is on its way").wait();
    api.refusal = { status: 409, message: "Cannot hold it: it is being delivered" };
    await page.role("button", "Hold").nth(0).click();
    await page.saying("Cannot hold 1 message: Cannot hold it: it is being delivered").wait();
    await page.role("button", "Bounce").nth(0).click();
    api.refusal = { status: 409, message: "Cannot bounce it: it is delivered" };
    await page.locator("dialog .danger").click();
    await page.saying("Cannot bounce it: it is delivered").wait();
    await page.press("Escape");
    await page.goto(`${api.origin}/#m=nobody`);
    await page.reload();
    await page.saying("Cannot open the message: Cannot find it.").wait();
  });
  api.missing = "app.js";
  await browser.withPage({ expects: "status of 404" }, async (page) => {
    await page.goto(api.origin);
    await page.locator(".row").nth(0).wait();
    await page.saying("Not all is loaded: load the page again").wait();
  });
}

async function showOnPhone(browser: Browser): Promise<void> {
  await using api = startPageApi();
  const viewport = { width: 375, height: 720 };
  await browser.withPage({ viewport, hasTouch: true, expects: KEPT_FROM }, async (page) => {
    const fits = "document.documentElement.scrollWidth <= innerWidth";
    await open(page, api);
    assert(await page.evaluate(fits));
    await page.locator("#message").wait("hidden");
    await page.locator(".row").nth(0).click();
    await page.inFrame("iframe", "h1").wait();
    await page.locator("#scroller").wait("hidden");
    for (const side of ["Text", "Headers", "Source", "Parts", "Ledger"]) {
      await page.role("tab", side).click();
      assert(await page.evaluate(fits), side);
    }
    await browser.checkAccess(page, "the ledger on a phone");
    await page.role("button", "Back to the list").click();
    await page.locator("#message").wait("hidden");
    await page.locator(".row").nth(2).click();
    await page.role("heading", "Your order is on its way").wait();
    await page.back();
    await page.locator("#message").wait("hidden");
    await browser.checkAccess(page, "the list on a phone");
  });
}

/** Scrolls some screens in each frame until the end of the list; answers the most rows that were there. */
const SCROLL_TO_END = `new Promise((done) => {
  const scroller = document.getElementById("scroller");
  let most = 0;
  function step() {
    most = Math.max(most, document.querySelectorAll(".row").length);
    const last = document.querySelector(".row:last-child");
    if (last.ariaPosInSet === last.ariaSetSize) return done(most);
    scroller.scrollTop += 8 * scroller.clientHeight;
    requestAnimationFrame(step);
  }
  step();
})`;

async function scrollTenThousand(browser: Browser): Promise<void> {
  await using api = startPageApi(() =>
    Array.from({ length: 10_000 }, (_, place) => makeSample(10_000 - place, place, { seen: true }))
  );
  await browser.withPage({}, async (page) => {
    await open(page, api);
    const most = await page.evaluate<number>(SCROLL_TO_END);
    assert(most < 60, `${most} rows were in the page`);
    assertEquals(await page.locator(".row").nth(0).attribute("aria-posinset"), "1");
    await page.locator(`[data-id='${idOf(1)}']`).wait();
    // One page of 50, the others of 200.
    assertEquals(api.pages, 51);
    await page.press("j", "End");
    await page.until(`document.activeElement.dataset.id === "${idOf(1)}"`);
    await page.press("Home");
    await page.until(`document.activeElement.dataset.id === "${idOf(10_000)}"`);
    assert(await page.locator(".row").count() < 60);
  });
}

async function checkAll(browser: Browser): Promise<void> {
  await using api = startPageApi();
  await browser.withPage({ expects: KEPT_FROM }, async (page) => {
    const check = (what: string) => browser.checkAccess(page, what);
    await open(page, api);
    await check("the list");
    await page.press("/");
    await page.type("foo:bar");
    await page.saying("“foo:” is not known").wait();
    await check("the search box");
    await page.locator("#search").fill("");
    await page.press("Escape");
    await page.locator(".row").nth(0).click();
    await page.inFrame("iframe", "h1").wait();
    await check("html");
    await page.locator(".row").nth(1).click();
    await page.role("heading", "Quarterly figures").wait();
    for (
      const [key, shown] of [["2", ".text-body"], ["3", ".headers"], ["4", ".source"], [
        "5",
        ".parts",
      ]]
    ) {
      await page.press(key);
      await page.locator(shown).wait();
      await check(shown);
    }
    await page.press("6");
    for (
      const [place, name] of [[2, "Your order is on its way"], [4, "Reset your password"]] as const
    ) {
      await page.locator(".row").nth(place).click();
      await page.role("heading", name).wait();
      await page.locator(".line").wait();
      await check(`the ledger of ${name}`);
    }
    await page.press("r");
    await page.locator("dialog").wait();
    await check("the question about a release");
    await page.press("Escape", "?");
    await page.role("heading", "Keyboard").wait();
    await check("the help");
    await page.press("Escape", "Home", "x", "j", "x");
    await check("the selection");
    for (
      const [action, name] of [
        ["Release", "Release 2 messages?"],
        ["Bounce", "Bounce 2 messages?"],
        ["Delete", "Delete 2 messages?"],
      ]
    ) {
      await page.locator("#selection").locator(`[aria-label="${action}"]`).click();
      await page.role("heading", name).wait();
      await check(name);
      await page.press("Escape");
    }
    await page.locator("#selection").locator(`[aria-label="Hold"]`).click();
    await page.saying("2 messages on hold").wait();
    await check("a notice");
  });
}

async function switchColours(browser: Browser): Promise<void> {
  await using api = startPageApi();
  await browser.withPage({ colorScheme: "dark" }, async (page) => {
    const back = "getComputedStyle(document.body).backgroundColor";
    await open(page, api);
    const dark = await page.evaluate(back);
    await page.role("button", "Colours: as the system").click();
    const light = await page.evaluate(back);
    assert(light !== dark);
    await page.reload();
    await page.role("button", "Colours: light").wait();
    assertEquals(await page.evaluate(back), light);
    await page.role("button", "Colours: light").click();
    assertEquals(await page.evaluate(back), dark);
  });
}

const steps: [name: string, test: (browser: Browser) => Promise<void>][] = [
  ["messages are found and opened, and a reload and back lead there again", findAndOpen],
  ["each side of a message shows what it says, and HTML can do nothing", showSides],
  ["all can be done by the keyboard alone", useKeyboard],
  ["what happens is shown as it happens, and moves nothing that one reads", followLive],
  ["what goes wrong is said in words", sayWhatIsWrong],
  ["on a phone there is the list or the message, and a way back", showOnPhone],
  ["ten thousand messages are scrolled to the end with few of them in the page", scrollTenThousand],
  ["axe finds nothing to complain of, be it light or dark", checkAll],
  ["the colours are those of the system until others are chosen", switchColours],
];

peerTest({
  name: "the page of the inbox in Chromium",
  needs: peers,
  async fn({ node, chromium, "npm:playwright-core": modules }, t) {
    await using browser = await startBrowser({ node, chromium, modules });
    for (const [name, test] of steps) await t.step(name, () => test(browser));
  },
});
