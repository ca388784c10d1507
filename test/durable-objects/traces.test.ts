import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { beginSpan, parseTraceparent } from "#core/trace-context.ts";
import { logOf } from "#objects/region/answering/log.ts";
import { call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { type Heard, listen } from "../helpers/listen.ts";

const parent = "b7ad6b7169203331";
const traceOf = (digit: number) => String(digit).repeat(32);
const fault = (model: string, kind: "down" | "none") => fetch(`${env.NEXT_RUNG_URL}/fault/${model}/${kind}`);

beforeAll(async () => {
  for (const model of ["hard", "open", "shaky", "kept"]) await publish({ model });
});

/** Asks one question in a trace; gives its id, and the span of the edge that took it. */
async function askIn(trace: string, model: string, seed = 1): Promise<{ id: string; edge: string }> {
  const headers = { traceparent: `00-${trace}-${parent}-01` };
  const body = { instance: instance(seed) };
  const response = await expectOk(call("POST", `/v1/models/${model}/ask`, { token: "ask-token", headers, body }));
  const { parent: edge = "" } = parseTraceparent(response.headers.get("traceparent") ?? "") ?? {};
  return { id: (await response.json<Answer>()).id, edge };
}

const at = (rung: string, lines: Heard[]) => lines.filter((line) => line.rung === rung);

describe("the region's log", () => {
  it("has a question when it is taken and when the next rung has answered it, below the edge's span", async () => {
    const heard = listen();
    const { id, edge } = await askIn(traceOf(1), "hard");
    const region = at("region", heard(id));
    const line = { model: "hard", region: "north", trace: traceOf(1), parent: edge, question: id };
    expect(region).toMatchObject([
      { event: "stored", ...line },
      { event: "answered", ...line, status: "answered", by: "origin", accepted: true, ms: expect.any(Number) },
    ]);
    expect(new Set([parent, edge, ...region.map(({ span }) => span)]).size).toBe(3);
  });

  it("is empty where LOG_ANSWERS is off", () => {
    const heard = listen();
    const line = { event: "stored", span: beginSpan({}), ids: ["shop~north~unsaid"] } as const;
    for (const LOG_ANSWERS of ["off", "escalated"]) {
      logOf({ env: { LOG_ANSWERS }, model: "shop", region: LOG_ANSWERS })(line);
    }
    expect(heard("shop~north~unsaid").map(({ region }) => region)).toEqual(["escalated"]);
  });

  it("has no instance, scores, label or token", async () => {
    const heard = listen();
    const { id } = await askIn(traceOf(2), "hard", 123_456);
    const text = JSON.stringify(heard(id));
    for (const secret of ["12345.6", "scores", "label", "ask-token", "next-rung-token"])
      expect(text).not.toContain(secret);
  });

  it("continues the question's trace when it escalates later, with one span for each try", async () => {
    await fault("shaky", "down");
    const heard = listen();
    const asked = [await askIn(traceOf(3), "shaky", 1), await askIn(traceOf(4), "shaky", 2)];
    await fault("shaky", "none");
    for (const [i, { id, edge }] of asked.entries()) {
      const lines = await eventually(async () => {
        const lines = at("region", heard(id));
        expect(lines.at(-1)?.event).toBe("answered");
        return lines;
      });
      const trace = traceOf(3 + i);
      const [taken, ...later] = lines;
      expect(taken).toMatchObject({ event: "stored", trace, parent: edge });
      expect(later.slice(0, 2)).toMatchObject([
        { event: "next-rung-unavailable", trace, span: taken?.span, reason: expect.stringContaining("503") },
        { event: "deferred", trace, span: taken?.span },
      ]);
      const last = lines.at(-1);
      expect(last).toMatchObject({ trace, parent: taken?.span, question: id, by: "origin" });
      expect(last?.span).not.toBe(taken?.span);
    }
  });
});

describe("a question that goes to a person", () => {
  it("keeps its trace: passed on, queued, answered, labelled", async () => {
    const heard = listen();
    const { id } = await askIn(traceOf(5), "open");
    await eventually(async () => expect(at("human", heard(id))).toHaveLength(1));
    await expectOk(call("POST", `/v1/questions/${id}/answer`, { token: "review-token", body: { label: "a" } }));
    const lines = heard(id).filter(({ rung }) => rung !== "edge");
    expect(lines.map(({ event, rung }) => [event, rung])).toEqual([
      ["stored", "region"],
      ["escalated-to-review", "region"],
      ["queued", "human"],
      ["answered", "human"],
      ["labelled", "region"],
    ]);
    expect(new Set(lines.map(({ trace }) => trace))).toEqual(new Set([traceOf(5)]));
    const [, passedOn, queued, answered, labelled] = lines;
    expect([queued?.parent, answered?.parent, labelled?.parent]).toEqual([
      passedOn?.span,
      queued?.span,
      answered?.span,
    ]);
    expect(labelled).toMatchObject({ source: "human", changed: 1 });
  });
});

describe("a truth", () => {
  it("is logged with the question's id, in the trace of the label's request", async () => {
    const heard = listen();
    const { id } = await askIn(traceOf(6), "kept");
    const headers = { traceparent: `00-${traceOf(7)}-${parent}-00` };
    const response = await expectOk(call("POST", `/v1/questions/${id}/truth`, { headers, body: { label: "a" } }));
    const { parent: edge } = parseTraceparent(response.headers.get("traceparent") ?? "") ?? {};
    expect(heard(id)).toMatchObject([{ event: "labelled", source: "truth", trace: traceOf(7), parent: edge }]);
  });
});
