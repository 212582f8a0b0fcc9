/** Metrics as text that Prometheus reads. @module */
import type { Metric } from "./instruments.ts";
import type { Sample } from "./series.ts";

/** A format: the text format 0.0.4 of Prometheus, or OpenMetrics 1.0. */
export type ExpositionFormat = "prometheus" | "openmetrics";

/** The media types of the formats. */
export const MEDIA_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The weight of the first range in an Accept field that fits; nothing where none does. */
function weightOf(ranges: readonly string[], fits: (range: string) => boolean): number {
  const range = ranges.find(fits);
  return range === undefined
    ? 0
    : Number(/;q=([01](?:\.[0-9]{0,3})?)(?:;|$)/.exec(range)?.[1] ?? 1);
}

/**
 * The format to answer with, by the Accept field of a request (RFC 9110 section 12.5.1): OpenMetrics where it is
 * asked for and nothing is liked better, and otherwise that of Prometheus, which everybody can read.
 */
export function formatFor(accept: string | null): ExpositionFormat {
  const ranges = (accept ?? "").toLowerCase().replace(/[ \t]/g, "").split(",");
  const open = weightOf(
    ranges,
    (range) =>
      /^application\/openmetrics-text(?:;|$)/.test(range) &&
      !/;version=(?!1\.0\.0(?:;|$))/.test(range),
  );
  const plain = weightOf(ranges, (range) => /^text\/(?:plain|\*)(?:;|$)/.test(range));
  return open > 0 && open >= plain ? "openmetrics" : "prometheus";
}

/** Writes metrics. */
export function formatMetrics(metrics: readonly Metric[], format: ExpositionFormat): string {
  const isOpen = format === "openmetrics";
  let text = "";
  for (const metric of metrics) {
    const { name, help, type } = metric;
    // In OpenMetrics the name of a counter has no `_total`, which is only at its samples.
    const family = isOpen && type === "counter" ? name.replace(/_total$/, "") : name;
    text += `# HELP ${family} ${escaped(help, isOpen)}\n# TYPE ${family} ${type}\n`;
    for (const sample of metric.samples()) text += formatSample(name, sample);
  }
  return isOpen ? `${text}# EOF\n` : text;
}

function formatSample(name: string, { suffix, labels, value }: Sample): string {
  const inBraces = labels.map(([label, text]) => `${label}="${escaped(text, true)}"`).join(",");
  return `${name}${suffix ?? ""}${inBraces === "" ? "" : `{${inBraces}}`} ${value}\n`;
}

function escaped(text: string, withQuotes: boolean): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return withQuotes ? escaped.replaceAll('"', '\\"') : escaped;
}
