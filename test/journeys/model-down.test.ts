import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import type { Artefact } from "#origin/train/index.ts";
import { trainedModel } from "../helpers/shared.ts";
import { type SharedLadder, sharedLadder } from "./ladder.ts";

const model = "goes-down";
const callers = Array.from({ length: 40 }, (_, i) => `caller-${i}`);

let ladder: SharedLadder;
let older: Artefact;
let newer: Artefact;

beforeAll(async () => {
  const trained = [trainedModel("storefront", { before: "2024-04-01" }), trainedModel("storefront")] as const;
  ladder = await sharedLadder();
  [older, newer] = (await Promise.all(trained)).map(renamed) as [Artefact, Artefact];
});
afterAll(() => ladder?.check());

function renamed({ draft, blobs }: Artefact): Artefact {
  return { draft: { ...draft, model }, blobs };
}

describe("a new version", () => {
  it("is published without serving anyone, then rolled out to all callers", async () => {
    const { version } = await publish(ladder.client("publish"), older, ladder.credentials.signingKey);
    expect(version).toBe(1);
    await expect(askAs("caller-0")).rejects.toThrow(`model '${model}'`);
    await ladder.client("publish").rollout(model, { version: 1 });
    expect(await versions()).toEqual({ 1: callers.length });
  });

  it("is a canary for a share of the callers, and each caller stays on the same version", async () => {
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

  it("is promoted to all callers", async () => {
    await ladder.client("publish").rollout(model, { version: 2 });
    expect(await versions()).toEqual({ 2: callers.length });
  });

  it("is rolled back by moving the pointer once", async () => {
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

  it("is rolled back by the registry at the deadline of its canary, with a reason", async () => {
    await ladder.client("publish").rollout(model, { version: 2, share: 0.3, watch: { deadlineHours: 0.5 / 3600 } });
    await askAs("caller-0");
    await expect.poll(async () => (await ladder.client("ask").canary(model))?.outcome).toBe("rolled back");
    const { history } = await ladder.client("ask").versions(model);
    expect(history[0]).toMatchObject({ action: "rollback", version: 2 });
    expect(history[0]?.reason).toMatch(/^rolled back: undecided at the deadline/);
  });

  it("returns an error for other content under a known version, and for an unsigned manifest", async () => {
    const known = await ladder.client("ask").manifest(model, 1);
    await expect(ladder.client("publish").putVersion(known)).resolves.toMatchObject({ version: 1 });
    const other = { ...known, createdAt: new Date().toISOString() };
    await expect(ladder.client("publish").putVersion(other)).rejects.toThrow(/signature/);
    const { signature: _, ...unsigned } = known;
    await expect(ladder.client("publish").putVersion(unsigned)).rejects.toThrow(/signature must be/);
  });
});

function askAs(caller: string): Promise<Answer> {
  const [easy] = newer.draft.examples;
  return ladder.client("ask").ask(model, easy as NonNullable<typeof easy>, { caller, accept: "always" });
}

async function versions(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const answers = await Promise.all(callers.map(askAs));
  for (const { version } of answers) counts[version] = (counts[version] ?? 0) + 1;
  return counts;
}
