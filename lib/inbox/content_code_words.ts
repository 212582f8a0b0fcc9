/** The words by which a one-time code is known from other numbers, in the languages of many senders. @module */

/** What stands around a number. */
export interface CodeContext {
  /** How much the nearest words speak of a code: 0 not at all, 1 so so, 2 plainly. */
  readonly strength: 0 | 1 | 2;
  /** Whether such words stand right before it. */
  readonly isNext: boolean;
  /** Whether it is alone in its line. */
  readonly isAlone: boolean;
  /** Whether the words around it say that it is something else. */
  readonly isOpposed: boolean;
}

/** Whole words. `\b` knows the letters of English only. */
function words(...patterns: string[]): string {
  return `(?<!\\p{L})(?:${patterns.join("|")})(?!\\p{L})`;
}

/** Codes that are no secrets, and numbers by name: they must be found before "code" is. */
const OTHER = words(
  "(?:zip|post(?:al)?|area|country|dial(?:ling)?|gift|referral|invite|error|status|exit|source|product|item|" +
    "article|tracking|booking|reservation|qr|sort|bar|swift|bic|dress|colou?r|tax|class)[ -]?codes?",
  "(?:produkt|artikel|fehler|quell|farb|buchungs|bar|post|bestell)-?code",
  "code (?:postal|barre|source|produit|article|erreur)",
  "c[oó]digo (?:postal|de barras|de producto)",
  "codice (?:postale|fiscale|prodotto)|kod pocztowy",
  "numbers?|\\p{L}*nummern?|\\p{L}*nr\\.|no\\.|num[eé]ro|n[uú]mero|(?:user|account|order|customer) ?id|ids?",
  "postleitzahl|plz|copyright|since|founded|iban|bic|isbn|vat|p\\.?o\\. box",
) + "|©|№|номер|订单|注文|주문";

/** Words for things that have numbers. They are about one only if they stand right before it in its line. */
const NEAR = words(
  "order|invoice|receipt|ticket|case|reference|ref|tracking|shipment|parcel|flight|booking|reservation",
  "build|release|issue|request|commit|port|room|page|model|version|serial|phone|telephone|tel|mobile|fax",
  "hotline|call|amount|total|subtotal|price|balance|zip",
  "bestellung|rechnung|vorgang|vertrag|beleg|lieferung|sendung|betrag|telefon",
  "pedido|factura|fatura|tel[eé]fono|importe|commande|facture|t[eé]l[eé]phone",
  "montant|ordine|fattura|zamówieni\\p{L}*|faktura|bestelling|factuur|заказ\\p{L}*",
);

/** Words that can mean nothing else. */
const PLAIN = words(
  "(?:verification|security|confirmation|authentication|authori[sz]ation|activation|access|log-?in|sign-?in|" +
    "single-use|one[- ]time|two-factor|2fa|mfa|temporary|recovery|reset|validation)" +
    "[ -](?:pass)?(?:code|pin|password|token)",
  "pass-?codes?|otp|pin|m?tan|code à usage unique|codice (?:otp|monouso)",
  "(?:best(?:ä|ae)tigungs|sicherheits|verifizierungs|einmal|anmelde|aktivierungs|zugangs|freischalt|login|prüf)" +
    "-?(?:code|kennwort|passwort|pin)",
  "c[oó]digo de (?:verificaci[oó]n|seguridad|confirmaci[oó]n|acceso|un solo uso)",
  "código de (?:verificação|segurança|confirmação|acesso)",
  "code (?:de |d['’])(?:v[eé]rification|confirmation|s[eé]curit[eé]|connexion|validation|activation|acc[eè]s)",
  "codice di (?:verifica|sicurezza|conferma|accesso)",
  "kod (?:weryfikacyjny|jednorazowy|bezpieczeństwa|potwierdzający)|(?:doğrulama|onay) kodu",
  "(?:verificatie|bevestigings|beveiligings)code|(?:verifierings|bekræftelses|engångs|engangs|säkerhets)kode?",
  "код\\p{L}* (?:подтверждения|доступа|безопасности|активации)|одноразов\\p{L}* (?:код|пароль)",
) +
  "|验证码|驗證碼|校验码|动态码|確認コード|認証コード|認証番号|ワンタイムパスワード|인증 ?번호|인증 ?코드|보안 ?코드" +
  "|mã xác (?:minh|thực|nhận)|رمز (?:التحقق|التأكيد)|קוד (?:ה?אימות)";

