/**
 * Calls methods of mailpit-api one after the other: URL, with a list of `[method, ...arguments]` on standard
 * input. Answers a list of `{ value }` or `{ error }`; an attachment as its type and its octets in base64.
 */
const { readFileSync } = require("node:fs");
const { MailpitClient } = require("mailpit-api");

async function shown(value) {
  if (!(value instanceof Blob)) return value;
  return { type: value.type, base64: Buffer.from(await value.arrayBuffer()).toString("base64") };
}

async function main() {
  const client = new MailpitClient(process.argv[2]);
  const answers = [];
  for (const [method, ...args] of JSON.parse(readFileSync(0, "utf8"))) {
    await client[method](...args).then(
      async (value) => answers.push({ value: await shown(value) }),
      (error) => answers.push({ error: error.message }),
    );
  }
  console.log(JSON.stringify(answers));
}

main();
