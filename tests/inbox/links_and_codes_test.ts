import { assertEquals } from "@std/assert";
import { readPage } from "../../lib/inbox/content_page.ts";
import { findCodes, findLinks } from "../../lib/inbox/links_and_codes.ts";

const links: [text: string, expected: string[]][] = [
  ["See https://example.test/a and http://example.test/b", [
    "https://example.test/a",
    "http://example.test/b",
  ]],
  ["https://example.test/a, https://example.test/a; https://example.test/a", [
    "https://example.test/a",
  ]],
  ["Go to https://example.test/a?b=c&d=e#f.", ["https://example.test/a?b=c&d=e#f"]],
  ["<https://example.test/a>", ["https://example.test/a"]],
  ['"https://example.test/a"', ["https://example.test/a"]],
  ["(https://example.test/a)", ["https://example.test/a"]],
  ["(see https://example.test/wiki/A_(b).)", ["https://example.test/wiki/A_(b)"]],
  ["https://example.test/wiki/A_(b_(c))", ["https://example.test/wiki/A_(b_(c))"]],
  ["[here](https://example.test/a), [there](https://example.test/b)!", [
    "https://example.test/a",
    "https://example.test/b",
  ]],
  ["[https://example.test/a](https://example.test/b)", [
    "https://example.test/a",
    "https://example.test/b",
  ]],
  ["**https://example.test/a**", ["https://example.test/a"]],
  ["https://example.test/t/abc-_?", ["https://example.test/t/abc-_"]],
  ["https://example.test/t/YWJj==", ["https://example.test/t/YWJj=="]],
  ["http://[::1]:8025/a", ["http://[::1]:8025/a"]],
  ["http://localhost:3000/reset/1", ["http://localhost:3000/reset/1"]],
  ["HTTPS://EXAMPLE.TEST/A", ["HTTPS://EXAMPLE.TEST/A"]],
  ["点击https://example.test/激活。谢谢", ["https://example.test/激活"]],
  ["https://example.test/a\nhttps://example.test/b\r\n", [
    "https://example.test/a",
    "https://example.test/b",
  ]],
  ["mailto:a@example.test ftp://example.test/ javascript:alert(1) //example.test", []],
  ["http:// https://. http://? xhttp://example.test", []],
  [`https://example.test/${"a".repeat(9_000)}`, []],
];

Deno.test("links of a text end where its sentence goes on", async (t) => {
  for (const [text, expected] of links) {
    await t.step(text.slice(0, 60), () => {
      assertEquals(findLinks(text, undefined, false, 500), expected);
    });
  }
});

const pageLinks: [html: string, expected: string[]][] = [
  ['<a href="https://example.test/?a=1&amp;b=2">x</a>', ["https://example.test/?a=1&b=2"]],
  ['<a href="https://example.test/?a=1&copy=2">x</a>', ["https://example.test/?a=1&copy=2"]],
  ["<A class='b' HREF='https://example.test/a'>x</A>", ["https://example.test/a"]],
  ["<a href=https://example.test/a>x</a>", ["https://example.test/a"]],
  ['<a title="a > b" href = "\n https://example.test/\na ">x</a>', ["https://example.test/a"]],
  ['<map><area href="https://example.test/a"></map>', ["https://example.test/a"]],
  ['<a href="https&#58;//example.test/a">x</a>', ["https://example.test/a"]],
  [
    '<a href="https://example.test/a">one</a> https://example.test/b ' +
    '<a href="https://example.test/c">https://example.test/a</a>',
    ["https://example.test/a", "https://example.test/b", "https://example.test/c"],
  ],
  ['<!-- <a href="https://example.test/a">x</a> -->', []],
  ['<style>@import "https://example.test/a"</style><script>"https://example.test/b"</script>', []],
  ['<link href="https://example.test/a"><img src="https://example.test/b">', []],
  ['<a href="javascript:alert(1)">x</a><a href="/a">x</a><a href="cid:a">x</a><a href>x</a>', []],
];

Deno.test("links of HTML are those that a reader can follow", async (t) => {
  for (const [html, expected] of pageLinks) {
    await t.step(html, () => {
      const page = readPage(html);
      assertEquals(findLinks(page.text, page, true, 500), expected);
    });
  }
});

