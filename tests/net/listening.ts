/** A server made with `listen`, and what tests say to it. @module */
import { assertMatch } from "@std/assert";
import type { IncomingMail } from "../../lib/net/incoming_mail.ts";
import {
  listen,
  type ListeningServer,
  type ListenOptions,
  type SessionHandler,
} from "../../lib/net/listen.ts";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import type { Server } from "../../lib/net/server.ts";
import { connectTcp } from "../../lib/net/tcp_transport.ts";
import { Client } from "./client.ts";
import type { LogEvent } from "./session_fixture.ts";

/** What clients are told. */
export const GOODBYE = "421 4.3.2 Service shutting down, try again later\r\n";
export const NO_SERVICE = "554 5.3.2 No service for you here\r\n";
export const BUG = "451 4.3.0 Internal error, try again later\r\n";
export const UNANSWERED = "451 4.3.0 The message was not dealt with, try again later\r\n";

/** A server on loopback whose log is kept. */
export class Listening implements AsyncDisposable {
  readonly server: ListeningServer;
  readonly events: LogEvent[] = [];

  constructor(handler: SessionHandler, options: ListenOptions = {}) {
    this.server = listen({
      hosts: ["127.0.0.1"],
      hostname: "mx.example.org",
      log: (level, event, fields) => this.events.push({ level, event, fields }),
      ...options,
    }, handler);
  }

  async connect(): Promise<Client> {
    return new Client(await connectTcp({ hostname: "127.0.0.1", port: this.server.port }));
  }

  /** A client in memory, with an address of its own. */
  join(address: string): Client {
    const [client, server] = memoryPair({ first: { address, port: 40000 } });
    (this.server as unknown as Server).serve(server);
    return new Client(client);
  }

  /** The events that say that something is wrong with the program. */
  get bugs(): LogEvent[] {
    return this.events.filter(({ event }) => event === "bug");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** Sends one message in a session that has begun; answers the reply to it. */
export async function deliver(
  client: Client,
  content = "Subject: x\r\n\r\nbody\r\n",
): Promise<string> {
  assertMatch(await client.begin(), /^354/);
  return await client.say(`${content}.`);
}

/** Greets, sends one message and answers the reply to it. */
export async function deliverFirst(client: Client, content?: string): Promise<string> {
  await client.greet();
  return await deliver(client, content);
}

/** A handler that does the same with each message. */
export function withEach(handle: (mail: IncomingMail) => Promise<void> | void): SessionHandler {
  return async (session) => {
    for await (const mail of session.process()) await handle(mail);
  };
}
