import { ADDRESS, type Mistake, RECORDS, testMistakes } from "./fixture.ts";

const mx = (...exchanges: string[]): Mistake["records"] => ({
  mx: {
    ...RECORDS.mx,
    "example.test": exchanges.map((exchange, i) => ({ preference: 10 * i, exchange })),
  },
});
const txt = (...records: string[]): Mistake["records"] => ({
  txt: { ...RECORDS.txt, "example.test": records },
});

const mistakes: readonly Mistake[] = [
  {
    name: "an MX that points elsewhere",
    records: mx("other.test."),
    tells: ["fail", "mx example.test", /goes to other\.test, and none/, /MX 10 mx\.test\. into/],
  },
  {
    name: "an MX of another name that leads here",
    records: { ...mx("alias.test."), a: { ...RECORDS.a, "alias.test": [ADDRESS] } },
    tells: ["ok", "mx example.test", /alias\.test, which leads to this machine$/],
  },
  {
    name: "a null MX",
    records: mx("."),
    tells: ["fail", "mx example.test", /null MX/, /^write example\.test\. MX 10 /],
  },
  {
    name: "no MX and no address",
    records: mx(),
    tells: ["fail", "mx example.test", /neither MX record nor address/, /^write/],
  },
  {
    name: "no MX, and the address of another machine",
    records: { ...mx(), a: { ...RECORDS.a, "example.test": ["203.0.113.7"] } },
    tells: ["fail", "mx example.test", /its address is another machine's$/, /^write/],
  },
  {
    name: "no MX, and our address",
    records: { ...mx(), a: { ...RECORDS.a, "example.test": [ADDRESS] } },
    tells: ["warn", "mx example.test", /by its address alone$/, /^write/],
  },
  {
    name: "no SPF",
    records: txt("something else"),
    tells: ["warn", "spf example.test", /does not say who may send/, /"v=spf1 mx -all"/],
  },
  {
    name: "two SPF records",
    records: txt("v=spf1 mx -all", "v=spf1 a -all"),
    tells: ["warn", "spf example.test", /has 2 SPF records/, /^keep one/],
  },
  {
    name: "SPF for everybody",
    records: txt("v=spf1 mx +all"),
    tells: ["warn", "spf example.test", /lets everybody send/, /-all/],
  },
  {
    name: "SPF without us",
    records: txt("v=spf1 ip4:198.51.100.0/24 ip4:nonsense -all"),
    tells: ["warn", "spf example.test", /does not name this/, /^add ip4:203\.0\.113\.5 to it$/],
  },
  {
    name: "SPF with our network",
    records: txt("V=SPF1 IP4:203.0.113.0/24 -all"),
    tells: ["ok", "spf example.test", /may cover this machine$/],
  },
];

testMistakes("domains", mistakes);
