import { describe, expect, it } from "vitest";
import { certifyRadius, chooseRadius, type LabelledNeighbours, radiusGrid } from "#core/semantic-cache/radius.ts";
import { seeded } from "#test/helpers/random.ts";

const options = { targetRisk: 0.1, delta: 0.05 };

// Two neighbours of class 0 at one similarity; the question is of another class where it is wrong.
function remembered(similarity: number, wrong: boolean): LabelledNeighbours {
  return { neighbours: [0, 1].map(() => ({ label: 0, similarity })), label: wrong ? 1 : 0 };
}

function many(n: number, errors: number, similarity: number): LabelledNeighbours[] {
  return Array.from({ length: n }, (_, i) => remembered(similarity, i < errors));
}

describe("the radius", () => {
  it("chooses the widest radius whose error is within the target", () => {
    const validation = [...many(40, 0, 0.999), ...many(40, 3, 0.96), ...many(40, 12, 0.9), ...many(40, 20, 0.3)];
    // Errors among recalled: 0 of 40, 3 of 80, 15 of 120.
    expect(chooseRadius(validation, 0.1)).toBe(0.96);
    expect(chooseRadius(validation, 0.05)).toBe(0.999);
    expect(chooseRadius(validation, 0.25)).toBe(0.9);
    expect(radiusGrid).toEqual([...radiusGrid].sort((a, b) => b - a));
  });

  it("is the smaller one where slightly further neighbours disagree", () => {
    const torn = (label: number): LabelledNeighbours => ({
      neighbours: [
        { label, similarity: 1 },
        { label: 1 - label, similarity: 0.97 },
      ],
      label,
    });
    expect(chooseRadius([torn(0), torn(1), torn(0)], 0.1)).toBe(0.9999);
  });

  it("is null where no neighbour is near or all are wrong", () => {
    expect(chooseRadius([], 0.1)).toBeNull();
    expect(chooseRadius(many(50, 0, 0.3), 0.1)).toBeNull();
    expect(chooseRadius(many(50, 50, 0.9999), 0.1)).toBeNull();
  });
});

describe("the radius's certificate", () => {
  it("is certified at level delta by the recalled labels alone", () => {
    // Binomial(100, 0.1): P(X ≤ 4) = 0.0237 and P(X ≤ 5) = 0.0576.
    const far = many(500, 500, 0.5);
    expect(certifyRadius(0.9, [...many(100, 4, 0.95), ...far], options)).toEqual({
      ...{ radius: 0.9, answered: 100, errors: 4, certified: true },
      reason: "4 of 100 answers from the cache are wrong: error at most 0.1 with confidence 0.95",
    });
    expect(certifyRadius(0.9, [...many(100, 5, 0.95), ...far], options)).toMatchObject({
      certified: false,
      reason: "5 of 100 answers from the cache are wrong: error not proven to be at most 0.1",
    });
  });

  it("says how many labels are missing", () => {
    expect(certifyRadius(0.9, many(29, 0, 0.95), options).certified).toBe(true);
    expect(certifyRadius(0.9, many(28, 0, 0.95), options)).toMatchObject({
      certified: false,
      reason: "0 of 28 answers from the cache are wrong: a certificate needs at least 29 without an error",
    });
    expect(certifyRadius(0.9, [], options)).toMatchObject({ certified: false, answered: 0 });
  });

  // The error grows with distance, so that somewhere in the grid it passes the target.
  const trueRisk = (similarity: number) => 0.6 * Math.sqrt(1 - similarity);
  function draw(random: () => number, n: number): LabelledNeighbours[] {
    return Array.from({ length: n }, () => {
      const similarity = 1 - 0.25 * random() ** 2;
      return remembered(similarity, random() < trueRisk(similarity));
    });
  }
  // Distances √(1 − similarity) are uniform on [0, 0.5]: the mean risk within a radius is half the risk at it.
  const riskWithin = (radius: number) => trueRisk(radius) / 2;

  it("is wrong in at most delta of many lives", () => {
    const random = seeded(19);
    const lives = 2_000;
    let broken = 0;
    for (let life = 0; life < lives; life++) {
      const radius = chooseRadius(draw(random, 40), 0.1);
      if (radius === null) continue;
      const report = certifyRadius(radius, draw(random, 150), options);
      if (report.certified && riskWithin(radius) > 0.1) broken++;
    }
    expect(broken / lives).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / lives));
    expect(broken).toBeGreaterThan(0);
  });

  it("is found in most lives that have enough labels", () => {
    const random = seeded(29);
    const lives = 200;
    let certified = 0;
    for (let life = 0; life < lives; life++) {
      const radius = chooseRadius(draw(random, 1_000), 0.1);
      if (radius !== null && certifyRadius(radius, draw(random, 1_000), options).certified) certified++;
    }
    expect(certified / lives).toBeGreaterThan(0.8);
  });

  it("certifies a risk just above the target in at most delta of many lives", () => {
    const random = seeded(37);
    const lives = 2_000;
    let broken = 0;
    for (let life = 0; life < lives; life++) {
      const calibration = Array.from({ length: 150 }, () => remembered(0.95, random() < 0.1001));
      if (certifyRadius(0.95, calibration, options).certified) broken++;
    }
    expect(broken / lives).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt((0.05 * 0.95) / lives));
  });
});
