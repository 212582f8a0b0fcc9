/** Whether the ports can be bound, and who has them where they cannot. @module */
import type { Config } from "../../config.ts";
import { ListenError } from "../../net/server.ts";
import { serviceName } from "../../net/service_name.ts";
import { printable } from "../../smtp/reply.ts";
import { failureOf } from "../failure.ts";
import { connectable, headerFor } from "../greeting.ts";
import { listenFailure } from "../listen_failure.ts";
import { portSetBy, servicesOf } from "../services.ts";
import { type Examination, fail, type Finding, ok } from "./finding.ts";
import type { World } from "./world.ts";

/** A port, and how it is told. */
interface Place {
  readonly name: string;
  readonly hosts: readonly string[];
  readonly port: number;
  /** The flag or key that sets it. */
  readonly setBy: string;
  /** Whether who listens there greets without being asked. */
  readonly greets: boolean;
}

/** How long who has a port may take to say who it is, in milliseconds. */
const GREETING_TIMEOUT = 3_000;

function placesOf(config: Config): Place[] {
  const services = servicesOf(config).map((service) => ({
    name: serviceName(service),
    hosts: config.host,
    port: service.port,
    setBy: portSetBy(service),
    greets: service.implicitTls !== true,
  }));
  const { ui } = config;
  if (ui === undefined) return services;
  const page = { hosts: [ui.address], port: ui.port, setBy: "--ui", greets: false };
  return [...services, { ...page, name: "http" }];
}

async function greetingAt(
  { hosts: [host = "0.0.0.0"], port }: Place,
  config: Config,
  world: World,
  signal: AbortSignal,
): Promise<string | undefined> {
  const address = connectable(host);
  const late = new AbortController();
  using _ = world.clock.after(GREETING_TIMEOUT, () => late.abort());
  try {
    return await world.greeting(
      { address, port },
      AbortSignal.any([signal, late.signal]),
      headerFor(config, address),
    );
  } catch {
    // Who it is stays unknown.
    return undefined;
  }
}

/** Says who has a port that is taken. */
async function whoHas(
  place: Place,
  config: Config,
  world: World,
  signal: AbortSignal,
): Promise<Finding> {
  const { name, port, setBy } = place;
  const greeting = place.greets ? await greetingAt(place, config, world, signal) : undefined;
  // Where there is nothing to read, the server that works on the queue is taken to be the one.
  const isOurs = greeting === undefined
    ? !place.greets && !config.noQueue
    : greeting.startsWith(`220 ${config.hostname} ESMTP smtpd`);
  if (isOurs && (config.noQueue || await world.hasServer(config.queue))) {
    return ok(`the ${name} port is taken by our own server, which runs`);
  }
  const says = greeting === undefined
    ? ""
    : `, and who has it says ${printable(greeting.split("\r\n")[0].slice(0, 200))}`;
  const stop = world.os === "linux"
    ? `stop what listens there (as root, ss -ltnp sport = :${port} names it)`
    : "stop what listens there";
  return fail(`the ${name} port is taken${says}`, `${stop}, or take another port with ${setBy}`);
}

/** Looks at each port that a server would bind. */
export function portExaminations(config: Config, world: World): Examination[] {
  return placesOf(config).map((place) => ({
    topic: `port ${place.port}`,
    examine(signal) {
      const { name, hosts, port, setBy } = place;
      try {
        world.bind(hosts, port);
      } catch (error) {
        if (error instanceof Deno.errors.AddrInUse) return whoHas(place, config, world, signal);
        const where = `port ${port}${hosts.length === 0 ? "" : ` of ${hosts.join(", ")}`}`;
        const failed = new ListenError({ port }, error);
        const { wrong, mend } = failureOf(listenFailure(failed, { where, setBy }));
        return fail(wrong, mend);
      }
      return ok(port === 0 ? `the system picks the ${name} port` : `the ${name} port is free`);
    },
  }));
}
