// @ts-check
/*
 * Gives one mailbox the mail for everybody at a domain who is unknown. Those who are known, and other
 * domains, are left to the configuration. `postmaster` has to be somebody (RFC 5321 section 4.5.1): list
 * it, or the one mailbox gets its mail too.
 *
 * Grants: none.
 */

/** In lower case. */
const DOMAINS = new Set(["example.org"]);
const KNOWN = new Set(["ann", "joe"]);
const MAILBOX = { localPart: "catchall", domain: "example.org" };

/** @type {Required<import("@smtpd/smtpd").HooksModule>["rcpt"]} */
export function rcpt(_session, { forwardPath: { localPart, domain } }) {
  if (!DOMAINS.has(domain.toLowerCase()) || KNOWN.has(localPart.toLowerCase())) return;
  return { forwardPaths: [MAILBOX] };
}
