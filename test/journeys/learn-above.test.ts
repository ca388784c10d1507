import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { classifying } from "#core/artefacts.ts";
import type { Instance, Training } from "#core/contract/index.ts";
import { addBlob } from "#origin/train/pack.ts";
import type { LocalLadder } from "#scripts/local/ladder.ts";
import { forkedTorch, torchHere } from "#test/helpers/torch.ts";
import { trainedModel } from "../helpers/shared.ts";
import { rolloutOn, temporaryLadder } from "./ladder.ts";

const model = "storefront";
const regions = ["lagoon", "harbour", "orchard", "capital", "bazaar", "delta"];
const stranger = "ridge";
const labelsEach = 120;
/** Callers of the canary: each asks in each region. */
const callers = Array.from({ length: 12 }, (_, i) => `caller-${i}`);
const askedEach = 6;
/** The gate is off where this is used: the training need not be a good one. */
const littleData = "2024-03-01";
const trainingTimeout = { timeout: 150_000 };
const onePeriodMs = 31 * 24 * 3600_000;

// Other journeys train with TensorFlow.js.
const torch = await torchHere();
let ladder: LocalLadder;
let folder = "";
let forked: Awaited<ReturnType<typeof forkedTorch>> | null = null;

beforeAll(async () => {
  if (torch) {
    folder = await mkdtemp(join(tmpdir(), "upriver-torch-"));
    forked = await forkedTorch(torch, folder);
    // Read by the origin when it starts.
    vi.stubEnv("UPRIVER_PYTHON", forked.settings.python ?? undefined);
  }
  ladder = await temporaryLadder({ trainer: torch ? "torch" : "tfjs" }).finally(() => vi.unstubAllEnvs());
  await rolloutOn(ladder, await withCanary(0.3));
});
afterAll(async () => {
  await ladder?.stop();
  forked?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

// Heat that no base data holds: visitors who look at shoes then buy an umbrella against the sun.
function heatWave(region: string, i: number): Instance {
  const temperature = 46 + (i % 30) / 5;
  return {
    region,
    temperature,
    rainMm: 0,
    minutesOnPage: 1 + (i % 8) + Math.floor(i / labelsEach) / 10,
    hour: 8 + (i % 12),
    lookedAt: "feet",
  };
}

describe("what regions learn", () => {
  it("is known nowhere at first", async () => {
    const answer = await ladder.client("ask").ask(model, heatWave(stranger, 1), { accept: "always" });
    expect(answer).toMatchObject({ version: "1" });
    expect(answer.label).not.toBe("umbrella");
  });

  it("is labelled in some of them", async () => {
    const labelled = await Promise.all(regions.map(labelHeatWave));
    for (const { changed } of labelled) expect(changed).toBe(labelsEach);
  });

  it("is trained on by the origin on the schedule of the Worker, and a canary follows", async () => {
    await tick();
    await expect.poll(async () => (await ordered()).step, trainingTimeout).toBe("watch");
    expect(await ladder.client("publish").model(model)).toMatchObject({
      pointer: { stable: 1, canary: { version: 2, share: 0.3 } },
    });
  });

  it("is promoted by the labels of what both versions answered, with each sample learned once", async () => {
    const asked = (await Promise.all(regions.map(askHeatWave))).flat();
    expect(new Set(asked.map(({ version }) => Number.parseInt(version, 10)))).toEqual(new Set([1, 2]));
    // With the instance, since an answer that the edge accepted is not stored.
    const truths = asked.map(({ question }) => ({ question, label: "umbrella" }));
    await ladder.client("admin").teachMany(model, { truths });
    await expect
      .poll(async () => (await ladder.client("ask").canary(model))?.outcome, trainingTimeout)
      .toBe("promoted");
    const training = await ended();
    expect(training, `${training.reason}`).toMatchObject({ state: "done", version: 2, verdict: { promoted: true } });
    expect(training.order.reason).toBe("schedule");
    expect(await ladder.client("publish").model(model)).toMatchObject({ pointer: { stable: 2, canary: null } });
    expect(training.samples).toEqual({ added: regions.length * labelsEach, known: regions.length * labelsEach });
    const report = await ladder.client("publish").trainingReport(model, training.id);
    expect(report).toContain(torch ? "PyTorch " : "wasm");
    const { trainedOn } = classifying(await ladder.client("publish").manifest(model, 2));
    const { truth = 0 } = trainedOn.sources;
    expect(truth / (regions.length * labelsEach)).toBeGreaterThan(0.5);
    expect(truth / (regions.length * labelsEach)).toBeLessThan(0.7);
    // A second tick in the same period orders no training.
    await tick();
    expect(await ladder.client("publish").trainings(model)).toHaveLength(1);
  });

  it("is not promoted if its canary is rolled back", async () => {
    await labelHeatWave("mesa");
    const publisher = ladder.client("publish");
    const { id } = await publisher.startTraining(model, { canary: { share: 0.3 }, gate: false, before: littleData });
    await expect(publisher.startTraining(model)).rejects.toMatchObject({ problem: { status: 409 } });
    await expect.poll(async () => (await publisher.training(model, id)).step, trainingTimeout).toBe("watch");
    expect(await publisher.model(model)).toMatchObject({ pointer: { stable: 2, canary: { version: 3, share: 0.3 } } });
    expect(await publisher.canary(model)).toMatchObject({ version: 3, stable: 2, outcome: null });
    await publisher.rollback(model);
    const training = await publisher.training(model, id, { waitSeconds: 30 });
    const added = labelsEach + regions.length * callers.length * askedEach;
    expect(training).toMatchObject({ state: "refused", version: 3, samples: { added } });
    expect(await publisher.model(model)).toMatchObject({ pointer: { stable: 2, canary: null } });
  });

  it("is answered at the edge in a region that has no label of it", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => ladder.client("ask").ask(model, heatWave(stranger, i * 3))),
    );
    const known = answers.filter(({ label, rung, accepted, version }) => {
      return label === "umbrella" && rung === "edge" && accepted && version === "2";
    });
    expect(known.length).toBeGreaterThan(15);
  });
});

