import { ADDRESS, HOST, type Mistake, RECORDS, testMistakes } from "./fixture.ts";

const ptr = (...names: string[]): Mistake["records"] => ({
  ptr: { "5.113.0.203.in-addr.arpa": names },
});

const mistakes: readonly Mistake[] = [
  {
    name: "a hostname that is not full",
    flags: { hostname: ["mail"] },
    tells: ["fail", "hostname", /^mail is no name that others/, /--hostname mail\.example\.org$/],
  },
  {
    name: "a hostname of the local network",
    flags: { hostname: ["mail.local"] },
    tells: ["fail", "hostname", /^mail\.local is no name/, /--hostname/],
  },
  {
    name: "a hostname without an address",
    flags: { hostname: ["none.test"] },
    tells: ["fail", "hostname", /^none\.test has no address$/, /^write an A record/],
  },
  {
    name: "a hostname of another machine",
    flags: { hostname: ["other.test"] },
    tells: ["fail", "hostname", /^other\.test leads to 203\.0\.113\.7, and this/, /--hostname$/],
  },
  {
    name: "a hostname that leads to the router in front",
    changes: { addresses: () => ["127.0.0.1", "192.168.0.2"] },
    tells: ["ok", "hostname", /a router in front of this machine should have$/],
  },
  {
    name: "a hostname that leads inside",
    records: { a: { ...RECORDS.a, [HOST]: ["192.168.0.2"] } },
    tells: ["warn", "hostname", /where nobody outside comes$/, /public address/],
  },
  {
    name: "no reverse DNS",
    records: ptr(),
    tells: [
      "fail",
      "reverse dns",
      /^203\.0\.113\.5 has no name/,
      /set its PTR record to mx\.test$/,
    ],
  },
  {
    name: "no reverse DNS where mail only comes in",
    flags: { route: ["hold"] },
    records: ptr(),
    tells: ["warn", "reverse dns", /^203\.0\.113\.5 has no name/, /PTR/],
  },
  {
    name: "reverse DNS that does not lead back",
    records: ptr("other.test.", "host\r\n.evil.test."),
    tells: [
      "fail",
      "reverse dns",
      /other\.test, host\\x0d\\x0a\.evil\.test, which does not/,
      /PTR/,
    ],
  },
  {
    name: "reverse DNS with another name",
    records: { ...ptr("alias.test."), a: { ...RECORDS.a, "alias.test": [ADDRESS] } },
    tells: ["warn", "reverse dns", /has the name alias\.test and not mx\.test$/, /--hostname$/],
  },
];

testMistakes("the name of the machine", mistakes);
