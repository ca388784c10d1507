import { toHex } from "./hash.ts";

export const tracestateMaxChars = 512;

/** A rung's own part of a trace, by the W3C Trace Context recommendation: https://www.w3.org/TR/trace-context/. */
export interface Span {
  /** The whole trace's id: 32 hex digits, the same at every rung. */
  trace: string;
  /** This part's id: 16 hex digits. */
  span: string;
  /** The id of the part that asked; null where the trace begins here. */
  parent: string | null;
  /** Two hex digits. */
  flags: string;
  /** What other tracing systems pass on, as it came. */
  state: string | null;
}

/** The headers that carry a trace from one rung to the next. */
export interface TraceHeaders {
  traceparent: string;
  tracestate?: string;
}

type IncomingTrace = { [name in keyof TraceHeaders]?: string | null };

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const [noTrace, noSpan] = ["0".repeat(32), "0".repeat(16)];
const [traceBytes, spanBytes] = [16, 8];
// Sampled, and (level 2) that the trace id is random; other bits mean nothing yet and go no further.
const knownFlags = ["00", "01", "02", "03"] as const;

/** A `traceparent`'s trace, parent and flags; null for one that the recommendation has ignored. */
export function parseTraceparent(header: string): (Pick<Span, "trace" | "flags"> & { parent: string }) | null {
  const [, version, trace, parent, flags, rest] = form.exec(header) ?? [];
  if (!trace || !parent || !flags || trace === noTrace || parent === noSpan) return null;
  // A later version may say more after the flags.
  if (version === "ff" || (version === "00" && rest !== undefined)) return null;
  return { trace, parent, flags: knownFlags[Number.parseInt(flags, 16) & 3] as string };
}

/**
 * Begins a rung's span: in the trace that came, or in a new one where none came that can be read.
 *
 * @example beginSpan({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }).parent // "b7ad6b7169203331"
 */
export function beginSpan({ traceparent, tracestate }: IncomingTrace): Span {
  const came = traceparent ? parseTraceparent(traceparent) : null;
  const random = toHex(crypto.getRandomValues(new Uint8Array(came ? spanBytes : spanBytes + traceBytes)).buffer);
  const span = random.slice(0, 2 * spanBytes);
  if (!came) return { trace: random.slice(2 * spanBytes), span, parent: null, flags: "00", state: null };
  const state = tracestate && tracestate.length <= tracestateMaxChars ? tracestate : null;
  return { ...came, span, state };
}

/** Begins a span of a request that came by HTTP. */
export function spanOf(headers: Headers): Span {
  const traceparent = headers.get("traceparent");
  return beginSpan(traceparent === null ? {} : { traceparent, tracestate: headers.get("tracestate") });
}

/** What a span hands to the rung that it asks. */
export function traceHeaders({ trace, span, flags, state }: Span): TraceHeaders {
  const traceparent = `00-${trace}-${span}-${flags}`;
  return state === null ? { traceparent } : { traceparent, tracestate: state };
}
