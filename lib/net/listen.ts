/** The building blocks for a program: a server that gives sessions, a session that gives messages. @module */
import { ClientLimits } from "../policy/client_limits.ts";
import type { Faults } from "../policy/faults/faults.ts";
import type { Hooks } from "../policy/hooks.ts";
import { DEFAULT_RELAY_FROM, relayingRules } from "../policy/relaying.ts";
import { type AuthOptions, saslServer } from "../policy/sasl.ts";
import type { Session } from "../policy/session.ts";
import { type Reply, reply } from "../smtp/reply.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { type IncomingMail, MailQueue } from "./incoming_mail.ts";
import { type Log, noLog } from "./log.ts";
import { replyTo } from "./refusal.ts";
import { type RunningServer, startServer } from "./server.ts";
import { type ServerCertificate, tlsIdentity } from "./tls_identity.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "./server_options.ts";

/** How a server for a program is set up. Everything may be left out. */
export interface ListenOptions {
  /** The port; 0, which is the default, takes a free one. */
  readonly port?: number;
  /** The addresses to bind; the default is every address, IPv6 and IPv4. */
  readonly hosts?: readonly string[];
  /** Our name in the greeting and the Received field; the system's if left out. */
  readonly hostname?: string;
  /** Speaks LMTP instead of SMTP. */
  readonly lmtp?: boolean;
  /** Our certificates: STARTTLS is offered where there are some. A client picks one by its name (SNI). */
  readonly certificates?: readonly ServerCertificate[];
  /** Whether a client begins TLS before the greeting (RFC 8314 section 3). */
  readonly implicitTls?: boolean;
  /** Who may authenticate, and how: by accounts, or by functions that ask a database of your own. */
  readonly auth?: AuthOptions;
  /**
   * Whether this is for submission (RFC 6409): mail is taken only from who has authenticated, and gets the
   * From, Date and Message-ID that it lacks.
   */
  readonly submission?: boolean;
  /** Domains whose mail any client may send. */
  readonly localDomains?: readonly string[];
  /** Networks whose clients may send to any domain; the default is this host alone. */
  readonly relayFrom?: readonly string[];
  /** Policy beyond the two rules above. */
  readonly hooks?: Hooks;
  /** What fails on purpose, for tests of clients; nothing if left out. */
  readonly faults?: Faults;
  /** Limits that differ from the defaults. */
  readonly limits?: Partial<ServerLimits>;
  /** Who is told what happens; nobody if left out. */
  readonly log?: Log;
  /** The clock; the machine's if left out. */
  readonly clock?: Clock;
}

/** A client that has connected. Nothing has been said to it yet. */
export interface IncomingSession extends Session {
  /**
   * Greets the client and gives its messages, one at a time. Leaving the loop ends the session after
   * the message that was given last, which may be answered until the handler is done.
   */
  process(): AsyncIterable<IncomingMail>;
}

/** What a program does with a session. While it waits, the other sessions go on. */
export type SessionHandler = (session: IncomingSession) => Promise<void> | void;

/** A server for a program. */
export interface ListeningServer extends RunningServer {
  /** The port it listens on. */
  readonly port: number;
}

const NO_SERVICE = reply(554, "5.3.2", "No service for you here");

