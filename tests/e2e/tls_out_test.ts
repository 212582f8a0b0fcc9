/** Mail goes to real servers in TLS, and we log in at them, as the settings say. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AUTHORITY, MX } from "../net/tls_fixture.ts";
import { BackgroundProcess, freePort, peerTest } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { startNameServer } from "./name_server.ts";
import { eventually, program, runProgram, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const CONTENT = octets("Subject: sealed\r\n\r\nx\r\n");
/** Nothing may show it. */
const PASSWORD = "c4nary-p/ss";
const WRONG = "c4nary-wrong";
const scripts = new URL("scripts/", import.meta.url).pathname;

/** What smtp-server tells of a message. */
interface Taken {
  readonly secure: boolean;
  readonly user?: string;
  readonly servername?: string | false;
}

/** A server for mail of some domains, in a process of its own. */
async function startServer(
  modules: string,
  address: string,
  port: number,
  options: Record<string, unknown>,
) {
  const given = JSON.stringify({ key: MX.key, cert: MX.certificate, ...options });
  const args = [`${scripts}smtp_server_tls.cjs`, address, `${port}`, given];
  const process = new BackgroundProcess("node", args, { env: { NODE_PATH: modules } });
  await process.line(/^ready$/);
  return {
    /** The messages that it has taken, in order. */
    taken: () =>
      process.output.split("\n").filter((line) => line.startsWith("{")).map((line): Taken =>
        JSON.parse(line)
      ),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** What becomes of the mail of a domain: the event, how it was encrypted, the reply. */
const OUTCOMES: [domain: string, event: string, tls: RegExp | undefined, reply: RegExp][] = [
  ["good.test", "delivered", /^TLSv1\.3 TLS_\w+ verified$/, /^250 /],
  ["verified.test", "delivered", /^TLSv1\.3 TLS_\w+ verified$/, /^250 /],
  // Any certificate will do, where nobody asks for more.
  ["named.test", "delivered", /^TLSv1\.3 TLS_\w+ unverified \(.+\)$/, /^250 /],
  ["strict.test", "deferred", undefined, /^451 4\.7\.5 The certificate of mx\.strict\.test/],
  ["bare.test", "delivered", undefined, /^250 /],
  [
    "required.test",
    "deferred",
    undefined,
    /^451 4\.7\.4 mx\.required\.test does not offer STARTTLS/,
  ],
  ["plain.test", "delivered", /verified$/, /^250 /],
  ["login.test", "delivered", /verified$/, /^250 /],
  ["smtps.test", "delivered", /verified$/, /^250 /],
  [
    "wrong.test",
    "deferred",
    undefined,
    /^451 4\.7\.8 mx\.test\[.+\] does not let us in by PLAIN: 535/,
  ],
  [
    "open.test",
    "deferred",
    undefined,
    /^451 4\.7\.0 .*PLAIN would give the password away: its cert/,
  ],
];

peerTest({
  name: "mail goes out in TLS and logs in as the settings say (smtp-server)",
  needs: ["node", "npm:smtp-server", "dnsmasq"],
  async fn({ "npm:smtp-server": modules, dnsmasq }) {
    using directory = temporaryDirectory();
    const { path } = directory;
    const mxDomains = ["named", "strict", "bare", "required"];
    await using dns = await startNameServer(dnsmasq, path, [
      "address=/mx.test/127.0.0.2",
      ...["good", "verified"].map((name) => `mx-host=${name}.test,mx.test,10`),
      ...mxDomains.map((name) => `mx-host=${name}.test,mx.${name}.test,10`),
      ...["named", "strict", "open"].map((name) => `address=/mx.${name}.test/127.0.0.2`),
      ...["bare", "required"].map((name) => `address=/mx.${name}.test/127.0.0.3`),
    ]);
    const mxPort = freePort();
    const [plainPort, loginPort, smtpsPort] = [freePort(), freePort(), freePort()];
    const account = { user: "joe", password: PASSWORD };
    await using open = await startServer(modules, "127.0.0.2", mxPort, {});
    await using bare = await startServer(modules, "127.0.0.3", mxPort, { hidden: true });
    await using plain = await startServer(modules, "127.0.0.2", plainPort, {
      ...account,
      methods: ["PLAIN"],
    });
    await using login = await startServer(modules, "127.0.0.2", loginPort, {
      ...account,
      methods: ["LOGIN"],
    });
    await using smtps = await startServer(modules, "127.0.0.2", smtpsPort, {
      ...account,
      methods: ["PLAIN", "LOGIN"],
      secure: true,
    });
    Deno.writeTextFileSync(`${path}/ca.pem`, AUTHORITY);
    Deno.writeTextFileSync(`${path}/password`, `${PASSWORD}\n`);
    Deno.writeTextFileSync(`${path}/wrong`, `${WRONG}\n`);
    const file = `password-file=${path}/password`;
    const config = {
      tlsAuthorities: `${path}/ca.pem`,
      tlsPolicy: ["verified.test verify", "strict.test verify", "required.test require"],
      routes: [
        `plain.test smtp://joe@mx.test:${plainPort}?${file}`,
        `login.test smtp://joe@mx.test:${loginPort}?${file}`,
        `smtps.test smtps://joe:${encodeURIComponent(PASSWORD)}@mx.test:${smtpsPort}`,
        `wrong.test smtp://other@mx.test:${plainPort}?password-file=${path}/wrong`,
        `open.test smtp://joe@mx.open.test:${plainPort}?${file}`,
      ],
    };
    Deno.writeTextFileSync(`${path}/smtpd.json`, JSON.stringify(config));
    const flags = [
      "--config",
      `${path}/smtpd.json`,
      "--dns",
      dns.address,
      "--mx-port",
      `${mxPort}`,
    ];
    const queue = `${path}/queue`;
    await using smtpd = await startSmtpd(...flags, "--allow-local-mx", "--queue", queue);
    using dialog = await Dialog.open(smtpd.port);
    for (const [domain, event, tls, reply] of OUTCOMES) {
      const replies = await dialog.sendMail("a@client.test", [`b@${domain}`], CONTENT);
      assertEquals(replies.at(-1)?.code, 250);
      const told = await smtpd.event(event, { to: `b@${domain}` });
      assertMatch(`${told.reply}`, reply);
      if (tls === undefined) assertEquals(told.tls, undefined, domain);
      else assertMatch(`${told.tls}`, tls);
    }
    const seen = [open, bare, plain, login, smtps].map((server) => server.taken());
    await eventually(() => seen.every((messages) => messages.length > 0) ? true : undefined);
    assertEquals(seen[0].map(({ secure, servername }) => [secure, servername]), [
      [true, "mx.test"],
      [true, "mx.test"],
      [true, "mx.named.test"],
    ]);
    assertEquals(seen[1].map(({ secure }) => secure), [false]);
    for (const messages of seen.slice(2)) {
      assertEquals(messages.map(({ secure, user }) => [secure, user]), [[true, "joe"]]);
    }

    const { text: list } = await runProgram(program[0], [
      ...program.slice(1),
      ...["queue", "list", "--json", "--queue", queue],
    ]);
    const id = /"id":"(\w+)"/.exec(list)?.[1];
    assert(id !== undefined, list);
    const { text: ledger } = await runProgram(program[0], [
      ...program.slice(1),
      ...["queue", "show", id, "--queue", queue],
    ]);
    assertStringIncludes(ledger, "attempt");

    // Neither the log, nor the process list, nor what is kept shows a password.
    const shown = [JSON.stringify(smtpd.events()), list, ledger];
    shown.push((await runProgram("ps", ["-o", "args=", "-p", `${smtpd.pid}`])).text);
    for (const { name, isFile } of Deno.readDirSync(queue)) {
      if (isFile) {
        shown.push(new TextDecoder("latin1").decode(Deno.readFileSync(`${queue}/${name}`)));
      }
    }
    for (const text of shown) assert(!text.includes("c4nary"), text.slice(0, 500));
  },
});