/** Words that often speak of a code. */
const VAGUE = words(
  "codes?|\\p{L}+code|tokens?|verif(?:y|ication|ied)|confirm(?:ation|ed)?|password",
  "kennwort|passwort|best(?:ä|ae)tig\\p{L}*|verifizier\\p{L}*",
  "c[oó]digo|contraseña|verificaci[oó]n|verificação|confirmaci[oó]n|senha",
  "v[eé]rifi(?:cation|er|ez)|confirm(?:er|ez)|mot de passe|codice|verifica|password",
  "kod(?:e|en|u)?|wachtwoord|lösenord|код(?:а|у|ом)?|пароль",
) + "|コード|코드";

/** Words of sales: what is typed there is no secret of one reader. */
const SALES = new RegExp(
  `\\d ?% ?(?:off|rabatt|discount)|${
    words("coupons?", "vouchers?", "promo\\p{L}*", "discounts?", "checkout", "gutschein\\p{L}*") +
    "|" +
    words("rabatt\\p{L}*", "descuento", "desconto", "r[eé]duction", "sconto", "korting\\p{L}*")
  }`,
  "iu",
);

const WORDS = new RegExp(
  `(?<other>${OTHER})|(?<near>${NEAR})|(?<plain>${PLAIN})|(?<vague>${VAGUE})`,
  "giu",
);

/** So far before a number, and behind it, words are looked for. */
const REACH_BEFORE = 160;
const REACH_BEHIND = 60;

/** Words that are not farther away than this stand right before a number. */
const NEXT = 12;

/** A number of another kind is as near as this to the words that say so. */
const OPPOSED = 30;

/** As much of a text tells whether it speaks of codes at all. */
const BEGINNING = 16_384;

/** What may stand around a code that is alone in its line: quotes, brackets, marks of emphasis. */
const FRAME = /^[\s*_<>"'()[\]{}“”„«».:`|-]*$/;

interface Hit {
  readonly kind: "other" | "near" | "plain" | "vague";
  readonly start: number;
  readonly end: number;
}

function wordsIn(text: string): Hit[] {
  return [...text.matchAll(WORDS)].map(({ index: start, 0: word, groups }) => {
    const { other, near, plain } = groups!;
    const kind = other !== undefined
      ? "other"
      : near !== undefined
      ? "near"
      : plain !== undefined
      ? "plain"
      : "vague";
    return { kind, start, end: start + word.length };
  });
}

/** Whether a text speaks of codes at all. */
export function knowsOfCodes(text: string): boolean {
  const hits = wordsIn(text.slice(0, BEGINNING));
  return hits.some(({ kind }) => kind === "plain" || kind === "vague");
}

/**
 * Looks at the words around the number from `start` to `end`. The last of those before it tells, in the
 * paragraph, or for a number that is alone in its line also in the one that leads to it; then the first of
 * those behind it, as in "123456 is your code". "Order 123456 is confirmed" has none, "Your order waits:
 * enter 123456 to confirm it" may have one.
 */
export function contextOf(text: string, start: number, end: number): CodeContext {
  const ahead = text.slice(Math.max(0, start - REACH_BEFORE), start);
  const rest = text.slice(end, end + REACH_BEHIND);
  const isAlone = isFrame(ahead.split("\n").at(-1)!) && isFrame(rest.split("\n", 1)[0]);
  const before = isAlone ? ahead : ahead.split(/\n\s*\n/).at(-1)!;
  const behind = isAlone ? rest : rest.split(/\n\s*\n/, 1)[0];
  const last = wordsIn(before)
    .filter((hit) => hit.kind !== "near" || !isAlone && before.length - hit.end <= NEXT).at(-1);
  const distance = last === undefined ? Infinity : before.length - last.end;
  const first = wordsIn(behind).find((hit) => hit.kind !== "near");
  const isLast = last !== undefined &&
    (last.kind === "plain" || last.kind === "vague" || first === undefined || distance <= OPPOSED);
  const kind = (isLast ? last : first)?.kind;
  const isOpposed = kind === "other" || kind === "near" || SALES.test(before) || SALES.test(behind);
  return {
    strength: isOpposed || kind === undefined ? 0 : kind === "plain" ? 2 : 1,
    isNext: isLast && distance <= NEXT,
    isAlone,
    isOpposed,
  };
}

/** A line that goes on beyond what is looked at is full of it, so it fails as well. */
function isFrame(part: string): boolean {
  return part.length <= 40 && FRAME.test(part);
}
