/** A server whose clients come in memory, from the addresses that a test gives them. @module */
import { memoryPair } from "../../lib/net/memory_transport.ts";
import { type Server, startServer } from "../../lib/net/server.ts";
import { ClientLimits } from "../../lib/policy/client_limits.ts";
import { parseCidr } from "../../lib/policy/network.ts";
import { type SaslServer, saslServer } from "../../lib/policy/sasl.ts";
import { Client } from "./client.ts";
import { FakeClock } from "./fake_clock.ts";
import { RecordingIntake } from "./recording_intake.ts";
import { type LogEvent, serverOptions, type SessionOptions } from "./session_fixture.ts";

/** Lets everybody in who knows the word. */
function openSesame(attempts: ClientLimits): SaslServer {
  return saslServer({
    allowPlaintext: true,
    password: (_session, _name, word) => word === "open sesame",
    attempts,
  });
}

/** The server. It believes the PROXY headers of 10.0.0.0/24. */
export class Arriving implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly intake: RecordingIntake;
  readonly events: LogEvent[] = [];
  readonly server: Server;

  constructor(options: SessionOptions & { readonly authenticates?: boolean } = {}) {
    this.intake = new RecordingIntake(options.answers);
    const settings = serverOptions(options, this.intake, this.events);
    const rates = settings.limits;
    const clients = new ClientLimits({ rates, exempt: [], clock: this.clock, slots: 64 });
    this.server = startServer({
      ...settings,
      clients,
      sasl: options.authenticates ? openSesame(clients) : undefined,
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
