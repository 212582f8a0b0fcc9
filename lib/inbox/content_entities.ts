/** Character references in HTML (HTML Living Standard section 13.5). @module */

/** The names of U+00A0 to U+00FF, in order. */
const LATIN =
  "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg " +
  "plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave " +
  "Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH " +
  "Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig " +
  "agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml " +
  "eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

/** Other names that letters are written with, each before its character. */
const OTHERS =
  'amp & AMP & lt < LT < gt > GT > quot " QUOT " apos \' num # dollar $ percnt % lpar ( ' +
  "rpar ) ast * plus + comma , hyphen \u2010 dash \u2010 period . sol / colon : semi ; equals = quest ? " +
  "excl ! commat @ lsqb [ rsqb ] lowbar _ lbrace { rbrace } verbar | OElig Œ oelig œ Scaron Š scaron š " +
  "Yuml Ÿ fnof ƒ circ ˆ tilde ˜ ndash – mdash — lsquo ‘ rsquo ’ sbquo ‚ ldquo “ rdquo ” bdquo „ " +
  "dagger † Dagger ‡ bull • hellip … permil ‰ prime ′ Prime ″ lsaquo ‹ rsaquo › frasl ⁄ euro € trade ™ " +
  "larr ← uarr ↑ rarr → darr ↓ harr ↔ minus − infin ∞ ne ≠ le ≤ ge ≥ check ✓ cross ✗ star ☆ phone ☎ " +
  "ensp \u2002 emsp \u2003 thinsp \u2009 zwnj \u200c zwj \u200d lrm \u200e rlm \u200f";

const NAMED: ReadonlyMap<string, string> = namedCharacters();

function namedCharacters(): Map<string, string> {
  const named = new Map<string, string>([["Tab", "\t"], ["NewLine", "\n"]]);
  for (const [i, name] of LATIN.split(" ").entries()) {
    named.set(name, String.fromCharCode(0xa0 + i));
  }
  // Some of the characters are spaces to `\s`, but none is the space that stands between.
  const words = OTHERS.split(" ");
  for (let i = 0; i < words.length; i += 2) named.set(words[i], words[i + 1]);
  return named;
}

/** What numbers 128 to 159 stand for: there are pages that mean this character set by them. */
const WINDOWS = new TextDecoder("windows-1252");

/**
 * Decodes the references in a text or in the value of an attribute. Names are those of the letters of
 * western Europe and of punctuation; another name, or one without its semicolon, stays as it is, so that
 * `?a=1&copy=2` does.
 */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(
    /&(?:#(\d{1,8});?|#[xX]([0-9a-fA-F]{1,7});?|([A-Za-z][A-Za-z0-9]{1,10});)/g,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return NAMED.get(name) ?? whole;
      return character(decimal !== undefined ? parseInt(decimal, 10) : parseInt(hex!, 16));
    },
  );
}

function character(code: number): string {
  if (code >= 0x80 && code < 0xa0) return WINDOWS.decode(Uint8Array.of(code));
  const isNone = code === 0 || code > 0x10ffff || code >= 0xd800 && code < 0xe000;
  return isNone ? "\ufffd" : String.fromCodePoint(code);
}
