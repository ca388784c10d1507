import { deserialize, serialize } from "node:v8";
import { describe, expect, it } from "vitest";
import type { UpriverClient } from "#client/index.ts";
import type { Draft, Truths } from "#core/contract/index.ts";
import { exampleRecipe, type Recipe, type Row } from "#origin/recipes/index.ts";
import { play } from "#scripts/replay/play.ts";
import type { WalkSaves, WalkState } from "#scripts/replay/walk.ts";

const dayMs = 24 * 3600_000;
const start = Date.UTC(2015, 0, 1);
const from = start + 4 * dayMs;
const retrainEverySeconds = (3 * dayMs) / 1_000;

// Ten days, two regions, three questions a day each; no question on the day when a retrain is due.
const rows: Row[] = Array.from({ length: 10 }, (_, day) => day)
  .filter((day) => day !== 7)
  .flatMap((day) =>
    ["dry", "wet"].flatMap((region) =>
      [0, 1, 2].map((n) => ({
        region,
        instance: { n },
        label: region === "wet" ? "Yes" : "No",
        at: start + day * dayMs,
      })),
    ),
  );
const recipe: Recipe = { ...exampleRecipe("weather"), name: "weather", labels: ["No", "Yes"] };

type Event =
  | { kind: "taught"; ids: string[]; at: number }
  | { kind: "asked"; ids: string[]; day: number }
  | { kind: "retrained"; region: string; at: number }
  | { kind: "looked" };

/** An edge that records events in order and answers each question with the same scores. */
function recorder() {
  const events: Event[] = [];
  let looks = 0;
  const client = {
    model: async () => ({ pointer: { stable: 1 } }),
    manifest: async () => ({
      ...{ task: "classify", policy: { retrainEverySeconds }, thin: { rule: { targetRisk: 0.1, threshold: 0.5 } } },
      labels: ["No", "Yes"],
    }),
    // The first call fetches the heads, which this edge does not have.
    regions: async () => {
      if (looks++ > 0) events.push({ kind: "looked" });
      return ["dry", "wet"].map((region) => ({ region, head: 1, certificate: null }));
    },
    teachMany: async (_: string, { truths, at }: Truths) => {
      const ids = truths.map(({ id, question }) => (id ?? question?.id) as string);
      if (ids.length > 0) events.push({ kind: "taught", ids, at: at as number });
    },
    retrain: async (_: string, region: string, { at }: { at: number }) => {
      events.push({ kind: "retrained", region, at });
      return { region, status: region === "wet" ? "promoted" : "rejected" };
    },
    askQuestions: async (_: string, questions: Draft[]) => {
      const ids = questions.map(({ id }) => id as string);
      events.push({ kind: "asked", ids, day: questions[0]?.at as number });
      return questions.map(({ id, region }) => ({
        id,
        region,
        label: "No",
        accepted: region === "dry",
        scores: { No: 0.75, Yes: 0.25 },
        ...(region === "wet" ? { status: "open", rung: "origin" } : { status: "answered", rung: "edge" }),
        trace: [{ head: "global", scores: [0.75, 0.25] }],
      }));
    },
  } as unknown as UpriverClient;
  return { events, client };
}

const playAll = async (to = Number.MAX_SAFE_INTEGER) => {
  const { events, client } = recorder();
  const report = await play(client, recipe, rows, { from, to, onProgress: () => {} });
  return { events, report };
};

describe("a replay with candidates", () => {
  it("asks about the labels that each region had before, and in the end with one label alone", async () => {
    const { client } = recorder();
    const asked: Draft[] = [];
    const askQuestions: UpriverClient["askQuestions"] = (model, questions, options) => {
      asked.push(...questions);
      return client.askQuestions(model, questions, options);
    };
    const recording = Object.assign(Object.create(client), { askQuestions }) as UpriverClient;
    const to = start + 6 * dayMs;
    const { choice } = await play(recording, recipe, rows, { from, to, candidates: 1, onProgress: () => {} });
    const named = asked.slice(0, 18).map(({ region, candidates }) => [region, candidates]);
    expect(named.every(([region, candidates]) => candidates?.[0] === (region === "wet" ? "Yes" : "No"))).toBe(true);
    expect(asked.slice(18).map(({ candidates }) => candidates)).toEqual(
      Array.from({ length: 36 }, (_, i) => [recipe.labels[i % 2]]),
    );
    // The recorder answers "No" to each question.
    expect(choice?.byRegion.dry).toMatchObject({ candidates: ["No"], questions: 9, accuracy: 1 });
    expect(choice?.all.outside).toBe(18);
    expect(choice?.check.exceptions.label).toBe(18);
  });
});

