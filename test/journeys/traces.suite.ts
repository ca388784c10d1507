import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { testModel } from "../helpers/model.ts";
import { originModels } from "../helpers/origin-models.ts";
import { publishOn, type temporaryLadder } from "./ladder.ts";

const model = "hard";
const parent = "b7ad6b7169203331";

interface Line {
  event: string;
  rung: string;
  trace: string;
  span: string;
  parent: string;
}

type Ladder = Awaited<ReturnType<typeof temporaryLadder>>;

/** Asks a question that the edge does not accept, within a trace; returns the answer and the span of the edge. */
async function askIn(ladder: Ladder, trace: string): Promise<{ answer: Answer; span: string }> {
  const { edge, tokens } = ladder.credentials;
  const headers = { authorization: `Bearer ${tokens.ask}`, traceparent: `00-${trace}-${parent}-01` };
  const body = JSON.stringify({ instance: { region: "north", x0: 1, x1: 1, x2: -0.5, x3: null } });
  const response = await fetch(`${edge}/v1/models/${model}/ask`, { method: "POST", headers, body });
  const span = response.headers.get("traceparent")?.split("-")[2] ?? "";
  return { answer: (await response.json()) as Answer, span };
}

/** Returns what a part of the ladder logged about a question. */
async function linesOf(ladder: Ladder, part: "edge" | "origin", id: string): Promise<Line[]> {
  const text = await readFile(join(ladder.folder, ".upriver", `${part}.log`), "utf8");
  return text
    .split("\n")
    .filter((line) => line.startsWith("{") && line.includes(`"question":"${id}"`))
    .map((line) => JSON.parse(line));
}

/** Tests the traces of a ladder of its own: the origin is stopped meanwhile. */
export function describeTraces(ladder: () => Ladder): void {
  describe("a trace", () => {
    beforeAll(async () => publishOn(ladder(), await testModel({ model, ...originModels[model] })));

    it("a question is in the logs of all rungs under one trace, each span a child of the one before", async () => {
      const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
      const { answer, span } = await askIn(ladder(), trace);
      expect(answer).toMatchObject({ status: "answered", rung: "origin" });
      await expect
        .poll(async () => (await linesOf(ladder(), "edge", answer.id)).map(({ event, rung }) => [rung, event]))
        .toEqual([
          ["region", "stored"],
          ["region", "answered"],
          ["edge", "escalated"],
        ]);
      const [taken, answered, escalated] = (await linesOf(ladder(), "edge", answer.id)) as [Line, Line, Line];
      const origin = await linesOf(ladder(), "origin", answer.id);
      expect(escalated).toMatchObject({ trace, span, parent });
      expect(taken).toMatchObject({ trace, parent: span });
      expect(answered).toMatchObject({ trace, span: taken.span, parent: span });
      const ofOrigin = { trace, rung: "origin", parent: taken.span };
      expect(origin).toMatchObject([
        { event: "asked", ...ofOrigin },
        { event: "answered", ...ofOrigin },
      ]);
      expect(new Set([parent, span, taken.span, origin[0]?.span]).size).toBe(4);
    });

    it("a question that escalates later keeps its trace", async () => {
      const trace = "0af7651916cd43dd8448eb211c80319c";
      await ladder().stopOrigin();
      const { answer, span } = await askIn(ladder(), trace);
      expect(answer.status).toBe("open");
      await ladder().startOrigin();
      const later = await ladder().client("ask").question(answer.id, { waitSeconds: 60 });
      expect(later).toMatchObject({ status: "answered", rung: "origin" });
      const last = async () => (await linesOf(ladder(), "edge", answer.id)).at(-1);
      await expect.poll(async () => (await last())?.event).toBe("answered");
      const region = (await linesOf(ladder(), "edge", answer.id)).filter(({ rung }) => rung === "region");
      expect(new Set(region.map((line) => line.trace))).toEqual(new Set([trace]));
      const taken = region.find(({ event }) => event === "stored");
      expect(taken?.parent).toBe(span);
      const answered = await last();
      expect(answered).toMatchObject({ trace, parent: taken?.span });
      expect(await linesOf(ladder(), "origin", answer.id)).toMatchObject([
        { event: "asked", trace, parent: answered?.span },
        { event: "answered", trace, parent: answered?.span },
      ]);
    });
  });
}
