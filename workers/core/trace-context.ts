import { toHex } from "./hash.ts";
import { randomBytes } from "./random.ts";

export const tracestateMaxChars = 512;

/** A rung's span in a trace (W3C Trace Context, https://www.w3.org/TR/trace-context/). */
export interface TraceSpan {
  /** The trace id: 32 hex digits, the same at every rung. */
  trace: string;
  /** This span's id: 16 hex digits. */
  span: string;
  /** The id of the span that called; null if the trace begins here. */
  parent: string | null;
  /** Two hex digits. */
  flags: string;
  /** The `tracestate` of other tracing systems, unchanged. */
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
// Bits for "sampled" and (level 2) "random trace id". Other bits are undefined and are not passed on.
const knownFlags = ["00", "01", "02", "03"] as const;

/** Parses a `traceparent`. Returns null for a value that the recommendation says to ignore. */
export function parseTraceparent(header: string): (Pick<TraceSpan, "trace" | "flags"> & { parent: string }) | null {
  const [, version, trace, parent, flags, rest] = form.exec(header) ?? [];
  if (!trace || !parent || !flags || trace === noTrace || parent === noSpan) return null;
  // A later version may append more after the flags.
  if (version === "ff" || (version === "00" && rest !== undefined)) return null;
  return { trace, parent, flags: knownFlags[Number.parseInt(flags, 16) & 3] as string };
}

/**
 * Begins a span in the incoming trace, or in a new trace if none came in or its header is invalid.
 *
 * @example beginSpan({ traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }).parent // "b7ad6b7169203331"
 */
export function beginSpan({ traceparent, tracestate }: IncomingTrace): TraceSpan {
  const incoming = traceparent ? parseTraceparent(traceparent) : null;
  const random = toHex(randomBytes(incoming ? spanBytes : spanBytes + traceBytes));
  const span = random.slice(0, 2 * spanBytes);
  if (!incoming) return { trace: random.slice(2 * spanBytes), span, parent: null, flags: "00", state: null };
  const state = tracestate && tracestate.length <= tracestateMaxChars ? tracestate : null;
  return { ...incoming, span, state };
}

/** Begins a span from the headers of an HTTP request. */
export function spanOf(headers: Headers): TraceSpan {
  const traceparent = headers.get("traceparent");
  return beginSpan(traceparent === null ? {} : { traceparent, tracestate: headers.get("tracestate") });
}

/** Builds the headers that a span sends to the next rung. */
export function traceHeaders({ trace, span, flags, state }: TraceSpan): TraceHeaders {
  const traceparent = `00-${trace}-${span}-${flags}`;
  return state === null ? { traceparent } : { traceparent, tracestate: state };
}
