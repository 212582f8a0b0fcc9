/** Somebody who has the page of the inbox open all day: reads its events, searches, opens, waits. */

/** What the reader has seen. */
export interface Reader extends AsyncDisposable {
  readonly events: number;
  readonly asked: number;
}

/** Requests one after the other, with so many milliseconds between them. */
const PAUSE = 500;

/** Starts one. */
export function startReader(url: string): Reader {
  const going = new AbortController();
  const { signal } = going;
  let events = 0;
  let asked = 0;

  async function readEvents(): Promise<void> {
    const { body } = await fetch(`${url}api/events`);
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    // An abort does not always end a read that waits.
    signal.addEventListener("abort", () => void reader.cancel());
    for (;;) {
      const { value } = await reader.read();
      if (value === undefined) return;
      events += value.split("event: ").length - 1;
    }
  }

  async function get(path: string): Promise<string> {
    const answer = await fetch(url + path, { signal });
    const text = await answer.text();
    // A message may be gone between the list and a look at it.
    if (!answer.ok && ![404, 408].includes(answer.status)) {
      throw new Error(`Cannot read ${path}: ${answer.status} ${text}`);
    }
    asked++;
    return text;
  }

  async function look(): Promise<void> {
    for (let round = 0; !signal.aborted; round++) {
      const { messages } = JSON.parse(await get(`api/messages?limit=50`));
      await get(`api/messages?subject=n${round}`);
      await get("api/counts");
      for (const { id } of messages.slice(0, 2)) {
        await get(`api/messages/${id}`);
        await get(`api/messages/${id}/ledger`);
        await get(`api/messages/${id}/raw`);
      }
      if (round % 10 === 0) await get("api/wait?subject=nobody-has-it&timeout=1s");
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  const ended = Promise.all([readEvents(), look()]).catch((error) => {
    if (!signal.aborted) throw error;
  });
  // It is looked at in the end; until then nobody may be waiting.
  ended.catch(() => {});

  return {
    get events() {
      return events;
    },
    get asked() {
      return asked;
    },
    async [Symbol.asyncDispose]() {
      going.abort();
      await ended;
    },
  };
}
