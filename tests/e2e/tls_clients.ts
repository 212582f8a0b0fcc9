/**
 * Real programs that log in over TLS and submit a message. All of them verify the server's certificate, and
 * that it is for the host which they connect to.
 */
import { findPeer } from "../peers.ts";
import { ACCOUNT } from "./tls_server.ts";
import { LOCALHOST } from "./certificates.ts";
import { converse, type CuedLine } from "./process_dialog.ts";
import { runProgram } from "./smtpd.ts";

const scripts = new URL("scripts/", import.meta.url).pathname;

/** What to send where, and as whom. */
export interface Submission {
  readonly port: number;
  readonly implicitTls: boolean;
  /** How to log in; not at all if left out. */
  readonly mechanism?: string;
  readonly password: string;
  /** The file of the authority's certificate. */
  readonly authority: string;
  readonly from: string;
  readonly to: readonly string[];
  /** The file that holds the message. */
  readonly path: string;
}

/** A program that submits mail. */
export interface TlsClient {
  readonly name: string;
  /** What it needs, as `findPeer` calls it. */
  readonly needs: string;
  /** The mechanisms that some build of it knows and we offer. */
  readonly mechanisms: readonly string[];
  /** Whether the build that is installed knows one; it does, if left out. */
  knows?(mechanism: string): Promise<boolean>;
  /** Whether it cannot go without logging in. */
  readonly alwaysLogsIn?: boolean;
  /** Whether it knows no TLS but by STARTTLS. */
  readonly startTlsOnly?: boolean;
  /** The account that it logs in to, where it cannot name {@linkcode ACCOUNT}. */
  readonly account?: string;
  /** Sends one message; answers how it ended and what it printed. */
  submit(submission: Submission): Promise<{ readonly code: number; readonly text: string }>;
}

function path(name: string): string {
  const found = findPeer(name);
  if (found === undefined) throw new Error(`Cannot find ${name}`);
  return found;
}

const swaks: TlsClient = {
  name: "swaks",
  needs: "swaks",
  mechanisms: ["PLAIN", "LOGIN"],
  submit: ({ port, implicitTls, mechanism, password, authority, from, to, path: file }) =>
    runProgram(path("swaks"), [
      ...["--server", LOCALHOST, "--port", `${port}`, "--helo", "client.test"],
      ...[implicitTls ? "--tls-on-connect" : "--tls", "--tls-verify", "--tls-ca-path", authority],
      ...mechanism === undefined ? [] : ["--auth", mechanism],
      ...mechanism === undefined ? [] : ["--auth-user", ACCOUNT, "--auth-password", password],
      ...["--from", from, "--to", to.join(","), "--data", `@${file}`, "--silent", "2"],
    ]),
};

const curl: TlsClient = {
  name: "curl",
  needs: "curl",
  mechanisms: ["PLAIN", "LOGIN", "SCRAM-SHA-256"],
  async knows(mechanism) {
    // It has SCRAM of libgsasl alone, which Debian's is built without.
    if (!mechanism.startsWith("SCRAM")) return true;
    return /^Features:.*\bgsasl\b/m.test((await runProgram(path("curl"), ["--version"])).text);
  },
  submit: ({ port, implicitTls, mechanism, password, authority, from, to, path: file }) =>
    runProgram(path("curl"), [
      ...["--silent", "--show-error", "--cacert", authority],
      ...implicitTls ? [`smtps://${LOCALHOST}:${port}/client.test`] : ["--ssl-reqd"],
      ...implicitTls ? [] : [`smtp://${LOCALHOST}:${port}/client.test`],
      ...mechanism === undefined ? [] : ["--login-options", `AUTH=${mechanism}`],
      ...mechanism === undefined ? [] : ["--user", `${ACCOUNT}:${password}`],
      ...["--mail-from", from, ...to.flatMap((recipient) => ["--mail-rcpt", recipient])],
      ...["--upload-file", file],
    ]),
};

const msmtp: TlsClient = {
  name: "msmtp",
  needs: "msmtp",
  mechanisms: ["PLAIN", "LOGIN", "SCRAM-SHA-256"],
  submit: ({ port, implicitTls, mechanism, password, authority, from, to, path: file }) =>
    runProgram(path("msmtp"), [
      ...["--file=/dev/null", `--host=${LOCALHOST}`, `--port=${port}`, "--domain=client.test"],
      ...["--tls=on", `--tls-starttls=${implicitTls ? "off" : "on"}`],
      ...[`--tls-trust-file=${authority}`, `--auth=${mechanism?.toLowerCase() ?? "off"}`],
      ...[`--user=${ACCOUNT}`, `--passwordeval=echo ${password}`, `--from=${from}`, "--", ...to],
    ], { input: Deno.readFileSync(file) }),
};

