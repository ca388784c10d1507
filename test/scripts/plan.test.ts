import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Instance } from "#core/contract/index.ts";
import { findDocument } from "#origin/recipes/index.ts";
import { saveArtefact } from "#origin/train/store.ts";
import { describePlanned } from "#scripts/plan/describe.ts";
import type { PlanFacts } from "#scripts/plan/facts.ts";
import { considerRungs, type PlannedRung } from "#scripts/plan/rules.ts";
import { trainedModel } from "#test/helpers/shared.ts";
import { thinsModel } from "#test/helpers/thins-model.ts";
import { rolloutOn, sharedLadder } from "../journeys/ladder.ts";
import { upriver } from "./upriver.ts";

const mb = 1024 * 1024;

async function factsWith(change: (facts: PlanFacts) => Partial<PlanFacts> = () => ({})): Promise<PlanFacts> {
  const { manifest } = await thinsModel({ memoryBytes: 2 * mb });
  const cost = { bytes: 40_000, memoryBytes: mb, ms: 0.2, width: 32, inputs: 20 };
  const facts: PlanFacts = {
    ...{
      recipe: "shop",
      model: "version 3, which serves",
      ladder: null,
      thins: manifest,
      labels: 3,
      deviceBytes: null,
    },
    here: { memoryBytes: 16_384 * mb, cores: 4, arch: "x64" },
    networks: { thin: cost, node: { ...cost, memoryBytes: 2 * mb }, full: { ...cost, ms: 2 } },
    data: { rows: 10_000, samples: 500, samplesMax: 20_000, regions: 2, instanceBytes: 300 },
    operations: { questionsPerDay: 20_000, escalatedShare: 0.2, trainingSeconds: 12 },
    nodes: [{ id: "shop-1", host: { memoryBytes: 2_048 * mb, cores: 2, arch: "arm64" } }],
  };
  return { ...facts, ...change(facts) };
}

const verdictsOf = (rungs: readonly PlannedRung[]) => Object.fromEntries(rungs.map((one) => [one.rung, one.verdict]));
const find = (rungs: readonly PlannedRung[], rung: string) => rungs.find((one) => one.rung === rung) as PlannedRung;

describe("a plan says of each rung whether the model", () => {
  it("fits, with the numbers", async () => {
    const facts = await factsWith();
    const rungs = considerRungs(facts);
    expect(new Set(Object.values(verdictsOf(rungs)))).toEqual(new Set(["fits"]));
    expect(find(rungs, "node shop-1")).toMatchObject({ network: "node", open: [] });
    const text = describePlanned(facts, rungs);
    expect(text).toContain("shop: version 3, which serves; 10,000 rows, 500 samples kept, 20,000 questions a day");
    expect(text).toContain("CPU of an answer: 0.80 ms of 10.00 ms (measured here)");
    expect(text).toContain("memory: 254.0 MB of 2.0 GB, 4.0 MB of it for the network");
  });

  it("is tight or does not fit, and why, for the plan, the node and the device that it is about", async () => {
    const facts = await factsWith(({ networks, operations, data }) => ({
      networks: { ...networks, thin: { bytes: 2 * mb, memoryBytes: 30 * mb, ms: 12, width: 1_400, inputs: 20 } },
      operations: { ...operations, questionsPerDay: 90_000 },
      data: { ...data, instanceBytes: 100_000 },
      nodes: [
        { id: "small", host: { memoryBytes: 200 * mb, cores: 1, arch: "arm64" } },
        { id: "new", host: null },
      ],
      deviceBytes: mb,
    }));
    const rungs = considerRungs(facts);
    expect(verdictsOf(rungs)).toEqual({
      ...{ device: "does not fit", "node small": "does not fit", "node new": null },
      ...{ "edge (Workers free)": "does not fit", "edge (Workers paid)": "tight" },
      ...{ "region (Workers free)": "does not fit", "region (Workers paid)": "does not fit" },
      "origin (this machine)": "fits",
    });
    const free = find(rungs, "edge (Workers free)").reasons;
    expect(free.map(({ verdict }) => verdict)).toEqual(["does not fit", "tight", "tight"]);
    expect(free[0]?.text).toBe("CPU of an answer: 12.60 ms of 10.00 ms (measured here)");
    expect(find(rungs, "node new").open[0]).toContain("it has not said what machine it is; it needs 254.0 MB");
  });

  it("can't be considered, where nothing says it", async () => {
    const none = { questionsPerDay: null, escalatedShare: null, trainingSeconds: null };
    const rungs = considerRungs(await factsWith(() => ({ operations: none, nodes: [] })));
    expect(find(rungs, "node")).toMatchObject({ verdict: null, reasons: [] });
    expect(find(rungs, "node").open?.[0]).toMatch(/^no node is enrolled/);
    const away = considerRungs(await factsWith(() => ({ ladder: "it is away", nodes: [] })));
    expect(find(away, "node").open?.[0]).toMatch(/^whether a node is enrolled is unknown/);
    expect(find(rungs, "edge (Workers free)").open).toEqual([
      "questions a day: unknown, since no running ladder has answered a question yet",
    ]);
  });
});

describe("npx upriver status --plan", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "upriver-plan-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const plan = (recipe = "storefront", [url, token] = ["", ""]) => {
    const env = { ...process.env, UPRIVER_FOLDER: folder, UPRIVER_URL: url, UPRIVER_TOKEN: token };
    return upriver(["status", "--plan", recipe, "--json"], { env });
  };

  it("says what to do where nothing was trained, and measures what was", async () => {
    expect((await plan()).stderr).toContain("Train one with 'npx upriver train <recipe>'");
    await saveArtefact(join(folder, ".upriver", "artefacts", "storefront"), await trainedModel("storefront"));
    const { stdout, stderr } = await plan();
    if (stdout === "") throw new Error(stderr);
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ recipe: "storefront", labels: 6, data: { regions: 12, samples: null } });
    expect(found.networks.thin.ms).toBeGreaterThan(0);
    expect(found.networks.full.memoryBytes).toBeGreaterThan(found.networks.thin.memoryBytes);
    expect(found.ladder).toMatch(/No edge is known/);
    expect(verdictsOf(found.rungs)).toMatchObject({ device: "fits", node: null, "edge (Workers free)": "fits" });
  });

  it("considers the version that serves where none was trained here, with what the ladder counted", async () => {
    const ladder = await sharedLadder();
    const { draft, blobs } = await trainedModel("storefront");
    await rolloutOn(ladder, { draft: { ...draft, model: "planned" }, blobs });
    const { document } = await findDocument("storefront", folder);
    const path = join(folder, "planned.recipe.json");
    await writeFile(path, JSON.stringify({ ...document, name: "planned", source: "planned.csv" }));
    await ladder.client("ask").ask("planned", draft.examples[0] as Instance);
    const { edge, tokens } = ladder.credentials;
    await expect
      .poll(async () => JSON.parse((await plan(path, [edge, tokens.admin])).stdout), { timeout: 60_000 })
      .toMatchObject({
        ...{ recipe: "planned", model: "version 1, which serves", ladder: null, networks: { thin: { width: 16 } } },
        operations: { questionsPerDay: expect.any(Number), escalatedShare: expect.any(Number) },
      });
  });
});
