/** Logs in at a next hop. @module */
import { endPointOf } from "../net/end_point.ts";
import { isPositive, reply } from "../smtp/reply.ts";
import type { Client, ClientEvent } from "./client.ts";
import { type Credentials, CredentialsError, readProof } from "./credentials.ts";
import { endingReply, formatOrigin, type HopReply, type Origin } from "./remote_reply.ts";
import { chooseMechanism } from "./sasl_client/choice.ts";
import { SaslFault, type SaslMechanism } from "./sasl_client/mechanism.ts";

const TOO_LONG = "the secret is too long for it";

/** Where we log in. */
export interface Server extends Origin {
  readonly port: number;
  /** The mechanisms that it offers. */
  readonly offered: readonly string[];
}

/**
 * Logs in, in a session that has nothing under way.
 *
 * @returns the reply that says why it came to nothing, if it did. It is transient whatever the server
 *   says: what is wrong with our account is no fault of the message.
 */
export async function authenticate(
  client: Client,
  credentials: Credentials,
  server: Server,
): Promise<HopReply | undefined> {
  const where = formatOrigin(server);
  let mechanism: SaslMechanism | string;
  try {
    const { tls } = client;
    mechanism = chooseMechanism(readProof(credentials), {
      ...server,
      tls,
      endPoint: endPointIn(tls?.certificate),
    });
  } catch (error) {
    if (!(error instanceof CredentialsError)) throw error;
    return reply(451, "4.7.8", error.message);
  }
  if (typeof mechanism === "string") {
    return reply(451, "4.7.0", `Cannot log in at ${where}: ${mechanism}`);
  }
  const outcome = await converse(client, mechanism);
  if (typeof outcome === "string") {
    return reply(451, "4.7.8", `${where} failed in ${mechanism.name}: ${outcome}`);
  }
  if (outcome.type !== "reply") {
    return endingReply(outcome as Parameters<typeof endingReply>[0], server);
  }
  if (!isPositive(outcome.reply)) {
    // Its words are passed on as text: as a reply of the host they could make a lasting failure.
    const { code, enhanced = "", lines } = outcome.reply;
    const said = `${code} ${enhanced} ${lines[0].slice(0, 400)}`.replace("  ", " ").trimEnd();
    return reply(451, "4.7.8", `${where} does not let us in by ${mechanism.name}: ${said}`);
  }
  if (mechanism.isComplete) return undefined;
  client.close();
  return reply(
    451,
    "4.7.8",
    `${where} did not show that it knows the password (${mechanism.name})`,
  );
}

/** The tls-server-end-point of a certificate, where it has one. */
function endPointIn(certificate: Uint8Array | undefined): Uint8Array | undefined {
  try {
    return certificate && endPointOf(certificate);
  } catch (error) {
    // What TLS itself can read is not always what can be read here; then there is nothing to bind to.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Holds the exchange; answers how it ended, or what is wrong with the server. */
async function converse(client: Client, mechanism: SaslMechanism): Promise<ClientEvent | string> {
  try {
    client.auth(mechanism.name, mechanism.initialResponse);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return TOO_LONG;
  }
  while (true) {
    const event = await client.event("auth");
    if (event.type !== "challenge") return event;
    try {
      client.respond(await mechanism.respond(event.octets));
    } catch (error) {
      if (!(error instanceof SaslFault || error instanceof RangeError)) throw error;
      client.cancelAuth();
      await client.event("auth");
      // A server that is not who it should be gets nothing else from us.
      client.close();
      return error instanceof RangeError ? TOO_LONG : error.message;
    }
  }
}
