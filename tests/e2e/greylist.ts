/** A greylist for a Postfix, which asks it about each recipient by its policy protocol. */

/** A greylist that runs. */
export interface Greylist extends Disposable {
  readonly port: number;
  /** The recipients that were put off. */
  readonly putOff: readonly string[];
}

/** Starts a policy service (Postfix's SMTPD_POLICY_README) that puts each recipient off once. */
export function startGreylist(): Greylist {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const putOff: string[] = [];

  function actionFor(question: string): string {
    const recipient = /^recipient=(.*)$/m.exec(question)?.[1] ?? "";
    if (putOff.includes(recipient)) return "DUNNO";
    putOff.push(recipient);
    return "451 4.7.1 greylisted, come again";
  }

  async function serve(connection: Deno.TcpConn): Promise<void> {
    let input = "";
    for await (const piece of connection.readable.pipeThrough(new TextDecoderStream())) {
      input += piece;
      // An empty line ends a question, of which one connection brings several.
      for (let end = input.indexOf("\n\n"); end >= 0; end = input.indexOf("\n\n")) {
        const answer = `action=${actionFor(input.slice(0, end))}\n\n`;
        input = input.slice(end + 2);
        await connection.write(new TextEncoder().encode(answer));
      }
    }
  }

  void (async () => {
    // Postfix closes its connections when it stops, or dies with them.
    for await (const connection of listener) void serve(connection).catch(() => {});
  })();
  return {
    port: listener.addr.port,
    putOff,
    [Symbol.dispose]: () => listener.close(),
  };
}
