/** Which hosts a certificate is for. @module */
import type { X509Certificate } from "node:crypto";

/**
 * The names of hosts in a certificate, in lower case: those of its subjectAltName. The common name of its
 * subject is none of them (RFC 9525 section 2).
 */
export function hostNamesOf({ subjectAltName }: X509Certificate): readonly string[] {
  // A name that holds a comma or a quote stands in quotes; such a name is of no host.
  const parts = (subjectAltName ?? "").split(", ");
  return parts.filter((part) => /^DNS:[^"\s,]+$/.test(part)).map((part) =>
    part.slice("DNS:".length).toLowerCase()
  );
}

/** How well a name of a certificate fits the host: by itself, as a wildcard, or not at all. */
export type Fit = "exact" | "wildcard" | undefined;

/**
 * Finds how well the names of a certificate fit that of a host. A wildcard stands for one label, the first
 * one, and for all of it (RFC 9525 section 6.3).
 */
export function fitOf(names: readonly string[], host: string): Fit {
  const name = host.toLowerCase();
  if (names.includes(name)) return "exact";
  const dot = name.indexOf(".");
  return dot > 0 && names.includes(`*${name.slice(dot)}`) ? "wildcard" : undefined;
}
