import { describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { type LogLine, lineOf, logLine, logMaxIds, outcomeOf } from "#core/log.ts";

const span = { trace: "t", span: "s", parent: "p", flags: "01", state: "congo=1" };
const line: LogLine = { event: "asked", rung: "origin", model: "shop", region: "north", span, ids: ["shop~north~1"] };
const answer = {
  id: "1",
  status: "answered",
  rung: "origin",
  accepted: true,
  version: "2",
  label: "secret",
  scores: {},
};

describe("a line of the log", () => {
  it("has the same flat fields at every rung", () => {
    expect(lineOf({ ...line, ms: 3 }, { reason: "down" })).toEqual({
      ...{ event: "asked", rung: "origin", model: "shop", region: "north", trace: "t", span: "s", parent: "p" },
      ...{ question: "shop~north~1", ms: 3, reason: "down" },
    });
    const none = Object.keys(lineOf({ ...line, region: null, span: { ...span, parent: null } }));
    expect(none).toEqual(["event", "rung", "model", "trace", "span", "question"]);
  });

  it("names the first questions of a batch, and how many there were", () => {
    const ids = Array.from({ length: logMaxIds + 5 }, (_, i) => `${i}`);
    expect(lineOf({ ...line, ids })).toMatchObject({ questions: ids.slice(0, logMaxIds), count: ids.length });
  });

  it("names who answered one question, or how many of several are answered, without labels or scores", () => {
    const open = { ...answer, status: "open" };
    const [one, some] = [[answer], [answer, open, open]] as unknown as Answer[][];
    expect(outcomeOf(one as Answer[])).toEqual({ status: "answered", by: "origin", accepted: true, version: "2" });
    expect(outcomeOf(some as Answer[])).toEqual({ answered: 1, open: 2 });
  });

  it("is one line of JSON, and none where no question came", () => {
    const written: string[] = [];
    logLine(line, { reason: "two\nlines" }, (text) => written.push(text));
    logLine({ ...line, ids: [] }, {}, (text) => written.push(text));
    expect(written).toHaveLength(1);
    expect(written[0]).not.toContain("\n");
    expect(JSON.parse(written[0] as string)).toMatchObject({ event: "asked", reason: "two\nlines" });
  });
});