Deno.test("links of a text come before those of its HTML, and there is an end to them", () => {
  const page = readPage('<a href="https://example.test/b"><a href="https://example.test/a">');
  assertEquals(findLinks("x https://example.test/a", page, false, 500), [
    "https://example.test/a",
    "https://example.test/b",
  ]);
  const many = Array.from({ length: 2_000 }, (_, i) => `https://example.test/${i}`).join(" ");
  assertEquals(findLinks(many, page, false, 500).length, 501);
});

const codes: [text: string, expected: string[]][] = [
  // English
  ["Your verification code is 482913.", ["482913"]],
  ["Your Acme code is: 4829", ["4829"]],
  ["482913 is your Acme verification code.", ["482913"]],
  ["G-482913 is your Google verification code.", ["482913"]],
  ["Enter 482 913 to confirm your email address.", ["482913"]],
  ["Use this one-time password to sign in: 482-913", ["482913"]],
  ["Hello,\n\nhere is your code:\n\n    482913\n\nIt is valid for 10 minutes.", ["482913"]],
  ["Confirm your account\n\n4 8 2 9 1 3\n\nThis expires at 12:30 on 2026-05-04.", ["482913"]],
  ["Your OTP is 77120934. Do not share it.", ["77120934"]],
  ["PIN: 2031", ["2031"]],
  ["Your token: 7K2M9QXA", ["7K2M9QXA"]],
  ["Device code\n\nWD3B-MJ7T\n\nEnter it at https://example.test/device/123456", ["WD3BMJ7T"]],
  ["Use the following passcode to sign in to your account:\n\n*482913*", ["482913"]],
  ["To sign in, use the following code in the\nopen window: 482913", ["482913"]],
  ["Your order 1000234 waits. Enter the code 482913 to confirm it.", ["482913"]],
  ["Your login code is 482913. It was requested from 192.0.2.15 in 2026.", ["482913"]],
  ["Your code: 482913\n\nAcme Inc., 94107 San Francisco, phone +1 555 123 4567", ["482913"]],
  ["Your code: 48291\n(your last code, 11223, is void)", ["48291", "11223"]],
  ["482913", ["482913"]],
  ["Sign in to Acme\n\n482-913\n\nThe Acme team", ["482913"]],
  ["Password reset\n\n4829\n\nType this code into the form.", ["4829"]],
  // German
  ["Ihr Bestätigungscode lautet 482913.", ["482913"]],
  ["Ihr Code: 482 913", ["482913"]],
  ["Geben Sie 482913 ein, um Ihre E-Mail-Adresse zu bestätigen.", ["482913"]],
  ["Einmaliges Kennwort: 8F3K2Q", ["8F3K2Q"]],
  ["Ihre TAN für den Auftrag: 482913", ["482913"]],
  // Spanish, Portuguese, French, Italian
  ["Tu código de verificación es 482913", ["482913"]],
  ["Usa el código 4829 para entrar.", ["4829"]],
  ["Seu código de segurança: 482913", ["482913"]],
  ["Votre code de vérification est le 482913.", ["482913"]],
  ["482913 est votre code à usage unique", ["482913"]],
  ["Il tuo codice di verifica è 482913", ["482913"]],
  // Others
  ["Je verificatiecode is 482913", ["482913"]],
  ["Twój kod weryfikacyjny: 482913", ["482913"]],
  ["Din engångskod är 482913", ["482913"]],
  ["Ваш код подтверждения: 482913", ["482913"]],
  ["您的验证码是482913，请在5分钟内输入。", ["482913"]],
  ["認証コード：482913", ["482913"]],
  ["인증번호 [482913]를 입력하세요.", ["482913"]],
  // None
  ["", []],
  ["© 2026 Code Company. All rights reserved since 1998.", []],
  ["Your order 482913 is confirmed.", []],
  ["Order number\n\n482913\n\nThank you.", []],
  ["Your invoice number is 10002345, please confirm.", []],
  ["Ihre Bestellnummer: 48291322", []],
  ["Rechnung 48291 vom 04.05.2026 über 1234,56 € bestätigt", []],
  ["Total: $4829.00, paid with the card ending in 4242 4242 4242 4242. Confirm it.", []],
  ["Confirm your visit on 2026-05-04 at 10:30, or 05/04/2026 at 1030 Uhr.", []],
  ["To confirm, call +1 555 123 4567 or (555) 123-4567 or 0800 123 456 78.", []],
  ["Use code SAVE2026 at checkout for 20% off.", []],
  ["Ihr Gutscheincode: ABCD1234", []],
  ["Verify your email: https://example.test/verify/482913?code=123456", []],
  ["Verify your email: user482913@example.test", []],
  ["Verification failed with error code 5001.", []],
  ["Postal code 94107, confirm your address.", []],
  ["a { color: #482913; width: 6000px } confirm", []],
  ["The token bucket holds 5000 items; confirm 1500 users.", []],
  ["Confirm request 550e8400-e29b-41d4-a716-446655440000", []],
  ["Join us in 2026 to verify what was written in 1984.", []],
  ["Meeting notes\n\n2026\n\nWe agreed on everything.", []],
  ["RFC5321 and ISO8859 are confirmed.", []],
  ["Tracking number 1Z999AA10123456784 is confirmed.", []],
  ["Reference AB12CD34 has been confirmed.", []],
];

