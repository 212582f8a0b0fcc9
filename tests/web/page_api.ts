/** A server with the page and an API that answers from memory, for tests of the page. @module */
import { pageAsset } from "../../lib/web/page.ts";
import type { MessageState, RecipientState } from "../../lib/web/page/types.d.ts";
import { itemOf, makeSamples, type Sample } from "./page_samples.ts";

/** A request that was made to change something. */
export interface Deed {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** The server. */
export interface PageApi extends AsyncDisposable {
  /** Where the page is. */
  readonly origin: string;
  /** The messages, newest first. */
  readonly samples: Sample[];
  /** What was asked to be done, in order. */
  readonly deeds: Deed[];
  /** How many pages of lists were asked for. */
  readonly pages: number;
  /** What the other host was asked for, which messages name: paths, in order. */
  readonly remoteAsked: readonly string[];
  /** Waits until the other host is asked for a path. */
  remote(path: string): Promise<void>;
  /** What the next request that changes something is answered with. */
  refusal: { readonly status: number; readonly message: string } | undefined;
  /** Whether the server refuses everybody. */
  isClosed: boolean;
  /** A file of the page that cannot be had. */
  missing: string | undefined;
  /** A message arrives. */
  arrive(sample: Sample): void;
  /** A message stands otherwise, and everybody is told. */
  change(id: string, change: (sample: Sample) => void): void;
  /** A message goes, and everybody is told. */
  lose(id: string): void;
  /** Ends the connections for events. */
  cutEvents(): void;
}

const STATES: readonly MessageState[] = ["held", "queued", "failed", "delivered", "removed"];

function json(value: unknown, status = 200): Response {
  return Response.json(value, { status, headers: { "cache-control": "no-store" } });
}

function problem(status: number, message: string): Response {
  return json({ error: { code: "refused", message } }, status);
}

/** Reads a size as the API does. */
function fitsSize(size: number, asked: string): boolean {
  const [, sign, number, unit] = /^([<>]?)(\d+)(B|KB|MB)$/.exec(asked) ?? [];
  const limit = Number(number) * { B: 1, KB: 1000, MB: 1_000_000 }[unit as "B" | "KB" | "MB"];
  return sign === "<" ? size < limit : sign === ">" ? size > limit : size >= limit;
}

function timeOf(asked: string): number {
  const age = /^(\d+)(s|m|h|d)$/.exec(asked);
  if (age === null) return Date.parse(asked);
  const unit = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[age[2] as "s" | "m" | "h" | "d"];
  return Date.now() - Number(age[1]) * unit;
}

function fits({ message }: Sample, query: URLSearchParams): boolean {
  const has = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase());
  /** Each parameter with what it demands. */
  const rules: Record<string, (asked: string) => boolean> = {
    from: (asked) => message.from === asked,
    to: (asked) => message.to.includes(asked),
    subject: (asked) => has(message.subject, asked),
    text: (asked) =>
      has([message.subject, message.text, message.from, ...message.to].join(), asked),
    state: (asked) => message.state === asked,
    seen: (asked) => String(message.seen) === asked,
    has: () => message.attachments > 0,
    size: (asked) => fitsSize(message.size, asked),
    since: (asked) => Date.parse(message.received) >= timeOf(asked),
    before: (asked) => Date.parse(message.received) < timeOf(asked),
  };
  if (message.state === "removed" && query.get("state") !== "removed") return false;
  return [...query].every(([name, asked]) => rules[name]?.(asked) ?? true);
}

