/**
 * A page in headless Chromium. It is driven by playwright-core, which runs in Node: in Deno it asks for more
 * rights than the tests have. A page that logs an error, or asks any other machine for anything, fails its
 * test.
 *
 * @module
 */
import { assertEquals } from "@std/assert";

/** How a page is opened. */
export interface PageOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: "light" | "dark";
  readonly hasTouch?: boolean;
  /** How many pixels of a picture there are to one of CSS. */
  readonly deviceScaleFactor?: number;
  /** What the console may say, as a regular expression. */
  readonly expects?: string;
}

/** Whether the page of the inbox is told what happens; by then all of it is at work. */
export const IS_LIVE = `document.getElementById("connection").textContent === "Live"`;

/** How long something is waited for, in milliseconds: longer than it takes on a busy machine. */
const PATIENCE = 30_000;

/** A method with its arguments. */
type Call = readonly [name: string, ...args: unknown[]];

/** Elements of a page, as playwright finds them: what is done waits until they are there. */
export class Locator {
  readonly #call: (calls: readonly Call[]) => Promise<unknown>;
  readonly #path: readonly Call[];

  /** Finds by what `path` calls. */
  constructor(call: (calls: readonly Call[]) => Promise<unknown>, path: readonly Call[]) {
    this.#call = call;
    this.#path = path;
  }

  /** The elements within that fit a selector. */
  locator(selector: string): Locator {
    return new Locator(this.#call, [...this.#path, ["locator", selector]]);
  }

  /** The one at a place. */
  nth(place: number): Locator {
    return new Locator(this.#call, [...this.#path, ["nth", place]]);
  }

  /** Clicks it. */
  async click(): Promise<void> {
    await this.#do("click");
  }

  /** Writes into it in place of what it has. */
  async fill(text: string): Promise<void> {
    await this.#do("fill", text);
  }

  /** Gives it the focus. */
  async focus(): Promise<void> {
    await this.#do("focus");
  }

  /** Waits until it is there to be seen, or whatever else is said. */
  async wait(state: "visible" | "hidden" = "visible"): Promise<void> {
    await this.#do("waitFor", { state });
  }

  /** How many there are. */
  async count(): Promise<number> {
    return await this.#do("count") as number;
  }

  /** Its text, as it is seen. */
  async text(): Promise<string> {
    return await this.#do("innerText") as string;
  }

  /** One of its attributes. */
  async attribute(name: string): Promise<string | null> {
    return await this.#do("getAttribute", name) as string | null;
  }

  #do(...call: Call): Promise<unknown> {
    return this.#call([...this.#path, call]);
  }
}

/** A page. */
export class Page {
  readonly #call: (calls: readonly Call[]) => Promise<unknown>;

  /** A page whose methods `call` calls. */
  constructor(call: (calls: readonly Call[]) => Promise<unknown>) {
    this.#call = call;
  }

