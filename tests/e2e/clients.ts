/**
 * Real programs as clients. Each is told to send a file, and comes with what it is known to do to the
 * octets of a message on their way to the wire.
 */
import { findPeer } from "../peers.ts";
import { endsLine, joined, type Sample, withLineEnd } from "./corpus.ts";
import { runProgram } from "./smtpd.ts";

const latin1 = new TextDecoder("latin1");
const scripts = new URL("scripts/", import.meta.url).pathname;

/** What to send where. */
export interface Mail {
  readonly port: number;
  readonly from: string;
  readonly to: readonly string[];
  /** The file that holds the message. */
  readonly path: string;
  readonly sample: Sample;
}

/** A program that sends mail. */
export interface Client {
  readonly name: string;
  /** What it needs, as `findPeer` calls it. */
  readonly needs: string;
  /** Whether it has SMTPUTF8 (RFC 6531). */
  readonly isInternational?: boolean;
  /** Sends one message; answers how it ended and what it printed. */
  send(mail: Mail): Promise<{ readonly code: number; readonly text: string }>;
  /** The mail data that it makes of a message, before dot-stuffing. */
  sent(sample: Sample): Uint8Array;
  /** Whether it can send a message at all; it can, if left out. */
  can?(sample: Sample): boolean;
}

function path(name: string): string {
  const found = findPeer(name);
  if (found === undefined) throw new Error(`Cannot find ${name}`);
  return found;
}

const swaks: Client = {
  name: "swaks",
  needs: "swaks",
  send({ port, from, to, path: file, sample: { content } }) {
    // It takes a line with a dot for the end of its input, and adds an empty line where there is none.
    const end = !hasBody(content) ? "" : endsLine(content) ? ".\r\n" : "\r\n.\r\n";
    Deno.writeFileSync(`${file}.swaks`, joined(content, end));
    return runProgram(path("swaks"), [
      ...["--server", "127.0.0.1", "--port", `${port}`, "--helo", "client.test"],
      ...["--from", from, "--to", to.join(","), "--data", `@${file}.swaks`, "--silent", "2"],
    ]);
  },
  // It cuts a message in two behind the header section, and puts both together with an empty line.
  sent: ({ content }) => hasBody(content) ? withLineEnd(content) : joined(content, "\r\n", "\r\n"),
  // It sends a message of its own instead.
  can: ({ content }) => content.length > 0,
};

function hasBody(content: Uint8Array): boolean {
  return latin1.decode(content.subarray(0, 4096)).includes("\r\n\r\n");
}

const curl: Client = {
  name: "curl",
  needs: "curl",
  isInternational: true,
  send: ({ port, from, to, path: file }) =>
    runProgram(path("curl"), [
      ...["--silent", "--show-error", `smtp://127.0.0.1:${port}/client.test`],
      ...["--mail-from", from, ...to.flatMap((recipient) => ["--mail-rcpt", recipient])],
      ...["--upload-file", file],
    ]),
  sent: ({ content }) => withLineEnd(content),
};

const msmtp: Client = {
  name: "msmtp",
  needs: "msmtp",
  send: ({ port, from, to, path: file }) =>
    runProgram(path("msmtp"), [
      ...["--file=/dev/null", "--host=127.0.0.1", `--port=${port}`, "--domain=client.test"],
      ...["--set-from-header=off", "--set-date-header=off", "--set-msgid-header=off"],
      ...["--remove-bcc-headers=off", `--from=${from}`, "--", ...to],
    ], { input: Deno.readFileSync(file) }),
  sent: ({ content }) => withLineEnd(content),
};

const smtplib: Client = {
  name: "Python smtplib",
  needs: "python:smtplib",
  isInternational: true,
  send: ({ port, from, to, path: file, sample }) =>
    runProgram(path("python:smtplib"), [
      ...[`${scripts}smtplib_client.py`, `${port}`, from],
      [
        sample.isEightBit ? "BODY=8BITMIME" : "",
        sample.isInternational ? "SMTPUTF8" : "",
      ].join(" "),
      ...[file, ...to],
    ]),
  sent: ({ content }) => endsLine(content) ? content : joined(content, "\r\n"),
};

const nodemailer: Client = {
  name: "nodemailer",
  needs: "npm:nodemailer",
  isInternational: true,
  send: ({ port, from, to, path: file }) =>
    runProgram("node", [`${scripts}nodemailer_client.cjs`, `${port}`, from, file, ...to], {
      env: { NODE_PATH: path("npm:nodemailer") },
    }),
  sent: ({ content }) => endsLine(content) ? content : joined(content, "\r\n"),
};

/** The programs that run once for each message. */
export const CLIENTS: readonly Client[] = [swaks, curl, msmtp, smtplib, nodemailer];
