import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import { recipeOf } from "#origin/recipes/index.ts";
import { type Artefact, train } from "#origin/train/index.ts";
import type { LocalLadder } from "#scripts/local/ladder.ts";
import { temporaryLadder } from "./ladder.ts";

const model = "storefront";
const callers = Array.from({ length: 40 }, (_, i) => `caller-${i}`);

let ladder: LocalLadder;
let older: Artefact;
let newer: Artefact;

beforeAll(async () => {
  ladder = await temporaryLadder();
  older = await train(recipeOf(model), { before: "2024-07-01" });
  newer = await train(recipeOf(model), { before: "2025-07-01" });
});
afterAll(() => ladder?.stop());

describe("a model goes down", () => {
  it("is published without serving anybody, then rolled out to all", async () => {
    const { version } = await publish(ladder.client("publish"), older, ladder.credentials.signingKey);
    expect(version).toBe(1);
    await expect(askAs("caller-0")).rejects.toThrow(/model 'storefront'/);
    await ladder.client("publish").rollout(model, { version: 1 });
    expect(await versions()).toEqual({ 1: callers.length });
  });

  it("is canaried to a share of the callers, who stay on it", async () => {
    await publish(ladder.client("publish"), newer, ladder.credentials.signingKey);
    expect(await versions()).toEqual({ 1: callers.length });
    await ladder.client("publish").rollout(model, { version: 2, share: 0.3 });
    const counts = await versions();
    expect(counts[2]).toBeGreaterThan(3);
    expect(counts[2]).toBeLessThan(22);
    expect(await versions()).toEqual(counts);
    const states = (await ladder.client("ask").versions(model)).versions.map(({ version, state }) => [version, state]);
    expect(states).toEqual([
      [2, "canary"],
      [1, "stable"],
    ]);
  });

  it("is promoted to all", async () => {
    await ladder.client("publish").rollout(model, { version: 2 });
    expect(await versions()).toEqual({ 2: callers.length });
  });

  it("is rolled back by one move of the pointer", async () => {
    await ladder.client("publish").rollback(model);
    expect(await versions()).toEqual({ 1: callers.length });
    const { history } = await ladder.client("ask").versions(model);
    expect(history.map(({ action, version }) => [action, version])).toEqual([
      ["rollback", 1],
      ["stable", 2],
      ["canary", 2],
      ["published", 2],
      ["stable", 1],
      ["published", 1],
    ]);
  });

  it("is a canary that the registry ends by itself when its time is over, and says why", async () => {
    await ladder.client("publish").rollout(model, { version: 2, share: 0.3, watch: { deadlineHours: 0.5 / 3600 } });
    await askAs("caller-0");
    await expect.poll(async () => (await ladder.client("ask").canary(model))?.outcome).toBe("rolled back");
    const { history } = await ladder.client("ask").versions(model);
    expect(history[0]).toMatchObject({ action: "rollback", version: 2 });
    expect(history[0]?.reason).toMatch(/^rolled back: undecided when the time was over/);
  });

  it("can't be published otherwise under a version that is known, nor unsigned", async () => {
    const known = await ladder.client("ask").manifest(model, 1);
    await expect(ladder.client("publish").putVersion(known)).resolves.toMatchObject({ version: 1 });
    const other = { ...known, createdAt: new Date().toISOString() };
    await expect(ladder.client("publish").putVersion(other)).rejects.toThrow(/signature/);
    const { signature: _, ...unsigned } = known;
    await expect(ladder.client("publish").putVersion(unsigned)).rejects.toThrow(/not signed/);
  });
});

function askAs(caller: string): Promise<Answer> {
  const [easy] = older.draft.examples;
  return ladder.client("ask").ask(model, easy as NonNullable<typeof easy>, { caller, accept: "always" });
}

async function versions(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const caller of callers) {
    const { version } = await askAs(caller);
    counts[version] = (counts[version] ?? 0) + 1;
  }
  return counts;
}