/**
 * Listens for SMTP clients, and calls `handler` for each of them, all at the same time. A client whose
 * session is not processed is told 554.
 *
 * The reply of an `SmtpError` that the handler throws is the greeting, or the answer to the message that
 * it was given last; then the session ends. Anything else that it throws is a bug, answered with 451 and
 * written to the log, except for the error of reading a message that the client has broken off.
 *
 * No client may send to a domain that is not local unless it comes from `relayFrom`, which by default
 * is this host: a server can be an open relay only by saying so.
 *
 * @example A relay.
 * ```ts
 * import { listen, relay } from "@smtpd/smtpd";
 *
 * await using server = listen({ port: 0, hosts: ["127.0.0.1"] }, async (session) => {
 *   if (session.remote.address !== "127.0.0.1") return; // told 554
 *   for await (const mail of session.process()) {
 *     mail.accept(await relay(mail)); // 250 only after the next hop's
 *   }
 * });
 * console.log(server.port);
 * ```
 *
 * @example Submission with passwords from a database of your own.
 * ```ts
 * import { listen } from "@smtpd/smtpd";
 *
 * const passwords = new Map([["joe", "pencil"]]);
 * await using server = listen({
 *   hosts: ["127.0.0.1"],
 *   submission: true,
 *   auth: {
 *     allowPlaintext: true, // give certificates instead, where others can listen
 *     password: (_session, name, password) => passwords.get(name) === password,
 *   },
 * }, async (session) => {
 *   for await (const mail of session.process()) mail.accept(); // session.account is "joe"
 * });
 * ```
 *
 * @throws {SyntaxError} if a domain, a network or a certificate cannot be read
 * @throws {RangeError} if a fault is scripted that could never be
 * @throws {ListenError} if the port cannot be bound; its `cause` is what `Deno.listen` has thrown
 */
export function listen(options: ListenOptions, handler: SessionHandler): ListeningServer {
  const queues = new WeakMap<Session, MailQueue>();
  const refusals = new WeakMap<Session, Reply>();
  const { hooks = {}, log = noLog, auth, certificates, clock = systemClock } = options;
  const { data } = hooks;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const relaying = relayingRules(
    options.localDomains ?? [],
    options.relayFrom ?? DEFAULT_RELAY_FROM,
  );
  const { relayFrom: exempt } = relaying;
  const accounts = auth?.accounts;
  const clients = new ClientLimits({ rates: limits, exempt, accounts, clock });
  const server = startServer(
    {
      hosts: options.hosts ?? [],
      services: [{
        port: options.port ?? 0,
        implicitTls: options.implicitTls,
        submission: options.submission,
      }],
      identity: certificates && tlsIdentity(certificates),
      sasl: auth && saslServer({ ...auth, attempts: clients }),
      submission: { accounts },
      clients,
      hostname: options.hostname ?? Deno.hostname(),
      lmtp: options.lmtp,
      limits,
      // One by one, since a copy of an object lacks the methods of its class.
      hooks: {
        connect: (session) => refusals.get(session) ?? hooks.connect?.(session),
        helo: (session) => hooks.helo?.(session),
        mail: (session, mail) => hooks.mail?.(session, mail),
        rcpt: (session, rcpt, mail) => hooks.rcpt?.(session, rcpt, mail),
        data: data && ((session, message) => data.call(hooks, session, message)),
      },
      faults: options.faults,
      relaying,
      intake: {
        mail: (session, mail) => queues.get(session)?.mail(session, mail) ?? NO_SERVICE,
      },
      log,
      clock,
    },
    run,
  );

  async function run(connection: Connection): Promise<void> {
    const { session } = connection;
    const queue = new MailQueue();
    queues.set(session, queue);
    let running: Promise<void> | undefined;
    const start = () => running ??= connection.run().finally(() => queue.end());
    function leave(): void {
      queue.end();
      connection.drain();
    }
    let refusal: Reply | undefined;
    try {
      await handler(incomingSession(session, queue, start, leave));
    } catch (error) {
      if (!queue.isBreakOff(error)) refusal = replyTo(error, log, session, "session");
    }
    if (running === undefined) {
      refusals.set(session, refusal ?? NO_SERVICE);
    } else {
      queue.close(refusal);
      connection.drain();
    }
    await start();
  }

  return Object.assign(server, { port: server.endpoints[0].port });
}

/** The session as the handler sees it. */
function incomingSession(
  session: Session,
  queue: MailQueue,
  start: () => void,
  leave: () => void,
): IncomingSession {
  async function* process(): AsyncGenerator<IncomingMail> {
    start();
    try {
      yield* queue;
    } finally {
      leave();
    }
  }
  return {
    get id() {
      return session.id;
    },
    get remote() {
      return session.remote;
    },
    get local() {
      return session.local;
    },
    get protocol() {
      return session.protocol;
    },
    get heloName() {
      return session.heloName;
    },
    get tls() {
      return session.tls;
    },
    get account() {
      return session.account;
    },
    process,
  };
}
