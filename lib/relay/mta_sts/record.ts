/** The TXT record by which a domain says that it has a policy (RFC 8461 section 3.1). @module */

/** The name below which the record of a domain stands: `_mta-sts.` before the domain. */
export const RECORD_LABEL = "_mta-sts";

const MARK = "v=STSv1;";

/** One field behind the version, with the delimiter in front of it. */
const FIELD = /[ \t]*;[ \t]*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([\x21-\x3a\x3c\x3e-\x7e]+)/y;
const END = /[ \t]*(?:;[ \t]*)?$/y;
const ID = /^[A-Za-z0-9]{1,32}$/;

/**
 * Reads one record.
 *
 * ```abnf
 * sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]
 * sts-field       = sts-id / sts-extension
 * sts-field-delim = *WSP ";" *WSP
 * sts-version     = %s"v=STSv1"
 * sts-id          = %s"id=" 1*32(ALPHA / DIGIT)
 * sts-extension   = sts-ext-name "=" sts-ext-value
 * sts-ext-name    = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
 * sts-ext-value   = 1*(%x21-3A / %x3C / %x3E-7E)  ; neither "=", ";", SP nor a control character
 * ```
 */
function readRecord(text: string): string | undefined {
  let id: string | undefined;
  let at = MARK.length - 1;
  while (true) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(text);
    if (match === null) break;
    const [, name, value] = match;
    at = FIELD.lastIndex;
    // RFC 8461 section 3.2: of a field that is there twice, all but the first are ignored.
    if (name === "id" && id === undefined) {
      if (!ID.test(value)) return undefined;
      id = value;
    }
  }
  END.lastIndex = at;
  return END.test(text) ? id : undefined;
}

/**
 * Finds the identifier of a domain's policy among the TXT records of `_mta-sts.DOMAIN`.
 *
 * @returns the identifier, or `undefined` where the domain has not exactly one record of that kind, or
 *   has one that is malformed (RFC 8461 section 3.1)
 */
export function policyIdOf(records: readonly string[]): string | undefined {
  const candidates = records.filter((record) => record.startsWith(MARK));
  return candidates.length === 1 ? readRecord(candidates[0]) : undefined;
}
