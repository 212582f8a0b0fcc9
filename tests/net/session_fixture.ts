/** One session in memory: a connection with a clock that stands still, and the client of it. @module */
import { assertEquals } from "@std/assert";
import { Connection } from "../../lib/net/connection.ts";
import { connectionContext } from "../../lib/net/connection_context.ts";
import { Deadlines } from "../../lib/net/deadlines.ts";
import type { Intake } from "../../lib/net/intake.ts";
import type { LogFields } from "../../lib/net/log.ts";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import {
  DEFAULT_LIMITS,
  type ServerLimits,
  type ServerOptions,
  type Service,
  type SubmissionRules,
} from "../../lib/net/server_options.ts";
import type { TlsIdentity } from "../../lib/net/tls_identity.ts";
import { type ClientTlsFacts, secureClient } from "../../lib/net/tls_transport.ts";
import type { Transport } from "../../lib/net/transport.ts";
import type { Faults } from "../../lib/policy/faults/faults.ts";
import type { Hooks } from "../../lib/policy/hooks.ts";
import type { TrustedPeers } from "../../lib/net/conversation.ts";
import { relayingRules } from "../../lib/policy/relaying.ts";
import type { SaslServer } from "../../lib/policy/sasl.ts";
import { text } from "../smtp/wire.ts";
import { Client } from "./client.ts";
import { FakeClock } from "./fake_clock.ts";
import { type Answers, RecordingIntake } from "./recording_intake.ts";
import { AUTHORITY } from "./tls_fixture.ts";

/** An event of the log. */
export interface LogEvent {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields;
}

/** What differs from an ordinary session. */
export interface SessionOptions {
  readonly hooks?: Hooks;
  readonly faults?: Faults;
  readonly answers?: Answers;
  readonly limits?: Partial<ServerLimits>;
  readonly lmtp?: boolean;
  readonly dsn?: boolean;
  readonly requireTls?: boolean;
  readonly service?: Service;
  readonly identity?: TlsIdentity;
  readonly sasl?: SaslServer;
  readonly submission?: SubmissionRules;
  readonly trustedPeers?: TrustedPeers;
  /** Takes the mail in place of {@linkcode TestSession.intake}. */
  readonly intake?: Intake;
  /** The client's address; only 127.0.0.1 may relay. */
  readonly address?: string;
  /** How many octets wait in each direction. */
  readonly capacity?: number;
}

/** The options of a server for tests; `events` gets its log. */
export function serverOptions(
  options: SessionOptions,
  intake: Intake,
  events: LogEvent[],
): ServerOptions {
  return {
    hosts: ["127.0.0.1"],
    services: [options.service ?? { port: 0 }],
    identity: options.identity,
    sasl: options.sasl,
    submission: options.submission,
    trustedPeers: options.trustedPeers,
    hostname: "mx.example.org",
    lmtp: options.lmtp,
    dsn: options.dsn,
    requireTls: options.requireTls,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    hooks: options.hooks ?? {},
    faults: options.faults,
    relaying: relayingRules(["example.org"], ["127.0.0.1/32"]),
    intake,
    log: (level, event, fields) => events.push({ level, event, fields }),
  };
}

/** The session. At its end the contract of the intake is checked. */
export class TestSession implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly intake: RecordingIntake;
  client: Client;
  /** The client's end, below {@linkcode client}. */
  readonly transport: Transport;
  readonly connection: Connection;
  readonly finished: Promise<void>;
  readonly events: LogEvent[] = [];
  /** What the server wrote, a string for each write. */
  readonly writes: string[] = [];

  constructor(options: SessionOptions) {
    this.intake = new RecordingIntake(options.answers);
    const [client, server] = memoryPair({
      first: { address: options.address ?? "127.0.0.1", port: 40000 },
      capacity: options.capacity,
    });
    this.client = new Client(client);
    const write = server.write;
    server.write = (bytes) => {
      this.writes.push(text(bytes));
      return write(bytes);
    };
    const settings = serverOptions(options, options.intake ?? this.intake, this.events);
    const deadlines = new Deadlines(this.clock, 1000);
    const [service] = settings.services;
    const context = connectionContext(settings, service, this.clock, deadlines);
    this.connection = new Connection(server, context);
    this.transport = client;
    this.finished = this.connection.run();
  }

  /** The events of one name. */
  logged(event: string): LogEvent[] {
    return this.events.filter((each) => each.event === event);
  }

  /** Begins TLS on the client's side. */
  async secure(serverName = "mx.test"): Promise<ClientTlsFacts> {
    const secured = await secureClient(this.transport, { serverName, authorities: [AUTHORITY] });
    this.client = new Client(secured);
    return secured.tls;
  }

  /** Says EHLO and STARTTLS, makes the handshake and says EHLO again; answers the reply to that. */
  async greetSecurely(): Promise<string> {
    await this.client.greet();
    assertEquals((await this.client.say("STARTTLS")).slice(0, 3), "220");
    await this.secure();
    return await this.client.say("EHLO client.example.org");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    await this.finished;
    this.intake.assertContract();
    assertEquals(this.clock.waiting, 0, "timers that are left over");
  }
}

/** Opens a session; the server has not been read from. */
export function openSession(options: SessionOptions = {}): TestSession {
  return new TestSession(options);
}

/** Opens a session in which the client has said EHLO, or LHLO. */
export async function greetedSession(options: SessionOptions = {}): Promise<TestSession> {
  const session = openSession(options);
  await session.client.greet(options.lmtp ? "LHLO" : "EHLO");
  return session;
}
