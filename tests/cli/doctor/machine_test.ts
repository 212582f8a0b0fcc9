import type { World } from "../../../lib/cli/doctor/world.ts";
import { FakeClock } from "../../net/fake_clock.ts";
import { DAY, type Mistake, testMistakes } from "./fixture.ts";

const disk = (changes: Partial<ReturnType<World["fileSystem"]>>): Partial<World> => ({
  fileSystem: () => ({ kind: 0xef53, free: 1e12, files: 1e6, freeFiles: 9e5, ...changes }),
});
const off = (milliseconds: number): Partial<World> => ({
  webTime: () => Promise.resolve(new FakeClock().now() - milliseconds),
});

const mistakes: readonly Mistake[] = [
  {
    name: "a Deno that cannot do TLS as a server",
    changes: { denoVersion: "2.4.2" },
    tells: ["warn", "deno", /^Deno 2\.4\.2 cannot do TLS/, /2\.8 or later/],
  },
  {
    name: "fewer files than connections",
    changes: { openable: () => 500 },
    tells: ["fail", "open files", /^500 files .* 1264$/, /ulimit -n 1264 .*--max-connections 236$/],
  },
  {
    name: "files for connections alone",
    changes: { openable: () => 1100 },
    tells: ["warn", "open files", /^1100 files /, /LimitNOFILE=1264 .*--max-connections 836$/],
  },
  {
    name: "a disk below the watermark",
    changes: disk({ free: 1e6 }),
    tells: ["fail", "disk", /^976\.6 KiB are free, and below 64\.0 MiB .*does now$/, /^make room/],
  },
  {
    name: "a disk that is nearly full",
    changes: disk({ free: 100e6 }),
    tells: ["warn", "disk", /as it soon will$/, /--queue$/],
  },
  {
    name: "no inodes",
    changes: disk({ freeFiles: 0 }),
    tells: ["fail", "inodes", /^no more files/, /^remove some/],
  },
  {
    name: "few inodes",
    changes: disk({ freeFiles: 900 }),
    tells: ["warn", "inodes", /^900 more files/, /^remove some/],
  },
  {
    name: "a queue on NFS",
    changes: disk({ kind: 0x6969 }),
    tells: ["fail", "file system", /^it is NFS, /, /^give a directory on a local disk to --queue$/],
  },
  {
    name: "a queue in memory",
    changes: disk({ kind: 0x01021994 }),
    tells: ["warn", "file system", /^it is tmpfs: .*gone/, /local disk/],
  },
  {
    name: "a disk that stores slowly",
    changes: { sync: () => 250 },
    tells: ["warn", "fsync", /^it takes 250\.0 ms/, /faster disk/],
  },
  {
    name: "a disk that fails",
    changes: {
      sync: () => {
        throw new Error("Input/output error (os error 5)");
      },
    },
    tells: ["fail", "fsync", /^cannot store a file .*\(Input\/output error/, /^mend the disk/],
  },
  {
    name: "a clock that is a minute behind",
    changes: off(-59_500),
    tells: ["warn", "clock", /^it is 1m behind http:\/\/probe\.test$/, /NTP/],
  },
  {
    name: "a clock that is a day ahead",
    changes: off(DAY + 500),
    tells: ["fail", "clock", /^it is 1d ahead of http:\/\/probe\.test$/, /^set it/],
  },
  {
    name: "no web server that tells the time",
    changes: { webTime: () => Promise.reject(new Deno.errors.ConnectionRefused()) },
    tells: ["skip", "clock", /^not known, http:\/\/probe\.test does not tell the time$/],
  },
];

testMistakes("the machine", mistakes);
