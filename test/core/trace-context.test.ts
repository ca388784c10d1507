import { describe, expect, it } from "vitest";
import { beginSpan, parseTraceparent, spanOf, traceHeaders, tracestateMaxChars } from "#core/trace-context.ts";

// The recommendation's own examples.
const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const parent = "00f067aa0ba902b7";
const [sampled, notSampled] = [`00-${trace}-${parent}-01`, `00-${trace}-${parent}-00`];

describe("a traceparent", () => {
  it.each([
    ["sampled", sampled, "01"],
    ["not sampled", notSampled, "00"],
    ["of a random trace id, by level 2", `00-${trace}-${parent}-03`, "03"],
    ["with flags that mean nothing yet, which go no further", `00-${trace}-${parent}-ff`, "03"],
    ["of a later version", `cc-${trace}-${parent}-01`, "01"],
    ["of a later version, with more after it", `cc-${trace}-${parent}-01-what-the-future-will-be-like`, "01"],
  ])("is read: %s", (_, header, flags) => {
    expect(parseTraceparent(header)).toEqual({ trace, parent, flags });
  });

  it.each([
    ["nothing", ""],
    ["version ff", `ff-${trace}-${parent}-01`],
    ["more after the flags, of version 00", `${sampled}-what-the-future-will-be-like`],
    ["a character after the flags", `${sampled}.`],
    ["no dash after the flags, of a later version", `cc-${trace}-${parent}-01.what-the-future-will-be-like`],
    ["a version that is no hex", `.0-${trace}-${parent}-01`],
    ["a version too long", `000-${trace}-${parent}-01`],
    ["a version too short", `0-${trace}-${parent}-01`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${parent}-01`],
    ["a trace id that is no hex", `00-.${trace.slice(1)}-${parent}-01`],
    ["a trace id in upper case", `00-${trace.toUpperCase()}-${parent}-01`],
    ["a trace id too long", `00-${trace}1-${parent}-01`],
    ["a trace id too short", `00-${trace.slice(1)}-${parent}-01`],
    ["a parent id of zeros", `00-${trace}-${"0".repeat(16)}-01`],
    ["a parent id that is no hex", `00-${trace}-${parent.slice(1)}.-01`],
    ["a parent id too long", `00-${trace}-${parent}8-01`],
    ["a parent id too short", `00-${trace}-${parent.slice(1)}-01`],
    ["flags that are no hex", `00-${trace}-${parent}-.0`],
    ["flags too long", `00-${trace}-${parent}-001`],
    ["flags too short", `00-${trace}-${parent}-1`],
    ["two of them in one", `${sampled}, ${notSampled}`],
  ])("is ignored: %s", (_, header) => {
    expect(parseTraceparent(header)).toBeNull();
    const span = beginSpan({ traceparent: header, tracestate: "congo=t61rcWkgMzE" });
    expect(span).toMatchObject({ parent: null, flags: "00", state: null });
    expect(span.trace).not.toBe(trace);
  });
});

describe("a span", () => {
  it("continues the caller's trace with a new span id, which is the parent of the next span", () => {
    const edge = beginSpan({ traceparent: sampled });
    expect(edge).toMatchObject({ trace, parent, flags: "01" });
    const region = beginSpan(traceHeaders(edge));
    expect(region).toMatchObject({ trace, parent: edge.span, flags: "01" });
    expect(new Set([parent, edge.span, region.span]).size).toBe(3);
  });

  it("begins a trace where the request has none, with ids that can be parsed", () => {
    const [one, other] = [beginSpan({}), beginSpan({ traceparent: null })];
    expect(one.trace).not.toBe(other.trace);
    const { traceparent } = traceHeaders(one);
    expect(parseTraceparent(traceparent)).toEqual({ trace: one.trace, parent: one.span, flags: "00" });
  });

  it("passes on messages of other systems unchanged, unless they are too long", () => {
    const tracestate = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
    expect(traceHeaders(spanOf(new Headers({ TraceParent: sampled, tracestate }))).tracestate).toBe(tracestate);
    const longest = "x".repeat(tracestateMaxChars);
    expect(beginSpan({ traceparent: sampled, tracestate: longest }).state).toBe(longest);
    expect(traceHeaders(beginSpan({ traceparent: sampled, tracestate: `${longest}x` }))).not.toHaveProperty(
      "tracestate",
    );
    expect(traceHeaders(spanOf(new Headers({ tracestate })))).not.toHaveProperty("tracestate");
  });
});
