/** A crowd in a thread of its own, so that its work is not taken for the server's. */
/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { beginHandshakes, Crowd, type CrowdSizes, knock, type TlsPorts } from "../e2e/crowd.ts";
import { type Guesses, guessFrom } from "./guesses.ts";

/** What it can be told to do; each is answered by one message. */
export type CrowdOrder =
  /** All come; answered by nothing. */
  | { readonly kind: "gather"; readonly port: number; readonly sizes: CrowdSizes }
  /** All end what they are at; answered by the codes. */
  | { readonly kind: "finish" }
  /** All leave. */
  | { readonly kind: "leave" }
  /** Some begin TLS; answered when they have. */
  | {
    readonly kind: "handshakes";
    readonly ports: TlsPorts;
    readonly count: number;
    readonly first: number;
  }
  /** Waits until the server has ended those; answered by how long each lasted, in milliseconds. */
  | { readonly kind: "ended" }
  /** Some connect and leave, one each `interval` milliseconds; answered by the codes of the greetings. */
  | {
    readonly kind: "knock";
    readonly port: number;
    readonly count: number;
    readonly first: number;
    readonly interval: number;
  }
  /** Some guess passwords; answered by what they were answered. */
  | ({ readonly kind: "guess" } & Guesses);

let crowd: Crowd | undefined;
let handshakes: Promise<number[]> = Promise.resolve([]);

async function obey(order: CrowdOrder): Promise<unknown> {
  switch (order.kind) {
    case "gather":
      crowd = await Crowd.gather(order.port, order.sizes);
      return;
    case "finish":
      return await crowd?.finish();
    case "leave":
      return crowd?.[Symbol.dispose]();
    case "handshakes":
      handshakes = (await beginHandshakes(order.ports, order.count, order.first)).ended;
      return;
    case "ended":
      return await handshakes;
    case "knock":
      return await knock(order.port, order.count, order.first, order.interval);
    case "guess":
      return await guessFrom(order);
  }
}

self.onmessage = async ({ data }: MessageEvent<CrowdOrder>) => {
  try {
    self.postMessage({ answer: await obey(data) });
  } catch (error) {
    self.postMessage({ error: String(error) });
  }
};