Deno.test("codes are told from other numbers", async (t) => {
  for (const [text, expected] of codes) {
    await t.step(text.replaceAll("\n", " / ") || "(nothing)", () => {
      assertEquals(findCodes([text], 10), expected);
    });
  }
});

const pageCodes: [html: string, expected: string[]][] = [
  ["<h1>Confirm your email</h1><table><tr><td>482913</td></tr></table><p>Bye</p>", ["482913"]],
  ["<p>Your code is <b>482</b><b>913</b></p>", ["482913"]],
  ["<p>Your code</p><table><tr><td>4<td>8<td>2<td>9<td>1<td>3</table>", ["482913"]],
  ["<style>p { color: #482913 }</style><p>Your code</p><p style='width:6000px'>x</p>", []],
  ["<p>Your code: <a href='https://example.test/482913'>click here</a></p>", []],
];

Deno.test("codes are found in HTML", async (t) => {
  for (const [html, expected] of pageCodes) {
    await t.step(html, () => assertEquals(findCodes([readPage(html).text], 10), expected));
  }
});

Deno.test("codes are the likeliest first, each once, and not more than asked for", () => {
  const text = "482913\n\nthe code might be 7712 or 3344\n\nYour verification code is 90210";
  assertEquals(findCodes([text, text], 10), ["90210", "7712", "482913", "3344"]);
  assertEquals(findCodes([text], 2), ["90210", "7712"]);
});

const mebibyte = 1024 * 1024;

/** Each would take minutes where time went up with the square of the length. */
const hostile: [name: string, text: string][] = [
  ["schemes", "http://"],
  ["schemes and spaces", "http:// "],
  ["links", "http://a.test/( "],
  ["open brackets", "("],
  ["links and brackets", "http://a(".padEnd(12, ")")],
  ["digits", "1"],
  ["numbers", "1 "],
  ["numbers and hyphens", "1-"],
  ["codes", "code 123456\n"],
  ["capitals", "A1"],
  ["letters with marks", "é"],
  ["letters with marks and others", "éa"],
  ["words of codes", "code "],
  ["line ends", "\n"],
  ["spaces", " "],
  ["open tags", "<a "],
  ["tags without end", "<a href='"],
  ["attributes", "a = "],
  ["comments", "<!--"],
  ["styles", "<style>"],
  ["references", "&#"],
  ["ampersands", "&amp"],
  ["list items", "<li><pre>\n"],
];

Deno.test("text that was made to take long is read all the same", async (t) => {
  for (const [name, part] of hostile) {
    await t.step(name, () => {
      const text = part.repeat(mebibyte / part.length);
      const page = readPage(text);
      for (const isPageText of [false, true]) {
        findLinks(isPageText ? page.text : text, page, isPageText, 500);
      }
      assertEquals(findCodes([text, page.text], 10).length <= 10, true);
    });
  }
});
