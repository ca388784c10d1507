import { describe, expect, it } from "vitest";
import { isAudited } from "#core/confidence/audit.ts";
import {
  assignByContent,
  assignSplit,
  divideGroups,
  groupKeyOf,
  nextBlockOf,
  splitAt,
  trainFolds,
  usualCuts,
} from "#core/confidence/splits.ts";
import { seeded } from "#test/helpers/random.ts";

const day = 24 * 3600_000;
const keys = Array.from({ length: 4_000 }, (_, i) => `q${i}`);
const splits = { key: "key", cuts: usualCuts };

describe("splits", () => {
  it("are 60%, 20% and 20%, fixed by the key of the HMAC and the group key alone", async () => {
    const counts = { train: 0, validation: 0, calibration: 0 };
    for (const key of keys) counts[(await assignSplit(splits, key)).split]++;
    expect(counts.train / 4_000).toBeCloseTo(0.6, 1);
    expect(counts.validation / 4_000).toBeCloseTo(0.2, 1);
    expect(counts.calibration / 4_000).toBeCloseTo(0.2, 1);
    const all = (key: string) => Promise.all(keys.slice(0, 40).map((group) => assignSplit({ ...splits, key }, group)));
    expect(await all("key")).toEqual(await all("key"));
    expect(await all("key")).not.toEqual(await all("other"));
  });

  it("divide train into folds of equal size, and no other split", async () => {
    const deals = await Promise.all(keys.map((key) => assignSplit(splits, key)));
    const inTrain = deals.filter(({ split }) => split === "train");
    for (let fold = 0; fold < trainFolds; fold++) {
      const share = inTrain.filter((one) => one.fold === fold).length / inTrain.length;
      expect(Math.abs(share - 1 / trainFolds)).toBeLessThan(0.04);
    }
    expect(deals.every(({ split, fold }) => split === "train" || fold === 0)).toBe(true);
  });

  it("by content hold nothing out to certify", async () => {
    const deals = await Promise.all(keys.map((key) => assignByContent(splits, key)));
    expect(new Set(deals.map(({ split }) => split))).toEqual(new Set(["train", "validation"]));
    expect(deals.filter(({ split }) => split === "train").length / 4_000).toBeCloseTo(0.75, 1);
  });

  it("keep neighbours together: by question, content, field or block of days", () => {
    const question = { id: "q", instance: { person: "ada", x: 1 }, at: 20 * day, content: "c" };
    expect(groupKeyOf({ by: "question" }, question)).toBe("q");
    expect(groupKeyOf({ by: "content" }, question)).toBe("c");
    expect(groupKeyOf({ by: "field", name: "person" }, question)).toBe("ada");
    expect(groupKeyOf({ by: "field", name: "nobody" }, question)).toBe("c");
    const at = (days: number) => groupKeyOf({ by: "time", days: 14 }, { ...question, at: days * day });
    expect(at(20)).toBe(at(27.9));
    expect(at(20)).not.toBe(at(28));
  });

  it("leave a gap where a label reaches into the next block", () => {
    const weeks = { by: "time", days: 7 } as const;
    expect(nextBlockOf(weeks, 6.5 * day, 1)).toBe("1");
    expect(nextBlockOf(weeks, 5.9 * day, 1)).toBeNull();
    expect(nextBlockOf(weeks, 6.5 * day, 0)).toBeNull();
    expect(nextBlockOf({ by: "content" }, 6.5 * day, 1)).toBeNull();
  });

  it("are independent of the audit, which has the configured share", async () => {
    const audited = await Promise.all(keys.map((id) => isAudited("secret", id, 0.1)));
    const names = await Promise.all(keys.map((id) => assignSplit({ ...splits, key: "secret" }, id)));
    expect(audited.filter(Boolean).length / keys.length).toBeCloseTo(0.1, 1);
    const inTrain = names.filter(({ split }, i) => audited[i] && split === "train").length;
    expect(inTrain / audited.filter(Boolean).length).toBeCloseTo(0.6, 0);
    expect(await isAudited("secret", "q", 0)).toBe(false);
  });
});

describe("dividing groups", () => {
  const unitsOf = (n: number) => {
    const random = seeded(n);
    return Array.from({ length: n }, random);
  };
  const sizesOf = (n: number) => {
    const units = unitsOf(n);
    const { cuts, ...rest } = divideGroups(units);
    const counts = { train: 0, validation: 0, calibration: 0 };
    for (const unit of units) counts[splitAt(unit, cuts).split]++;
    expect(counts.calibration).toBe(rest.calibration);
    return { ...counts, isEnough: rest.isEnough };
  };

  it("gives fewer than 20 groups exact shares, and certifies nothing from them", () => {
    expect(sizesOf(10)).toEqual({ train: 6, validation: 2, calibration: 2, isEnough: false });
    expect(sizesOf(19)).toEqual({ train: 11, validation: 4, calibration: 4, isEnough: false });
    expect(sizesOf(1)).toEqual({ train: 1, validation: 0, calibration: 0, isEnough: false });
  });

  it("grows calibration until it has 40 groups, up to half of all", () => {
    expect(sizesOf(96)).toMatchObject({ calibration: 40, isEnough: true });
    expect(sizesOf(80)).toMatchObject({ calibration: 40, isEnough: true });
    const { train, validation } = sizesOf(150);
    expect(train / (train + validation)).toBeCloseTo(0.75, 1);
  });

  it("keeps the usual shares where half of all groups are too few, and where a fifth is enough", () => {
    expect(divideGroups(unitsOf(79))).toMatchObject({ cuts: usualCuts, isEnough: false });
    expect(divideGroups(unitsOf(1_000))).toMatchObject({ cuts: usualCuts, isEnough: true });
  });
});
