/** A server with a certificate, accounts, and all four services. */
import { assert, assertEquals } from "@std/assert";
import { assertNoCanaryBelow, assertNoCanaryInProcess, canariesIn, PASSWORD } from "./canaries.ts";
import { type Authority, type CertificateFiles, LOCALHOST, makeAuthority } from "./certificates.ts";
import { type Delivered, mailboxNames, readMailbox, takeApart } from "./mailbox.ts";
import { eventually, program, runProgram, type Smtpd, startSmtpd } from "./smtpd.ts";

/** The services by their names in the log, and how each is spoken to. */
export const SERVICES = [
  { name: "smtp", implicitTls: false, submission: false },
  { name: "submission", implicitTls: false, submission: true },
  { name: "smtps", implicitTls: true, submission: false },
  { name: "submissions", implicitTls: true, submission: true },
] as const;

/** One of them. */
export type Service = typeof SERVICES[number];

/** The account of clients that can name one. */
export const ACCOUNT = "joe";

/** A domain of this server, one that it relays to, and one whose mail stays in the queue. */
export const [LOCAL, FOREIGN, HELD] = ["local.test", "foreign.test", "held.test"];

/** A server for a test of TLS. */
export interface TlsServer extends AsyncDisposable {
  readonly smtpd: Smtpd;
  readonly authority: Authority;
  readonly certificate: CertificateFiles;
  portOf(service: Service): number;
  /** The messages that were delivered to a mailbox; none where there is no such mailbox. */
  messagesOf(mailbox: string): Delivered[];
  /** Waits for the first message of a mailbox. */
  delivered(mailbox: string): Promise<Delivered>;
  /** Ends it well, and with it all deliveries; the end of the block does the same. */
  stop(): Promise<void>;
  /** Every mailbox that has been delivered to. */
  mailboxes(): string[];
  /**
   * Fails where a password stands in the log, in a file of the queue or of the accounts, in what can be
   * seen of the process, or in what `smtpd queue` shows.
   */
  assertNoCanaries(): Promise<void>;
}

/** How the server is to be. */
export interface TlsServerOptions {
  readonly key?: "p256" | "rsa";
  /** The accounts beside {@linkcode ACCOUNT}, which all have {@linkcode PASSWORD}. */
  readonly accounts?: readonly string[];
  /** Whether SCRAM-SHA-256-PLUS is offered. */
  readonly channelBinding?: boolean;
  /** Further settings of the configuration file. */
  config?(authority: Authority): Promise<Record<string, unknown>>;
}

/** Starts a server that has all its files in a directory. */
export async function startTlsServer(
  directory: string,
  { key = "p256", accounts = [], channelBinding = false, config = () => Promise.resolve({}) }:
    TlsServerOptions = {},
): Promise<TlsServer> {
  const [certificates, queue, mail] = ["certificates", "queue", "mail"].map((name) => {
    Deno.mkdirSync(`${directory}/${name}`);
    return `${directory}/${name}`;
  });
  const users = `${directory}/users`;
  for (const account of [ACCOUNT, ...accounts]) await addAccount(users, account);
  const authority = await makeAuthority(certificates);
  const certificate = await authority.issue("server", { key, names: [LOCALHOST, "mx.smtpd.test"] });
  const settings = {
    submissionTlsPort: 0,
    channelBinding,
    // Every second login here fails on purpose.
    authFailures: "off",
    failureRate: "off",
    routes: [`${HELD} hold`],
    ...await config(authority),
  };
  Deno.writeTextFileSync(`${directory}/config.json`, JSON.stringify(settings));
  const smtpd = await startSmtpd(
    ...["--queue", queue, "--users", users, "--config", `${directory}/config.json`],
    ...["--tls-cert", certificate.certificate, "--tls-key", certificate.key],
    ...["--tls-port", "0", "--submission-port", "0", "--log-level", "debug"],
    ...["--local-domain", LOCAL, "--maildir", mail, "--route", `maildir:${mail}`],
    // Nobody here may relay for being at the right address.
    ...["--relay-from", "192.0.2.1/32"],
  );
  const ports = new Map<string, number>();
  for (const { name } of SERVICES) {
    const { port } = await smtpd.event("listening", { service: name });
    ports.set(name, Number(port));
  }
  const messagesOf = (mailbox: string) => {
    const [, box, domain] = /^(.*)@(.*)$/.exec(mailbox)!;
    return readMailbox(`${mail}/${domain}/${box}`).map(takeApart);
  };
  return {
    smtpd,
    authority,
    certificate,
    portOf: ({ name }) => ports.get(name)!,
    messagesOf,
    delivered: (mailbox) =>
      eventually(() => messagesOf(mailbox)[0], () => JSON.stringify(smtpd.events())),
    stop: () => smtpd.stop(),
    mailboxes: () => mailboxNames(mail),
    async assertNoCanaries() {
      assertEquals(canariesIn(JSON.stringify(smtpd.events())), []);
      for (const path of [queue, mail]) assertNoCanaryBelow(path);
      assertEquals(canariesIn(Deno.readTextFileSync(users)), []);
      await assertNoCanaryInProcess(smtpd.pid);
      const ids = (await command("queue", "list", "--json", "--queue", queue)).split("\n")
        .filter((line) => line.startsWith("{")).map((line) => String(JSON.parse(line).id));
      assert(ids.length > 0, "nothing is held in the queue");
      const shown = await command("queue", "show", "--queue", queue, ...ids);
      assert(ids.every((id) => shown.includes(id)), shown);
      assertEquals(canariesIn(shown), []);
    },
    [Symbol.asyncDispose]: () => smtpd.stop(),
  };
}

/** Adds an account with {@linkcode PASSWORD} by the command for it. */
export async function addAccount(users: string, name: string): Promise<void> {
  const [file, ...args] = [...program, "users", "add", name, "--users", users];
  const input = new TextEncoder().encode(`${PASSWORD}\n`);
  const { code, text } = await runProgram(file, args, { input });
  assertEquals({ code, text }, { code: 0, text: `added ${name}\n` });
}

async function command(...words: readonly string[]): Promise<string> {
  const [file, ...args] = [...program, ...words];
  const { code, text } = await runProgram(file, args);
  assertEquals(code, 0, text);
  return text;
}
