/** Sends two messages by nodemailer, one after the other: PORT */
const { createTransport } = require("nodemailer");

const PNG = Buffer.from("iVBORw0KGgo=", "base64");

const MESSAGES = [
  {
    from: "Müller & Söhne <shop@client.test>",
    to: '"Jörg Österreich" <joerg@inbox.test>',
    cc: ["buchhaltung@inbox.test", "Zweite <second@inbox.test>"],
    bcc: "secret@inbox.test",
    replyTo: "Hilfe <help@client.test>",
    messageId: "<rechnung-1@client.test>",
    subject: "Ihre Rechnung über 20 €",
    text: "Grüße, die Rechnung liegt bei.\r\n",
    html: '<p>Grüße <img src="cid:logo@client.test"></p>',
    headers: {
      "List-Unsubscribe": "<https://client.test/off?u=1>",
      "X-Run": "42",
    },
    attachments: [
      { filename: "Rechnung für Jörg.pdf", content: Buffer.from("%PDF-1.4\n%\xff\n", "latin1") },
      { filename: "logo.png", content: PNG, cid: "logo@client.test" },
    ],
  },
  {
    from: "news@client.test",
    to: "ann@inbox.test",
    subject: "Welcome aboard, Ann",
    text: "Your code is 482913.\r\n",
  },
];

async function main() {
  const port = Number(process.argv[2]);
  const transport = createTransport({ host: "127.0.0.1", port, name: "client.test" });
  for (const message of MESSAGES) await transport.sendMail(message);
  transport.close();
}

main().catch((error) => {
  console.error(String(error));
  process.exitCode = 1;
});
