import { ADDRESS, dnsOf, HOST, type Mistake, RECORDS, rejecting, testMistakes } from "./fixture.ts";

const mistakes: readonly Mistake[] = [
  {
    name: "a name server that makes up answers",
    changes: {
      dns: {
        ...dnsOf(RECORDS),
        a: (name) => Promise.resolve(RECORDS.a[name] ?? ["198.51.100.1"]),
      },
    },
    tells: ["fail", "name server", /does not exist \(198\.51\.100\.1\)$/, /honest one to --dns$/],
  },
  {
    name: "a name server that does not answer",
    flags: { dns: ["192.0.2.53"] },
    changes: { dns: rejecting(new Error("Cannot ask")) },
    tells: ["fail", "name server", /^the name server 192\.0\.2\.53:53 does not answer/, /--dns/],
  },
  {
    name: "port 25 that is refused on the way out",
    changes: { greeting: () => Promise.reject(new Deno.errors.ConnectionRefused("refused")) },
    tells: [
      "fail",
      "outbound",
      /^cannot connect to mail\.probe\.test port 25 \(refused\)$/,
      /many networks block port 25; .*--route smtp:\/\/USER@HOST\?password-file=FILE$/,
    ],
  },
  {
    name: "somebody else at port 25 on the way out",
    changes: { greeting: () => Promise.resolve(undefined) },
    tells: ["fail", "outbound", /does not greet as a mail host$/, /block port 25/],
  },
  {
    name: "a mail host that does not like us",
    changes: { greeting: () => Promise.resolve("554 5.7.1 blocked\r\n") },
    tells: ["warn", "outbound", /port 25 says 554 5\.7\.1 blocked$/, /block list/],
  },
  {
    name: "a probe that is no domain of mail",
    records: { mx: {}, a: { [HOST]: [ADDRESS] } },
    tells: ["warn", "outbound", /./, /--probe/],
  },
  {
    name: "a smarthost that cannot be reached",
    flags: { route: ["smtps://other.test"] },
    changes: { connect: () => Promise.reject(new Deno.errors.ConnectionRefused("refused")) },
    tells: ["fail", "route smtps://other.test:465", /port 465 \(refused\)$/, /--route$/],
  },
  {
    name: "a smarthost without an address",
    flags: { route: ["lmtp://none.test"] },
    tells: ["fail", "route lmtp://none.test:24", /none\.test/, /^give another host to --route$/],
  },
];

testMistakes("the network", mistakes);
