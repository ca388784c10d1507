import { describe, expect, it } from "vitest";
import { askSchema, manifestSchema, versionName } from "#core/contract/index.ts";
import { testModel, testNumber } from "#test/helpers/model.ts";

describe("the contract", () => {
  it("takes one way of asking at a time", () => {
    const takes = (body: unknown) => askSchema.safeParse(body).success;
    expect([
      takes({ instance: { x: 1 } }),
      takes({ instances: [[1, [2]]] }),
      takes({ questions: [{ instance: {} }] }),
    ]).toEqual([true, true, true]);
    expect([
      takes({}),
      takes({ instance: {}, instances: [{}] }),
      takes({ instances: [] }),
      takes({ instance: "x" }),
    ]).toEqual([false, false, false, false]);
  });

  it("refuses inconsistent manifests", async () => {
    const { manifest } = await testModel();
    const takes = (change: object) => manifestSchema.safeParse({ ...manifest, ...change }).success;
    expect(takes({})).toBe(true);
    expect(takes({ labels: ["a", "b"] })).toBe(false);
    expect(takes({ model: "Not A Name" })).toBe(false);
    expect(takes({ extra: 1 })).toBe(false);
    const head = { ...manifest.thin.head, width: 6 };
    expect(takes({ thin: { ...manifest.thin, head } })).toBe(false);
  });

  it("refuses a rung that others run above a model of numbers: it answers labels", async () => {
    const jev = { name: "jev", kind: "system-one", url: "https://api.typesafe.ai", model: "jev-latest" };
    for (const [options, isTaken] of [
      [{}, true],
      [{ number: testNumber }, false],
    ] as const) {
      const { manifest } = await testModel(options);
      const policy = { ...manifest.policy, above: [jev] };
      expect(manifestSchema.safeParse({ ...manifest, policy }).success).toBe(isTaken);
    }
  });

  it("names versions", () => {
    expect([versionName(7), versionName(7, { region: "weur", number: 3 })]).toEqual(["7", "7+weur.3"]);
  });
});