const smtplib: TlsClient = {
  name: "Python smtplib",
  needs: "python:smtplib",
  mechanisms: ["PLAIN", "LOGIN"],
  submit: (submission) =>
    runProgram(path("python:smtplib"), [`${scripts}smtplib_submit.py`], asJson(submission)),
};

const nodemailer: TlsClient = {
  name: "nodemailer",
  needs: "npm:nodemailer",
  mechanisms: ["PLAIN", "LOGIN"],
  submit: (submission) =>
    runProgram("node", [`${scripts}nodemailer_submit.cjs`], {
      env: { NODE_PATH: path("npm:nodemailer") },
      ...asJson(submission),
    }),
};

/**
 * SCRAM-SHA-256-PLUS with tls-server-end-point is common between PostgreSQL and its clients alone, so it is
 * the mechanism of node-postgres that is tried, in a script that speaks SMTP around it. PostgreSQL looks at
 * no name in it, so node-postgres says the name `*`.
 */
const nodePostgres: TlsClient = {
  name: "SCRAM of node-postgres",
  needs: "npm:pg",
  mechanisms: ["SCRAM-SHA-256-PLUS"],
  alwaysLogsIn: true,
  account: "*",
  submit: (submission) =>
    runProgram("node", [`${scripts}scram_plus_submit.cjs`], {
      env: { NODE_PATH: path("npm:pg") },
      ...asJson(submission),
    }),
};

function asJson(submission: Submission): { readonly input: Uint8Array } {
  return { input: new TextEncoder().encode(JSON.stringify({ ...submission, account: ACCOUNT })) };
}

/** The lines of a mail transaction that is begun after a reply with a code; the last reply is 250. */
function transactionLines(after: number, { from, to, path: file }: Submission): CuedLine[] {
  return [
    [after, `MAIL FROM:<${from}>\r\n`],
    ...to.map((recipient): CuedLine => [250, `RCPT TO:<${recipient}>\r\n`]),
    [250, "DATA\r\n"],
    [354, `${Deno.readTextFileSync(file)}.\r\n`],
    [250, ""],
  ];
}

/** The lines that log in after EHLO, and the code of the last reply. */
function loginLines({ mechanism, password }: Submission): [lines: CuedLine[], last: number] {
  switch (mechanism) {
    case "PLAIN":
      return [[[250, `AUTH PLAIN ${btoa(`\0${ACCOUNT}\0${password}`)}\r\n`]], 235];
    case "LOGIN":
      return [[
        [250, "AUTH LOGIN\r\n"],
        [334, `${btoa(ACCOUNT)}\r\n`],
        [334, `${btoa(password)}\r\n`],
      ], 235];
    default:
      return [[], 250];
  }
}

/**
 * gsasl 2.2 binds to channels by tls-exporter and tls-unique only, so that it cannot do the
 * SCRAM-SHA-256-PLUS of a server that has tls-server-end-point. In TLS 1.3 it refuses SCRAM without a
 * binding, too, unless `--no-cb` is given.
 */
const gsasl: TlsClient = {
  name: "gsasl",
  needs: "gsasl",
  mechanisms: ["PLAIN", "LOGIN", "SCRAM-SHA-256"],
  alwaysLogsIn: true,
  startTlsOnly: true,
  submit(submission) {
    const { port, mechanism, password, authority } = submission;
    return converse(
      path("stdbuf"),
      [
        // It would keep what it shows until it ends, and forget lines that come while it reads one.
        ...["--input=0", "--output=0", path("gsasl")],
        ...[
          "--smtp",
          "--starttls",
          `--connect=${LOCALHOST}:${port}`,
          `--x509-ca-file=${authority}`,
        ],
        ...["--no-cb", `--mechanism=${mechanism}`, `--authentication-id=${ACCOUNT}`],
        ...[`--password=${password}`],
      ],
      transactionLines(235, submission),
      "",
    );
  },
};

const openssl: TlsClient = {
  name: "openssl s_client",
  needs: "openssl",
  mechanisms: ["PLAIN", "LOGIN"],
  submit(submission) {
    const { port, implicitTls, authority } = submission;
    const [login, code] = loginLines(submission);
    return converse(
      path("openssl"),
      [
        ...["s_client", "-connect", `${LOCALHOST}:${port}`, "-servername", LOCALHOST, "-quiet"],
        ...implicitTls ? [] : ["-starttls", "smtp"],
        ...["-CAfile", authority, "-verify_return_error", "-verify_hostname", LOCALHOST],
      ],
      // The last line of the EHLO before STARTTLS is shown as well.
      [
        [implicitTls ? 220 : 250, "EHLO client.test\r\n"],
        ...login,
        ...transactionLines(code, submission),
      ],
      "QUIT\r\n",
    );
  },
};

/** The programs that run once for each message. */
export const TLS_CLIENTS: readonly TlsClient[] = [
  swaks,
  curl,
  msmtp,
  smtplib,
  nodemailer,
  nodePostgres,
  gsasl,
  openssl,
];
