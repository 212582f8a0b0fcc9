/** Hands a message to a sendmail program by nodemailer: PROGRAM FROM RECIPIENT */
const { createTransport } = require("nodemailer");

const [path, from, to] = process.argv.slice(2);
const transport = createTransport({ sendmail: true, path });
const message = { from, to, subject: "By nodemailer", text: "one\n.\ntwo\n" };
transport.sendMail(message, (error) => {
  if (!error) return;
  console.error(String(error));
  process.exitCode = 1;
});
