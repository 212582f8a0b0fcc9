/** What strace(1) has seen a program ask of the system, in order. */

/** One call. Its times are places in the order of all that was seen. */
export interface SystemCall {
  readonly name: string;
  /** The arguments as strace writes them, descriptors with their paths (`-y`). */
  readonly text: string;
  /** The path of the first argument, if that is a descriptor. */
  readonly path: string;
  readonly begun: number;
  readonly ended: number;
  /** What the system answered. */
  readonly result: number;
}

/** The flags by which strace writes what {@linkcode readCalls} reads, for the calls of these names. */
export function straceFlags(calls: readonly string[], file: string): string[] {
  // A page of a database is shown whole. The program keeps its process id, so that it can be signalled.
  const how = ["-D", "-f", "--seccomp-bpf", "-y", "-s", "4200", "-e", "signal=none"];
  return [...how, "-e", `trace=${calls.join(",")}`, "-o", file];
}

/**
 * Reads the calls of all threads, in the order in which they ended. A call has ended before another
 * began if strace has seen it so: it holds each thread at either end of a call.
 */
export function readCalls(trace: string): SystemCall[] {
  const calls: SystemCall[] = [];
  const unfinished = new Map<string, { text: string; begun: number }>();
  for (const [i, line] of trace.split("\n").entries()) {
    const [, thread, rest] = /^(\d+) +(.*)$/s.exec(line) ?? [];
    if (thread === undefined || /^(\+\+\+|---)/.test(rest)) continue;
    if (rest.endsWith("<unfinished ...>")) {
      unfinished.set(thread, { text: rest.slice(0, -"<unfinished ...>".length), begun: i });
      continue;
    }
    const [, end] = /^<\.\.\. \w+ resumed>(.*)$/s.exec(rest) ?? [];
    const { text, begun } = end === undefined
      ? { text: rest, begun: i }
      : { ...unfinished.get(thread)!, text: unfinished.get(thread)!.text + end };
    // A call that the end of the process has cut short has no answer.
    if (/\) += \?$/.test(text)) continue;
    const parsed = /^(\w+)\((.*)\) += (-?\d+)(?: [A-Z]+ \([^)]*\))?$/s.exec(text);
    if (parsed === null) throw new SyntaxError(`Cannot read the call ${text.slice(-200)}`);
    const [, name, inside, result] = parsed;
    const [, path = ""] = /^\d+<([^>]*)>/.exec(inside) ?? [];
    calls.push({ name, text: inside, path, begun, ended: i, result: Number(result) });
  }
  return calls;
}

/** The octets of the first string among the arguments, as far as they are shown. */
export function octetsOf({ text }: SystemCall): number[] {
  const [, written = ""] = /"((?:\\.|[^"\\])*)"/s.exec(text) ?? [];
  const named: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, v: 11, f: 12 };
  const parts = written.match(/\\[0-7]{1,3}|\\.|[^\\]/gs) ?? [];
  return parts.map((part) => {
    if (part[0] !== "\\") return part.charCodeAt(0);
    if (/[0-7]/.test(part[1])) return parseInt(part.slice(1), 8);
    return named[part[1]] ?? part.charCodeAt(1);
  });
}