describe("a replay that was interrupted", () => {
  it("asks every question once, and reports as if it had not been", async () => {
    const whole = await playAll();
    let saved: WalkState | null = null;
    const { events, client } = recorder();
    const saves: WalkSaves = { read: () => null, write: () => {} };
    // Stops in the middle of the days, after the state was saved as a file would save it.
    const onProgress = (phase: string, done: number) => {
      if (phase === "playing" && done === 3) throw new Error("interrupted");
    };
    const first = { from, to: Number.MAX_SAFE_INTEGER, saves, saveEveryMs: 0 };
    saves.write = (state) => {
      saved = deserialize(serialize(state));
    };
    await expect(play(client, recipe, rows, { ...first, onProgress })).rejects.toThrow("interrupted");
    saves.read = () => saved;
    const report = await play(client, recipe, rows, { ...first, onProgress: () => {} });
    const asked = events.flatMap((event) => (event.kind === "asked" ? event.ids : []));
    // The day in which it stopped is asked again, under the same ids.
    expect(new Set(asked).size).toBe(report.questions);
    const figures = ({ seconds: _, ...rest }: typeof report) => rest;
    expect(figures(report)).toEqual(figures(whole.report));
  });
});

describe("a replay", () => {
  it("teaches a label only after the day of its question", async () => {
    const { events } = await playAll();
    const askedOn = new Map<string, number>();
    let today = 0;
    for (const event of events) {
      if (event.kind === "asked") {
        today = event.day;
        for (const id of event.ids) askedOn.set(id, today);
      }
      if (event.kind !== "taught" || today === 0) continue;
      for (const id of event.ids) expect(askedOn.get(id)).toBeLessThanOrEqual(event.at - dayMs);
    }
    expect(askedOn.size).toBe(30);
  });

  it("teaches all earlier rows, and the truth of each asked question once", async () => {
    const { events } = await playAll();
    const taught = events.flatMap((event) => (event.kind === "taught" ? event.ids : []));
    const asked = events.flatMap((event) => (event.kind === "asked" ? event.ids : []));
    expect(new Set(taught).size).toBe(taught.length);
    expect(taught).toHaveLength(24 + 30);
    expect(asked.every((id) => taught.includes(id))).toBe(true);
  });

  it("retrains each region before the first day, then by the schedule", async () => {
    const { events, report } = await playAll();
    const times = (region: string) =>
      events.flatMap((event) => (event.kind === "retrained" && event.region === region ? [event.at] : []));
    // The third day has no questions, so its retrain comes with the next day.
    const due = [from, from + 4 * dayMs];
    expect([times("dry"), times("wet")]).toEqual([due, due]);
    expect(report.retrains).toEqual({ promoted: 2, rejected: 2 });
  });

  it("reports shares by rung and losses by year and region, checked by hand", async () => {
    const { report } = await playAll();
    expect(report).toMatchObject({ model: "weather", from: "2015-01-05", to: "2015-01-10", questions: 30 });
    expect(report.rungs.edge).toBeCloseTo(0.5, 12);
    expect(report.rungs.human).toBeCloseTo(0.5, 12);
    expect(report.live).toEqual({ accepted: 15, coverage: 0.5, error: 0 });
    expect(report.heads.global).toMatchObject({ n: 30, accuracy: 0.5, auc: 0.5 });
    expect(Object.keys(report.leftOut)).toEqual(["once", "retrained"]);
    expect(report.byRegion.dry?.heads.global?.logLoss).toBeCloseTo(-Math.log(0.75), 12);
    expect(report.byRegion.wet?.heads.global?.logLoss).toBeCloseTo(-Math.log(0.25), 12);
    expect(Object.keys(report.byYear)).toEqual(["2015"]);
  });

  it("records certificates after a year's last truths and before the next year's questions", async () => {
    const shifted = rows.map((row) => ({ ...row, at: row.at - 6 * dayMs }));
    const { events, client } = recorder();
    const options = { from: from - 6 * dayMs, to: Number.MAX_SAFE_INTEGER, onProgress: () => {} };
    const report = await play(client, recipe, shifted, options);
    // Days 4 and 5 are the last of 2014: their twelve truths are taught before that.
    const before = events.slice(
      0,
      events.findIndex(({ kind }) => kind === "looked"),
    );
    expect(before.filter(({ kind }) => kind === "asked")).toHaveLength(2);
    expect(before.flatMap((event) => (event.kind === "taught" ? event.ids : []))).toHaveLength(24 + 12);
    expect(events.filter(({ kind }) => kind === "looked")).toHaveLength(2);
    expect(report.certificates.byRegionAndYear.map(({ year, region }) => [year, region])).toEqual([
      ["2014", "dry"],
      ["2014", "wet"],
      ["2015", "dry"],
      ["2015", "wet"],
    ]);
  });

  it("includes the control that ran in parallel and stops it at the end", async () => {
    const { client } = recorder();
    let stopped = 0;
    const startRetrained = () => ({
      scores: Promise.resolve(Float64Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 0.25 : 0.75))),
      stop: async () => stopped++,
    });
    const options = { from, to: Number.MAX_SAFE_INTEGER, onProgress: () => {}, startRetrained };
    const report = await play(client, recipe, rows, options);
    expect(report.byRegion.wet?.heads.retrained?.logLoss).toBeCloseTo(-Math.log(0.75), 12);
    expect([Object.keys(report.leftOut), stopped]).toEqual([["once"], 1]);
  });

  it("ends with --to and refuses a period without rows", async () => {
    expect((await playAll(from + dayMs)).report).toMatchObject({ to: "2015-01-06", questions: 12 });
    await expect(playAll(from - dayMs)).rejects.toThrow(/no rows from --from to --to/);
  });
});
