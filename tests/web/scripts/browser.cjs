/**
 * Drives Chromium by playwright-core as it is told: EXECUTABLE. A line of JSON on standard input is one
 * order, and a line on standard output answers it. `open` makes a page, `calls` calls methods of it one
 * after the other, each of what the one before has answered, and `close` tells what went wrong on it.
 */
const { createInterface } = require("node:readline");
const { chromium } = require("playwright-core");

/** What a wait may take, in milliseconds: longer than any is on a busy machine. */
const PATIENCE = 30_000;

const pages = new Map();

function isLocal(url) {
  const { protocol, hostname } = new URL(url);
  return ["data:", "blob:", "about:"].includes(protocol) || hostname === "127.0.0.1";
}

async function open(browser, { expects, ...options }) {
  const context = await browser.newContext({
    permissions: ["clipboard-read", "clipboard-write"],
    // Else colours that are looked at may be on their way to others.
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  const wrong = [];
  const isExpected = (text) => expects !== undefined && new RegExp(expects).test(text);
  context.on("console", (message) => {
    if (!["error", "warning"].includes(message.type()) || isExpected(message.text())) return;
    wrong.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => wrong.push(`error: ${error.error().stack}`));
  const remote = new Set();
  context.on("request", (request) => {
    if (!isLocal(request.url())) remote.add(request);
  });
  // What the policy of a page forbids is told of as a request, and never was one.
  context.on("requestfailed", (request) => {
    if (request.failure().errorText === "csp") remote.delete(request);
  });
  const number = pages.size;
  pages.set(number, { context, page: await context.newPage(), wrong, remote });
  return number;
}

async function call(page, calls) {
  let target = page;
  for (const [path, ...args] of calls) {
    const names = path.split(".");
    const method = names.pop();
    const owner = names.reduce((owner, name) => owner[name], target);
    target = await owner[method](...args);
  }
  return target;
}

async function obey(browser, { order, number, options, calls }) {
  if (order === "open") return await open(browser, options);
  const { context, page, wrong, remote } = pages.get(number);
  if (order === "calls") return await call(page, calls);
  await context.close();
  return [...wrong, ...[...remote].map((request) => `request: ${request.url()}`)];
}

async function main() {
  // Chromium refuses to put root into its sandbox.
  const browser = await chromium.launch({
    executablePath: process.argv[2],
    args: ["--no-sandbox"],
  });
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    let answer;
    try {
      // What is answered may be a thing of the browser, which is of no use on the other side.
      const value = await obey(browser, JSON.parse(line));
      const isPlain = value === null || typeof value !== "object" || Array.isArray(value);
      answer = { value: isPlain ? value : undefined };
    } catch (error) {
      answer = { error: String(error.message) };
    }
    console.log(JSON.stringify(answer));
  }
  await browser.close();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
