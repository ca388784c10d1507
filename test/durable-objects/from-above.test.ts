import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import type { ExternalRung, Policy, SampleLine } from "#core/contract/index.ts";
import { call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const above = (env as unknown as { TEST_ABOVE_URL: string }).TEST_ABOVE_URL;
const never = 1.01;

const rungOf = (threshold: number): ExternalRung => ({
  ...{ name: "jev", kind: "system-one", url: `${above}/none`, model: "m", key: "RUNG_KEY_ABOVE" },
  ...{ deadlineMs: 8_000, minLabels: 0, threshold },
});
const policyOf = (threshold: number): Partial<Policy> => ({
  ...{ ladder: ["edge", "region", "origin", "human"], above: [rungOf(threshold)] },
  ...{ originLabelWeight: 0.25, keep: "all", truth: "complete", learning: ["control"] },
});

async function samplesOf(model: string): Promise<SampleLine[]> {
  const text = await (await expectOk(call("GET", `/v1/models/${model}/samples`))).text();
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as SampleLine);
  return lines.filter((line) => "label" in line);
}

describe("a model that learns from the rung above", () => {
  beforeAll(() => publish({ model: "cold", threshold: never, policy: policyOf(0.99) }));
  const region = new TestRegion("cold");
  const ids = [0, 1, 2].map((i) => `cold~north~${i}`);

  it("keeps answers that the rung was not sure of as well, with its scores, and never as truth", async () => {
    const answers = await region.ask(
      ids.map((_, i) => instance(i)),
      ids,
    );
    expect(answers.every(({ accepted, status }) => !accepted && status === "open")).toBe(true);
    await eventually(async () => expect(await samplesOf("cold")).toHaveLength(3));
    for (const sample of await samplesOf("cold")) {
      expect(sample).toMatchObject({ label: "a", source: "origin", inclusionProbability: 1 });
      const scores = Object.values((sample as { above: Record<string, number> }).above);
      expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 2);
    }
    const { certificate } = await region.inside((object) => object.state(1));
    expect(certificate?.labels).toBe(0);
  });

  it("replaces them by labels of people and truth", async () => {
    await region.teach([{ id: ids[0] as string, label: "b" }]);
    const [line] = (await samplesOf("cold")).filter((one) => "id" in one && one.id === ids[0]);
    expect(line).toMatchObject({
      label: "b",
      source: "truth",
      above: expect.objectContaining({ a: expect.any(Number) }),
    });
  });

  it("starts each version with the threshold that the version says; the certificate goes on", async () => {
    await region.rows(
      "INSERT INTO thresholds (base, threshold) VALUES (1, 0.9) ON CONFLICT DO UPDATE SET threshold = 0.9",
    );
    await publish({ model: "cold", version: 2, seed: 7, threshold: 0.6, policy: policyOf(0.99) });
    await region.ask([instance(9)], ["cold~north~9"]);
    await eventually(async () => expect(await region.rows("SELECT base FROM windows WHERE base = 2")).toHaveLength(1));
    expect(await region.rows("SELECT threshold FROM thresholds WHERE base = 2 AND threshold > 0.85")).toEqual([]);
  });
});

describe("a model with rows of its own", () => {
  it("keeps no answer that the rung was not sure of", async () => {
    await publish({ model: "warm", threshold: never, policy: { ...policyOf(0.99), originLabelWeight: 0 } });
    const region = new TestRegion("warm");
    await region.ask([instance(1)], ["warm~north~1"]);
    expect(await samplesOf("warm")).toEqual([]);
  });
});
