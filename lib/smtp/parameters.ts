/** Parameters of MAIL and RCPT (RFC 5321 section 4.1.2). @module */

/** Parameters by their keyword in upper case; one without a value has the empty string. */
export type Parameters = ReadonlyMap<string, string>;

/** As many as all registered extensions together could need. */
const MAX_PARAMETERS = 32;

const NONE: Parameters = new Map();

/**
 * ```abnf
 * Mail-parameters = esmtp-param *( SP esmtp-param )
 * esmtp-param     = esmtp-keyword [ "=" esmtp-value ]
 * esmtp-keyword   = ( ALPHA / DIGIT ) *( ALPHA / DIGIT / "-" )
 * esmtp-value     = 1*( %d33-60 / %d62-126 / UTF8-non-ascii )
 * ```
 */
const ESMTP_PARAM = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u00a0-\u{10ffff}]+))?$/u;

/**
 * Parses what stands behind a path, or answers what is wrong with it. More than one space between
 * parameters is tolerated, as trailing space is (RFC 5321 section 4.1.1).
 */
export function parseParameters(text: string): Parameters | { readonly fault: string } {
  if (text === "") return NONE;
  const parameters = new Map<string, string>();
  for (const word of text.split(" ")) {
    if (word === "") continue;
    const match = ESMTP_PARAM.exec(word);
    if (match === null) return { fault: "bad parameter" };
    const keyword = match[1].toUpperCase();
    if (parameters.has(keyword)) return { fault: `parameter ${keyword} stands twice` };
    if (parameters.size === MAX_PARAMETERS) return { fault: "too many parameters" };
    parameters.set(keyword, match[2] ?? "");
  }
  return parameters;
}
