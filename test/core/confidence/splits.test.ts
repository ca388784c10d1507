import { describe, expect, it } from "vitest";
import { assignSplit, groupKeyOf, isAudited, splitOf, trainFolds } from "#core/confidence/splits.ts";

describe("splits", () => {
  it("are 60%, 20% and 20%, fixed by secret and region", async () => {
    const counts = { train: 0, validation: 0, calibration: 0 };
    for (let i = 0; i < 4_000; i++) counts[await splitOf("secret", "north", `q${i}`)]++;
    expect(counts.train / 4_000).toBeCloseTo(0.6, 1);
    expect(counts.validation / 4_000).toBeCloseTo(0.2, 1);
    expect(counts.calibration / 4_000).toBeCloseTo(0.2, 1);
    const keys = Array.from({ length: 40 }, (_, i) => `q${i}`);
    const all = (secret: string, region: string) => Promise.all(keys.map((key) => splitOf(secret, region, key)));
    expect(await all("secret", "north")).toEqual(await all("secret", "north"));
    expect(await all("secret", "north")).not.toEqual(await all("other", "north"));
    expect(await all("secret", "north")).not.toEqual(await all("secret", "south"));
  });

  it("divide train into folds of equal size, and no other split", async () => {
    const deals = await Promise.all(Array.from({ length: 4_000 }, (_, i) => assignSplit("secret", "north", `q${i}`)));
    const inTrain = deals.filter(({ split }) => split === "train");
    for (let fold = 0; fold < trainFolds; fold++) {
      const share = inTrain.filter((one) => one.fold === fold).length / inTrain.length;
      expect(Math.abs(share - 1 / trainFolds)).toBeLessThan(0.04);
    }
    expect(deals.every(({ split, fold }) => split === "train" || fold === 0)).toBe(true);
  });

  it("keep neighbours together: by question, by field, by block of days", () => {
    const day = 24 * 3600_000;
    const question = { id: "q", instance: { person: "ada", x: 1 }, at: 20 * day };
    expect(groupKeyOf({ by: "question" }, question)).toBe("q");
    expect(groupKeyOf({ by: "field", name: "person" }, question)).toBe("ada");
    expect(groupKeyOf({ by: "field", name: "nobody" }, question)).toBe("q");
    expect(groupKeyOf({ by: "time", days: 14 }, question)).toBe(
      groupKeyOf({ by: "time", days: 14 }, { ...question, at: 27.9 * day }),
    );
    expect(groupKeyOf({ by: "time", days: 14 }, question)).not.toBe(
      groupKeyOf({ by: "time", days: 14 }, { ...question, at: 28 * day }),
    );
  });

  it("are independent of the audit, which has the configured share", async () => {
    const ids = Array.from({ length: 4_000 }, (_, i) => `q${i}`);
    const audited = await Promise.all(ids.map((id) => isAudited("secret", id, 0.1)));
    const splitNames = await Promise.all(ids.map((id) => splitOf("secret", "north", id)));
    expect(audited.filter(Boolean).length / ids.length).toBeCloseTo(0.1, 1);
    const inTrain =
      splitNames.filter((split, i) => audited[i] && split === "train").length / audited.filter(Boolean).length;
    expect(inTrain).toBeGreaterThan(0.5);
    expect(inTrain).toBeLessThan(0.7);
    expect(await isAudited("secret", "q", 0)).toBe(false);
  });
});
