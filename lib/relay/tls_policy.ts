/** How much TLS is asked of a next hop. @module */

/**
 * - `opportunistic`: TLS where it is to be had, with any certificate; plaintext where it is not.
 * - `require`: TLS with any certificate, or no mail.
 * - `verify`: TLS with a certificate that is verified for the name of the host, or no mail.
 */
export type TlsLevel = "opportunistic" | "require" | "verify";