/** Runs the cron trigger of the Worker as if one period had passed. */
async function tick(): Promise<void> {
  const url = new URL("/cdn-cgi/local/scheduled", ladder.credentials.edge);
  url.searchParams.set("time", String(Date.now() + onePeriodMs));
  const response = await fetch(url);
  expect(await response.text()).toBe("ok");
}

function labelHeatWave(region: string) {
  const truths = Array.from({ length: labelsEach }, (_, i) => ({
    label: "umbrella",
    question: { region, instance: heatWave(region, i) },
  }));
  return ladder.client("admin").teachMany(model, { truths });
}

/** Publishes with the recipe, as its author would, that each new version is a canary first, and trains for a short time. */
async function withCanary(share: number) {
  const { draft, blobs: own } = await trainedModel(model);
  const { recipe } = draft;
  if (!recipe) throw new Error(`${model} was trained without a recipe`);
  const blobs = new Map(own);
  const document = JSON.parse(new TextDecoder().decode(blobs.get(recipe.document.sha256)));
  const training = { ...document.training, epochs: 12, batchSize: 128 };
  const bytes = new TextEncoder().encode(JSON.stringify({ ...document, canary: { share }, training }));
  return { draft: { ...draft, recipe: { ...recipe, document: await addBlob(blobs, bytes) } }, blobs };
}

async function askHeatWave(region: string) {
  const asked = callers.map(async (caller, i) => {
    const first = labelsEach + i * askedEach;
    const instances = Array.from({ length: askedEach }, (_, k) => heatWave(region, first + k));
    const answers = await ladder.client("ask").askMany(model, instances, { caller });
    return answers.map(({ id, version }, k) => ({
      version,
      question: { id, region, instance: instances[k] as Instance },
    }));
  });
  return (await Promise.all(asked)).flat();
}

async function ordered(): Promise<Training> {
  const [training] = await ladder.client("publish").trainings(model);
  if (!training) throw new Error("the tick ordered no training");
  return training;
}

async function ended(): Promise<Training> {
  const training = await ordered();
  const isEnded = async () =>
    (await ladder.client("publish").training(model, training.id, { waitSeconds: 60 })).endedAt;
  await expect.poll(isEnded, trainingTimeout).not.toBeNull();
  return ladder.client("publish").training(model, training.id);
}
