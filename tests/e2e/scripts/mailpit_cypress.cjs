/**
 * Calls commands of cypress-mailpit one after the other: URL, with a list of `[command, ...arguments]` on
 * standard input; a command that works on a message is given it as its first argument, as Cypress does.
 * Answers a list of `{ value }` or `{ error }`.
 *
 * In the place of Cypress stands as much of it as these commands use, with promises for its chains.
 */
const { readFileSync } = require("node:fs");
const { register } = require("node:module");
const { pathToFileURL } = require("node:url");

/** Cypress bundles the package. For Node it has neither the type of a module nor the suffix of its import. */
const AS_BUNDLED = `
export const resolve = (name, context, next) => next(name.endsWith("/MailpitCommands") ? name + ".js" : name, context);
export const load = (url, context, next) =>
  next(url, url.includes("/cypress-mailpit/") ? { ...context, format: "module" } : context);
`;

/** As `cy.request`: JSON is sent and read as such, and any other status than 2xx and 3xx is an error. */
async function request({ method, url, qs = {}, body, auth }) {
  const target = new URL(url);
  for (const [name, value] of Object.entries(qs)) target.searchParams.set(name, String(value));
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (auth) headers.authorization = `Basic ${btoa(`${auth.user}:${auth.pass}`)}`;
  const answer = await fetch(target, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status}: ${text}`);
  const isJson = answer.headers.get("content-type")?.startsWith("application/json");
  return { status: answer.status, body: isJson ? JSON.parse(text) : text };
}

const commands = new Map();

globalThis.Cypress = {
  Commands: { add: (name, _options, command) => commands.set(name, command) },
  expose: (name) => name === "MAILPIT_URL" ? process.argv[2] : undefined,
  config: (name) => name === "defaultCommandTimeout" ? 4000 : undefined,
};

globalThis.cy = {
  request,
  env: () => Promise.resolve({}),
  wrap: (value) => Promise.resolve(value),
  wait: (time) => new Promise((resolve) => setTimeout(resolve, time)),
};

async function main() {
  register(`data:text/javascript,${encodeURIComponent(AS_BUNDLED)}`);
  await import(pathToFileURL(require.resolve("cypress-mailpit")));
  const answers = [];
  for (const [name, ...args] of JSON.parse(readFileSync(0, "utf8"))) {
    const answer = await commands.get(name)(...args).then(
      (value) => ({ value: value?.body !== undefined ? value.body : value }),
      (error) => ({ error: error.message }),
    );
    answers.push(answer);
  }
  console.log(JSON.stringify(answers));
}

main();
