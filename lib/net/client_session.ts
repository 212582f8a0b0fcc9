/** What is known of the client of one session, as it comes to be known. @module */
import type { SaslSession } from "../policy/sasl.ts";
import type { Endpoint, Session, TlsFacts, Upstream } from "../policy/session.ts";
import { newId } from "./id.ts";
import type { ServerTlsFacts } from "./tls_transport.ts";
import type { ClientFacts, Ends } from "./xclient.ts";

/** The protocol that each greeting asks for. */
const PROTOCOLS = { HELO: "SMTP", EHLO: "ESMTP", LHLO: "LMTP" } as const;

/** A session from the server's side. Hooks see the facts; only the conversation changes them. */
export class ClientSession implements SaslSession {
  readonly id: string = newId();
  #remote: Endpoint;
  #local: Endpoint;
  #protocol: Session["protocol"];
  #heloName: string | undefined;
  #tls: ServerTlsFacts | undefined;
  #account: string | undefined;
  #upstream: Upstream | undefined;

  /** Begins with the ends of a connection. */
  constructor(ends: Ends) {
    this.#remote = ends.remote;
    this.#local = ends.local;
  }

  get remote(): Endpoint {
    return this.#remote;
  }

  get local(): Endpoint {
    return this.#local;
  }

  get protocol(): Session["protocol"] {
    return this.#protocol;
  }

  get heloName(): string | undefined {
    return this.#heloName;
  }

  get tls(): TlsFacts | undefined {
    return this.#tls;
  }

  get account(): string | undefined {
    return this.#account;
  }

  get upstream(): Upstream | undefined {
    return this.#upstream;
  }

  get endPoint(): Uint8Array | undefined {
    return this.#tls?.endPoint;
  }

  /** The client calls itself by a name. Answers what takes that back. */
  greet(verb: keyof typeof PROTOCOLS, name: string): () => void {
    const [protocol, heloName] = [this.#protocol, this.#heloName];
    this.#protocol = PROTOCOLS[verb];
    this.#heloName = name;
    return () => {
      this.#protocol = protocol;
      this.#heloName = heloName;
    };
  }

  /**
   * The session runs inside TLS from now on. What the client said of itself before, anybody may have
   * said (RFC 3207 section 4.2).
   */
  secure(tls: ServerTlsFacts): void {
    this.#tls = tls;
    this.#protocol = undefined;
    this.#heloName = undefined;
    this.#account = undefined;
    this.#upstream = undefined;
  }

  /** The client has proved who it is. */
  authenticate(account: string): void {
    this.#account = account;
  }

  /** The session is another client's from now on, for whom the peer speaks. */
  speakFor({ remote, local, protocol, heloName, account }: ClientFacts): void {
    this.#remote = remote;
    this.#local = local;
    this.#protocol = protocol;
    this.#heloName = heloName;
    this.#account = account;
    this.#upstream = undefined;
    // The certificate is the peer's, and lets it relay: not those it speaks for.
    if (this.#tls !== undefined) this.#tls = { ...this.#tls, clientFingerprint: undefined };
  }

  /** Where the peer has the next message from; nothing is known of the message behind that. */
  handOn(upstream: Upstream | undefined): void {
    this.#upstream = upstream;
  }
}