/** A second origin, which is remote to the page and yet not off this machine. */
function startRemote(asked: (path: string) => void): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    asked(new URL(url).pathname);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`;
    return new Response(svg, { headers: { "content-type": "image/svg+xml" } });
  });
}

/** Starts the server. */
export function startPageApi(make: (remoteHost: string) => Sample[] = makeSamples): PageApi {
  const remoteAsked: string[] = [];
  const remoteWaits = new Map<string, PromiseWithResolvers<void>>();
  const remote = startRemote((path) => {
    remoteAsked.push(path);
    remoteWaits.get(path)?.resolve();
  });
  const listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const encoder = new TextEncoder();

  function tell(type: string, data: unknown): void {
    const event = encoder.encode(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    for (const listener of listeners) listener.enqueue(event);
  }

  function find(id: string): Sample | undefined {
    return api.samples.find(({ message }) => message.id === id);
  }

  function events(): Response {
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        own = controller;
        listeners.add(controller);
        controller.enqueue(encoder.encode(": here\n\n"));
      },
      cancel() {
        listeners.delete(own);
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  function list(query: URLSearchParams): Response {
    pages++;
    const limit = Number(query.get("limit"));
    const first = Number(query.get("cursor") ?? 0);
    const found = api.samples.filter((sample) => fits(sample, query));
    const end = first + limit;
    return json({
      messages: found.slice(first, end).map(itemOf),
      next: end < found.length ? String(end) : undefined,
    });
  }

  function counts(): Response {
    const messages = api.samples.map(({ message }) => message);
    const states = STATES.map((state) => [
      state,
      messages.filter((message) => message.state === state).length,
    ]);
    return json({
      total: messages.filter(({ state }) => state !== "removed").length,
      unseen: messages.filter(({ seen }) => !seen).length,
      states: Object.fromEntries(states),
    });
  }

  function show({ message, ledger, headers, raw }: Sample, rest: string, url: URL): Response {
    switch (rest) {
      case "":
        return json(message);
      case "ledger":
        return json(ledger);
      case "headers":
        return json({ headers });
      case "raw":
        return new Response(raw, { headers: { "content-type": "text/plain; charset=utf-8" } });
      case "html": {
        const remote = url.searchParams.get("images") === "1" ? " http: https:" : "";
        const policy = [
          "sandbox allow-popups allow-popups-to-escape-sandbox",
          "default-src 'none'",
          "style-src 'unsafe-inline'",
          `img-src data: ${url.origin}${remote}`,
          "frame-ancestors 'self'",
        ].join("; ");
        return new Response(`<base target="_blank">${message.html}`, {
          headers: {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
          },
        });
      }
    }
    const part = message.parts.find(({ index }) => rest === `parts/${index}`);
    if (part === undefined) return problem(404, "Cannot find the part: there is none such");
    return new Response(new Uint8Array(part.size), {
      headers: { "content-disposition": `attachment; filename="part-${part.index}"` },
    });
  }

  function setState(id: string, state: RecipientState): void {
    api.change(id, (sample) => {
      const envelope = sample.message.envelope.map((each) => ({ ...each, state }));
      sample.message = { ...sample.message, state, envelope };
      sample.ledger = { ...sample.ledger, recipients: envelope };
    });
  }

  function act(action: string, ids: readonly string[]): void {
    for (const id of ids) {
      if (action === "remove") api.lose(id);
      else if (action === "seen" || action === "unseen") {
        const seen = action === "seen";
        api.change(id, (sample) => sample.message = { ...sample.message, seen });
      } else if (action === "hold") setState(id, "held");
      else if (action === "bounce") setState(id, "failed");
      else setState(id, "queued");
    }
  }

  async function change(request: Request, path: string): Promise<Response> {
    const { method, headers } = request;
    const text = await request.text();
    if (text !== "" && headers.get("content-type") !== "application/json") {
      return problem(415, "Cannot read the body");
    }
    const body = text === "" ? undefined : JSON.parse(text);
    api.deeds.push({ method, path, body });
    if (api.refusal !== undefined) {
      const { status, message } = api.refusal;
      api.refusal = undefined;
      return problem(status, message);
    }
    const [, , , first, second] = path.split("/");
    const isRemoval = method === "DELETE";
    const isOne = isRemoval ? first !== undefined : second !== undefined;
    const action = isRemoval ? "remove" : isOne ? second : first;
    act(action, isOne ? [first] : body.ids);
    return json({}, 202);
  }

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const asset = await pageAsset(url.pathname);
    if (api.missing !== undefined && url.pathname.endsWith(`/${api.missing}`)) {
      return problem(404, "Cannot find it");
    }
    if (asset !== undefined) return new Response(asset.body, { headers: asset.headers });
    if (api.isClosed) return problem(401, "Cannot let you in");
    if (request.method !== "GET") return await change(request, url.pathname);
    if (url.pathname === "/api/messages") return list(url.searchParams);
    if (url.pathname === "/api/counts") return counts();
    if (url.pathname === "/api/events") return events();
    const [, id, rest = ""] = /^\/api\/messages\/([^/]+)(?:\/(.*))?$/.exec(url.pathname) ?? [];
    const sample = id === undefined ? undefined : find(id);
    return sample === undefined ? problem(404, "Cannot find it") : show(sample, rest, url);
  }

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  let pages = 0;
  const api: PageApi = {
    origin: `http://127.0.0.1:${server.addr.port}`,
    samples: make(`http://127.0.0.1:${remote.addr.port}`),
    deeds: [],
    get pages() {
      return pages;
    },
    remoteAsked,
    async remote(path) {
      if (remoteAsked.includes(path)) return;
      const wait = remoteWaits.get(path) ?? Promise.withResolvers<void>();
      remoteWaits.set(path, wait);
      await wait.promise;
    },
    refusal: undefined,
    isClosed: false,
    missing: undefined,
    arrive(sample) {
      api.samples.unshift(sample);
      tell("arrived", itemOf(sample));
    },
    change(id, change) {
      const sample = find(id);
      if (sample === undefined) return;
      change(sample);
      tell("changed", { ids: [id] });
    },
    lose(id) {
      const place = api.samples.findIndex(({ message }) => message.id === id);
      if (place >= 0) api.samples.splice(place, 1);
      tell("gone", { ids: [id] });
    },
    cutEvents() {
      for (const listener of listeners) listener.close();
      listeners.clear();
    },
    async [Symbol.asyncDispose]() {
      api.cutEvents();
      await Promise.all([server.shutdown(), remote.shutdown()]);
    },
  };
  return api;
}
