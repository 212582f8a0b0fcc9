/** Who the server is in TLS: its certificates. @module */
import type { SecureContext } from "node:tls";

/** The certificates of a server, by the name that a client asks for (SNI, RFC 6066 section 3). */
export interface TlsIdentity {
  /** The context for the name that a client asks for; the first certificate's where none fits. */
  contextFor(serverName: string | undefined): SecureContext;
  /** `tls-server-end-point` of the certificate in that context (RFC 5929 section 4.1). */
  endPointFor(serverName: string | undefined): Uint8Array;
  /** Whether clients are asked for a certificate. */
  readonly asksClient: boolean;
}
