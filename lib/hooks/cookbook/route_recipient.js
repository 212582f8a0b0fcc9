// @ts-check
/*
 * Sends the mail of an address, or of a whole domain, another way than the configuration does. Whatever is
 * listed is taken from everybody, so list none but your own domains.
 *
 * Grants: none.
 */

/**
 * Where mail goes, by address or `@domain` in lower case: `smtp://`, `smtps://` or `lmtp://` with host and port,
 * `mx`, `discard`, or with a queue `hold`.
 */
const ROUTES = new Map([
  ["joe@example.org", "smtp://127.0.0.1:2526"],
  ["noreply@example.org", "discard"],
  ["@lists.example.org", "lmtp://127.0.0.1:2424"],
]);

/** @type {Required<import("@smtpd/smtpd").HooksModule>["rcpt"]} */
export function rcpt(_session, { forwardPath }) {
  const domain = `@${forwardPath.domain.toLowerCase()}`;
  const route = ROUTES.get(forwardPath.localPart.toLowerCase() + domain) ?? ROUTES.get(domain);
  if (route !== undefined) return { permit: true, route };
}
