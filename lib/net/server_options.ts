/** What a server is made of, and the limits it keeps. @module */
import type { Accounts } from "../policy/accounts.ts";
import { type ClientLimits, type ClientRates, DEFAULT_RATES } from "../policy/client_limits.ts";
import type { Faults } from "../policy/faults/faults.ts";
import type { Hooks } from "../policy/hooks.ts";
import type { Cidr } from "../policy/network.ts";
import type { RelayingRules } from "../policy/relaying.ts";
import type { SaslServer } from "../policy/sasl.ts";
import type { Clock } from "./clock.ts";
import type { TrustedPeers } from "./conversation.ts";
import type { Intake } from "./intake.ts";
import type { Log } from "./log.ts";
import type { TlsIdentity } from "./tls_identity.ts";

/** The limits of a server. Times are in milliseconds, sizes in octets. */
export interface ServerLimits extends ClientRates {
  /** The largest message. */
  readonly maxSize: number;
  /** The most recipients of one transaction. */
  readonly maxRecipients: number;
  /** The most connections at once; one more is told 421 4.3.2. */
  readonly maxConnections: number;
  /** The same for one client address. */
  readonly maxConnectionsPerIp: number;
  /** The same for a client network: a /24 of IPv4, a /56 of IPv6. Clients that may relay are let be. */
  readonly maxConnectionsPerNetwork: number;
  /**
   * How long a client is kept waiting for the greeting, and told 554 if it talks before; `undefined` for
   * not at all. Clients that may relay are greeted at once.
   */
  readonly greetingDelay: number | undefined;
  /** The permanent refusals that a session may collect before it is told 421. */
  readonly maxErrors: number;
  /** How long a client may take for one command, or to read a reply (RFC 5321 section 4.5.3.2.7). */
  readonly timeout: number;
  /** How long it may send nothing of its mail data. */
  readonly dataTimeout: number;
  /** How long a session may last; after that only mail data that is already coming may end in it. */
  readonly sessionTimeout: number;
  /** The least octets of mail data a second, looked at once a minute; 0 for no floor. */
  readonly minDataRate: number;
}

/** The limits where nothing else is said. */
export const DEFAULT_LIMITS: ServerLimits = {
  maxSize: 25 * 1024 * 1024,
  maxRecipients: 1000,
  maxConnections: 1000,
  maxConnectionsPerIp: 50,
  maxConnectionsPerNetwork: 100,
  greetingDelay: undefined,
  maxErrors: 20,
  timeout: 5 * 60_000,
  dataTimeout: 10 * 60_000,
  sessionTimeout: 60 * 60_000,
  minDataRate: 100,
  ...DEFAULT_RATES,
};

/** One thing that a server does at a port of its own. */
export interface Service {
  /** The port; 0 takes a free one, the same for each address. */
  readonly port: number;
  /** Whether a client begins TLS before anything is said (RFC 8314 section 3). */
  readonly implicitTls?: boolean;
  /** Whether it is for submission (RFC 6409): a client has to authenticate before it sends mail. */
  readonly submission?: boolean;
}

/** What is done for those who submit mail. */
export interface SubmissionRules {
  /** Where the addresses are looked up that an account may send from; any if left out. */
  readonly accounts?: Accounts;
  /** Whether Bcc fields are taken out. */
  readonly removeBcc?: boolean;
  /** Whether the Received field tells nothing of the client. */
  readonly hidesClient?: boolean;
}

/** What a server is made of. */
export interface ServerOptions {
  /** The addresses to bind; none means every address, IPv6 and IPv4. */
  readonly hosts: readonly string[];
  /** What it does there. */
  readonly services: readonly Service[];
  /**
   * Descriptors of sockets that listen already. Where a service has the port of one, that is where it
   * listens, and nothing is bound for it.
   */
  readonly inherited?: readonly number[];
  /** Our certificates. STARTTLS is offered where there are some. */
  readonly identity?: TlsIdentity;
  /** Who authenticates clients. AUTH is offered where there is somebody. */
  readonly sasl?: SaslServer;
  /** What submission services do. */
  readonly submission?: SubmissionRules;
  /** Our name in the greeting, the EHLO reply and the Received field. */
  readonly hostname: string;
  /** Speaks LMTP (RFC 2033). */
  readonly lmtp?: boolean;
  /** Whether a bare CR or LF of a client counts as CR LF; otherwise it is refused. */
  readonly normalizeNewlines?: boolean;
  /**
   * Whether DSN is offered (RFC 3461). It takes an intake that keeps what was asked for, and answers for
   * it: passes it on, or tells the sender itself.
   */
  readonly dsn?: boolean;
  /**
   * Whether REQUIRETLS is offered inside TLS (RFC 8689). It takes an intake that keeps what was asked for,
   * and sends the message on in no other way.
   */
  readonly requireTls?: boolean;
  /** The limits to keep. */
  readonly limits: ServerLimits;
  /**
   * What is known of clients and kept of them, where other servers or logins share it; made from
   * `limits` if left out.
   */
  readonly clients?: ClientLimits;
  /** Networks whose connections begin with a PROXY header, which says who the client is. */
  readonly proxies?: readonly Cidr[];
  /** Networks of peers that are believed what they say of other clients. */
  readonly trustedPeers?: TrustedPeers;
  /** What is asked at each step. */
  readonly hooks: Hooks;
  /** What fails on purpose, for tests of clients. */
  readonly faults?: Faults;
  /** Who may send where. */
  readonly relaying: RelayingRules;
  /** Where accepted mail goes. */
  readonly intake: Intake;
  /** Who is told what happens. */
  readonly log: Log;
  /** The clock; the machine's if left out. */
  readonly clock?: Clock;
}