  /** The elements that fit a selector. */
  locator(selector: string): Locator {
    return new Locator(this.#call, [["locator", selector]]);
  }

  /** The elements within a frame. */
  inFrame(frame: string, selector: string): Locator {
    return new Locator(this.#call, [["frameLocator", frame], ["locator", selector]]);
  }

  /** The elements with a role and a name. */
  role(role: string, name: string): Locator {
    return new Locator(this.#call, [["getByRole", role, { name, exact: true }]]);
  }

  /** The elements that say something. */
  saying(text: string): Locator {
    return new Locator(this.#call, [["getByText", text]]);
  }

  /** Goes to an address. */
  async goto(url: string): Promise<void> {
    await this.#call([["goto", url]]);
  }

  /** Loads the page again. */
  async reload(): Promise<void> {
    await this.#call([["reload"]]);
  }

  /** Goes back to the place before. */
  async back(): Promise<void> {
    await this.#call([["goBack"]]);
  }

  /** Presses keys, one after the other. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.#call([["keyboard.press", key]]);
  }

  /** Writes where the focus is. */
  async type(text: string): Promise<void> {
    await this.#call([["keyboard.type", text]]);
  }

  /** What the system wants colours to be. */
  async colours(colorScheme: "light" | "dark"): Promise<void> {
    await this.#call([["emulateMedia", { colorScheme }]]);
  }

  /** What an expression comes to in the page. */
  async evaluate<Value>(expression: string): Promise<Value> {
    return await this.#call([["evaluate", expression]]) as Value;
  }

  /**
   * Waits until an expression is true in the page, where it is looked at before each frame.
   *
   * @returns when it was, in milliseconds since one went to the page
   */
  async until(expression: string): Promise<number> {
    // What waits inside of playwright evaluates text, which the policy of the page forbids.
    return await this.evaluate<number>(`new Promise((done, fail) => {
      const end = performance.now() + ${PATIENCE};
      function look() {
        if (${expression}) done(performance.now());
        else if (performance.now() > end) fail(new Error(${JSON.stringify(expression)}));
        else requestAnimationFrame(look);
      }
      look();
    })`);
  }

  /** Saves what is seen. */
  async picture(path: string): Promise<void> {
    await this.#call([["screenshot", { path }]]);
  }
}

/** A browser. */
export interface Browser extends AsyncDisposable {
  /** Lets a test have a page of its own, and looks at the end whether it kept to the rules. */
  withPage(options: PageOptions, test: (page: Page) => Promise<void>): Promise<void>;
  /** Fails if axe finds anything to complain of in what a light page shows, or in its dark colours. */
  checkAccess(page: Page, what: string): Promise<void>;
}

/** What axe complains of, each with the element that it is about. */
function complaints(options: Readonly<Record<string, unknown>>): string {
  return `axe.run(document, ${JSON.stringify({ ...options, iframes: false })}).then(
    ({ violations }) => violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => [id, html.slice(0, 200), failureSummary].join(" "))))`;
}

/**
 * Starts Chromium.
 *
 * @param peers the paths of Node, of Chromium, and of the folder with playwright-core and axe-core
 */
export async function startBrowser(
  peers: { readonly node: string; readonly chromium: string; readonly modules: string },
): Promise<Browser> {
  const script = new URL("scripts/browser.cjs", import.meta.url).pathname;
  const child = new Deno.Command(peers.node, {
    args: [script, peers.chromium],
    env: { NODE_PATH: peers.modules },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const orders = child.stdin.getWriter();
  const answers = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const encoder = new TextEncoder();

  async function nextLine(): Promise<string> {
    let line = "";
    // One order is answered before the next is given, so nothing comes behind the end of the line.
    while (!line.endsWith("\n")) {
      const { value } = await answers.read();
      if (value === undefined) throw new Error("Cannot drive the browser: its driver has ended");
      line += value;
    }
    return line.trimEnd();
  }

  async function order(what: Readonly<Record<string, unknown>>): Promise<unknown> {
    await orders.write(encoder.encode(`${JSON.stringify(what)}\n`));
    const { value, error } = JSON.parse(await nextLine());
    if (error !== undefined) throw new Error(error);
    return value;
  }

  assertEquals(await nextLine(), "ready");
  const axe = await Deno.readTextFile(`${peers.modules}/axe-core/axe.min.js`);
  return {
    async withPage(options, test) {
      const number = await order({ order: "open", options });
      let wrong: unknown;
      try {
        await test(new Page((calls) => order({ order: "calls", number, calls })));
      } finally {
        wrong = await order({ order: "close", number });
      }
      assertEquals(wrong, []);
    },
    async checkAccess(page, what) {
      if (await page.evaluate("!globalThis.axe")) await page.evaluate(axe);
      assertEquals(await page.evaluate(complaints({})), [], what);
      // What is dark differs by its colours alone.
      await page.colours("dark");
      const contrast = { runOnly: ["color-contrast"] };
      assertEquals(await page.evaluate(complaints(contrast)), [], `${what}, dark`);
      await page.colours("light");
    },
    async [Symbol.asyncDispose]() {
      await orders.close();
      await answers.cancel();
      await child.status;
    },
  };
}
