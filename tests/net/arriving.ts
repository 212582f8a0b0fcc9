/** A server whose clients come in memory, from the addresses that a test gives them. @module */
import { memoryPair } from "../../lib/net/memory_transport.ts";
import { type Server, startServer } from "../../lib/net/server.ts";
import { parseCidr } from "../../lib/policy/network.ts";
import { Client } from "./client.ts";
import { FakeClock } from "./fake_clock.ts";
import { RecordingIntake } from "./recording_intake.ts";
import { type LogEvent, serverOptions, type SessionOptions } from "./session_fixture.ts";

/** The server. It believes the PROXY headers of 10.0.0.0/24. */
export class Arriving implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly intake: RecordingIntake;
  readonly events: LogEvent[] = [];
  readonly server: Server;

  constructor(options: SessionOptions = {}) {
    this.intake = new RecordingIntake(options.answers);
    this.server = startServer({
      ...serverOptions(options, this.intake, this.events),
      clock: this.clock,
      proxies: [parseCidr("10.0.0.0/24")],
    });
  }

  /** A client that has just connected. */
  connect(address: string): Client {
    const [client, server] = memoryPair({ first: { address, port: 40000 } });
    this.server.serve(server);
    return new Client(client);
  }

  /** Who was refused before the session, at which step, and why. */
  get refusals(): string[] {
    return this.events.filter(({ event }) => event === "refused")
      .map(({ fields: { client, step, reply } }) => `${client}, ${step}: ${reply}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.stop();
    await this.clock.advance(10_000);
    await this.server.finished;
    this.intake.assertContract();
  }
}
