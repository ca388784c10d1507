import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { classifying } from "#core/artefacts.ts";
import type { Instance, Training } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import { recipeOf } from "#origin/recipes/index.ts";
import { train } from "#origin/train/index.ts";
import type { LocalLadder } from "#scripts/local/ladder.ts";
import { temporaryLadder } from "./ladder.ts";

const model = "storefront";
const teachers = ["lagoon", "harbour", "orchard", "capital", "bazaar", "delta"];
const stranger = "ridge";
const taughtEach = 120;
const afterOnePeriodMs = 31 * 24 * 3600_000;

let ladder: LocalLadder;

beforeAll(async () => {
  ladder = await temporaryLadder();
  const artefact = await train(recipeOf(model));
  await publish(ladder.client("publish"), artefact, ladder.credentials.signingKey);
  await ladder.client("publish").rollout(model, { version: 1 });
});
afterAll(() => ladder?.stop());

// Heat that no base data holds: whoever looks at shoes then buys an umbrella, against the sun.
function heatWave(region: string, i: number): Instance {
  const temperature = 46 + (i % 30) / 5;
  return { region, temperature, rainMm: 0, minutesOnPage: 1 + (i % 8), hour: 8 + (i % 12), lookedAt: "feet" };
}

describe("what regions learn", () => {
  it("is known nowhere at first", async () => {
    const answer = await ladder.client("ask").ask(model, heatWave(stranger, 1), { accept: "always" });
    expect(answer).toMatchObject({ version: "1" });
    expect(answer.label).not.toBe("umbrella");
  });

  it("is taught by people in some of them", async () => {
    for (const region of teachers) {
      const truths = Array.from({ length: taughtEach }, (_, i) => ({
        label: "umbrella",
        question: { region, instance: heatWave(region, i) },
      }));
      expect(await ladder.client("admin").teachMany(model, { truths })).toMatchObject({ changed: taughtEach });
    }
  });

  it("is picked up by the origin's training on the Worker's schedule, each sample once, and pushed down", async () => {
    await tick();
    const training = await ended();
    expect(training, `${training.reason}`).toMatchObject({ state: "done", version: 2, verdict: { promoted: true } });
    expect(training.order.reason).toBe("schedule");
    expect(training.samples).toEqual({ added: teachers.length * taughtEach, known: teachers.length * taughtEach });
    const { trainedOn } = classifying(await ladder.client("publish").manifest(model, 2));
    const { truth = 0 } = trainedOn.sources;
    expect(truth / (teachers.length * taughtEach)).toBeGreaterThan(0.5);
    expect(truth / (teachers.length * taughtEach)).toBeLessThan(0.7);
    // A second tick in the same period orders nothing.
    await tick();
    expect(await ladder.client("publish").trainings(model)).toHaveLength(1);
  });

  it("goes down behind a canary where that is asked for, and a canary that is ended is not promoted", async () => {
    const truths = Array.from({ length: taughtEach }, (_, i) => ({
      label: "umbrella",
      question: { region: "mesa", instance: heatWave("mesa", i) },
    }));
    await ladder.client("admin").teachMany(model, { truths });
    const publisher = ladder.client("publish");
    const { id } = await publisher.startTraining(model, { canary: { share: 0.3 }, gate: false });
    await expect(publisher.startTraining(model)).rejects.toMatchObject({ problem: { status: 409 } });
    while ((await publisher.training(model, id)).step !== "watch")
      await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await publisher.model(model)).toMatchObject({ pointer: { stable: 2, canary: { version: 3, share: 0.3 } } });
    expect(await publisher.canary(model)).toMatchObject({ version: 3, stable: 2, outcome: null });
    await publisher.rollback(model);
    const training = await publisher.training(model, id, { waitSeconds: 30 });
    expect(training).toMatchObject({ state: "refused", version: 3, samples: { added: taughtEach } });
    expect(await publisher.model(model)).toMatchObject({ pointer: { stable: 2, canary: null } });
  });

  it("is answered at the edge of a region that never saw it", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => ladder.client("ask").ask(model, heatWave(stranger, i * 3))),
    );
    const known = answers.filter(({ label, rung, accepted, version }) => {
      return label === "umbrella" && rung === "edge" && accepted && version === "2";
    });
    expect(known.length).toBeGreaterThan(15);
  });
});

/** What Cloudflare does by the clock, a period later. */
async function tick(): Promise<void> {
  const url = new URL("/cdn-cgi/handler/scheduled", ladder.credentials.edge);
  url.searchParams.set("time", String(Date.now() + afterOnePeriodMs));
  const response = await fetch(url);
  expect(await response.text()).toBe("ok");
}

async function ended(): Promise<Training> {
  const [training] = await ladder.client("publish").trainings(model);
  if (!training) throw new Error("the tick ordered no training");
  return ladder.client("publish").training(model, training.id, { waitSeconds: 60 });
}
