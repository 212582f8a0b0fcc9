/** An SMTP session on standard input and output, whose mail goes into the queue. @module */
import type { Config } from "../config.ts";
import { systemClock } from "../net/clock.ts";
import { Connection } from "../net/connection.ts";
import { connectionContext } from "../net/connection_context.ts";
import { Deadlines } from "../net/deadlines.ts";
import type { Intake, IntakeTransaction } from "../net/intake.ts";
import { noLog } from "../net/log.ts";
import type { Transport } from "../net/transport.ts";
import { parseCidr } from "../policy/network.ts";
import { octetBuffer } from "../queue/octet_buffer.ts";
import { StoreFullError } from "../queue/store.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { reply, SmtpError, standingReply } from "../smtp/reply.ts";
import { serverOptions } from "./compose.ts";
import { openQueue } from "./open_queue.ts";
import type { Surroundings } from "./surroundings.ts";

const RCPT_OK = standingReply(250, "2.1.5", "Recipient ok");
const NO_ROOM = standingReply(452, "4.3.1", "No room for this message now, try again later");
const NO_QUEUE = standingReply(451, "4.3.0", "The queue cannot be used now, try again later");

/** Who may start this program may send where it likes; its ends are called by this address. */
const HERE = { address: "127.0.0.1", port: 0 };

function stdioTransport(around: Surroundings): Transport {
  let isClosed = false;
  const { promise: closed, resolve: end } = Promise.withResolvers<null>();
  function close(): void {
    isClosed = true;
    end(null);
  }
  return {
    local: HERE,
    remote: HERE,
    // A read of standard input cannot be broken off, so a session that is over does not wait for it.
    read: (buffer) => isClosed ? closed : Promise.race([around.read(buffer), closed]),
    write: (bytes) => around.write(bytes),
    closeWrite: () => Promise.resolve(),
    close,
    [Symbol.dispose]: close,
  };
}

/** Takes messages whole, and submits each when it has ended. */
function submitting(config: Config): Intake {
  function begin(mail: MailParameters, id: string): IntakeTransaction {
    const recipients: RcptParameters[] = [];
    const encoder = new TextEncoder();
    const octets = octetBuffer();
    return {
      rcpt(rcpt, { forwardPaths, route } = {}) {
        if (forwardPaths !== undefined || route !== undefined) {
          throw new TypeError("Cannot send mail elsewhere that a program on this host hands in");
        }
        recipients.push(rcpt);
        return RCPT_OK;
      },
      data: (trace) => octets.append(encoder.encode(trace)),
      write: (bytes) => octets.append(bytes),
      async end() {
        try {
          await using queue = await openQueue(config);
          const submission = { id, mail, recipients, protocol: "ESMTP" };
          await queue.submit(submission, octets.take());
        } catch (error) {
          if (error instanceof SmtpError) return error.reply;
          return error instanceof StoreFullError ? NO_ROOM : NO_QUEUE;
        }
        return reply(250, "2.0.0", `Queued as ${id}`);
      },
      abort() {
        octets.take();
      },
    };
  }
  return { mail: (_session, mail, id) => begin(mail, id) };
}

/** Runs a session to its end. */
export async function speakSmtp(config: Config, around: Surroundings): Promise<void> {
  const relaying = { localDomains: new Set<string>(), relayFrom: [parseCidr("127.0.0.0/8")] };
  const options = { ...serverOptions(config, submitting(config), noLog), relaying };
  using deadlines = new Deadlines(systemClock, 1000);
  const service = { port: 0 };
  const context = connectionContext({ ...options, dsn: true }, service, systemClock, deadlines);
  await new Connection(stdioTransport(around), context).run();
}
