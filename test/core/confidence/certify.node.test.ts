import { describe, expect, it } from "vitest";
import { type CertifyOptions, certifyRule } from "#core/confidence/certify.ts";
import { accepts, type GroupedAnswer, scoreAnswer, thresholdGrid } from "#core/confidence/rule.ts";
import { normal, seededRandom } from "#origin/random.ts";

const window = { from: "2025-01-01", to: "2025-12-31" };
const base = { targetRisk: 0.1, delta: 0.05, source: "truth", scope: "global", window } as const;

interface World {
  /** The error at a confidence and a group's shock. */
  errorAt(confidence: number, shock: number): number;
  shock: number;
}

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

function draw(random: () => number, groups: number, size: number, { errorAt, shock }: World): GroupedAnswer[] {
  return Array.from({ length: groups }, (_, group) => {
    const shift = normal(random, 0, shock);
    return Array.from({ length: size }, (): GroupedAnswer => {
      const confidence = 0.5 + random() / 2;
      const right = random() >= errorAt(confidence, shift);
      return { confidence, right, predicted: 0, label: right ? 0 : 1, group: String(group) };
    });
  }).flat();
}

/** Answers in groups of `size`, of which the first `errors` of every group are wrong. */
function answers(groups: number, size: number, errors: number, confidence = 0.9): GroupedAnswer[] {
  return Array.from({ length: groups * size }, (_, i) => {
    const right = i % size >= errors;
    return {
      confidence,
      right,
      predicted: 0,
      label: right ? 0 : 1,
      group: String(Math.floor(i / size)),
      loss: right ? 0.1 : 2,
    };
  });
}

const certify = (
  calibration: GroupedAnswer[],
  latest: GroupedAnswer[] | null,
  options: Partial<CertifyOptions> = {},
  grid = [0.9],
) => certifyRule(grid, calibration, latest, { ...base, validation: calibration, ...options });

describe("the published rule over groups", () => {
  // Confidence says nothing and the mean error over shocks is a hair above the target: every certificate is false.
  const meanOf = (intercept: number) => {
    const steps = Array.from({ length: 241 }, (_, i) => (i - 120) / 20);
    const mass = steps.map((x) => Math.exp((-x * x) / 2));
    return (
      steps.reduce((sum, x, i) => sum + sigmoid(intercept + 0.5 * x) * (mass[i] as number), 0) /
      mass.reduce((a, b) => a + b)
    );
  };
  const interceptOf = (error: number) => {
    let [low, high] = [-20, 0];
    for (let i = 0; i < 50; i++) {
      const middle = (low + high) / 2;
      if (meanOf(middle) < error) low = middle;
      else high = middle;
    }
    return low;
  };
  const shocked = (error: number): World => {
    const intercept = interceptOf(error);
    return { shock: 0.5, errorAt: (_, shift) => sigmoid(intercept + shift) };
  };
  const lives = 300;
  const countIssued = (world: World, withLatest: boolean) => {
    const random = seededRandom(11);
    let issued = 0;
    for (let life = 0; life < lives; life++) {
      const [validation, calibration] = [draw(random, 20, 30, world), draw(random, 40, 30, world)];
      const latest = withLatest ? draw(random, 16, 30, world) : null;
      if (certify(calibration, latest, { validation }, thresholdGrid(validation)).rule.certificate) issued++;
    }
    return issued / lives;
  };
  const atMost = 0.05 + 2 * Math.sqrt((0.05 * 0.95) / lives);

  it("is false in at most delta of lives where groups share a shock, with and without a latest part", () => {
    expect(countIssued(shocked(0.1001), true)).toBeLessThanOrEqual(atMost);
    expect(countIssued(shocked(0.1001), false)).toBeLessThanOrEqual(atMost);
  });

  it("is issued in at least 80% of lives where the error is half of the target", () => {
    expect(countIssued(shocked(0.05), true)).toBeGreaterThanOrEqual(0.8);
    expect(countIssued(shocked(0.05), false)).toBeGreaterThanOrEqual(0.8);
  });

  it("stays near the true threshold where confidence is informative", () => {
    const random = seededRandom(3);
    const world = { shock: 0, errorAt: (confidence: number) => 1 - confidence };
    const [validation, calibration] = [draw(random, 40, 50, world), draw(random, 200, 50, world)];
    // Above a threshold t the mean error is (1 − t)/2: the target of 0.1 is reached at 0.8.
    const { rule } = certify(calibration, null, { validation }, thresholdGrid(validation));
    expect(rule.threshold).toBeGreaterThanOrEqual(0.8);
    expect(rule.threshold).toBeLessThan(0.87);
    expect(rule.strictest).toBeGreaterThan(0.95);
  });
});

describe("the two parts", () => {
  it("let the stricter threshold win", () => {
    const both = [...answers(40, 20, 0, 0.9), ...answers(40, 20, 0, 0.8)];
    const late = [...answers(8, 40, 0, 0.9), ...answers(8, 40, 20, 0.8)];
    const { rule, tested } = certify(both, late, {}, [0.9, 0.8]);
    expect(tested).toEqual({
      calibration: { groups: 40, labels: 1_600, threshold: 0.8 },
      latest: { groups: 8, labels: 640, threshold: 0.9 },
    });
    expect(rule.threshold).toBe(0.9);
    expect(rule.certificate).toEqual({
      ...{ targetRisk: 0.1, confidence: 0.95, bound: 0.1, coverage: (800 + 320) / 2_240, labels: 1_120 },
      ...{ source: "truth", scope: "global", window },
    });
  });

  it("certify nothing unless both do, and say which failed", () => {
    const { rule, optimism } = certify(answers(40, 20, 0), answers(8, 40, 20));
    expect(rule.certificate).toBeNull();
    expect(accepts(rule, 1)).toBe(false);
    expect(rule.uncertified).toEqual({
      status: "pending",
      reason:
        "cannot be certified: the error of accepted answers is not shown to be at most 0.1 by the latest part, where 160 of 320 are errors at the strictest threshold tested (8 groups)",
      labels: 1_120,
      labelsNeeded: null,
    });
    expect(optimism).toMatchObject({ threshold: 0.9, error: 0.5 });
    expect(optimism?.logLoss).toBeCloseTo(0.95, 12);
  });

  it("measure optimism at the certified threshold, and only with a latest part", () => {
    const { optimism } = certify(answers(40, 20, 0), answers(8, 50, 1));
    expect(optimism?.error).toBeCloseTo(0.02, 12);
    expect(certify(answers(40, 20, 0), null).optimism).toBeNull();
    const unscored = answers(40, 20, 0).map(({ loss: _, ...answer }) => answer);
    expect(certify(unscored, answers(8, 50, 1)).optimism?.logLoss).toBeNull();
  });

  it("need 40 groups of calibration and 8 of the latest", () => {
    const few = certify(answers(39, 20, 0), answers(8, 40, 0)).rule.uncertified;
    expect(few?.reason).toBe("39 groups in the calibration part; 40 are needed for a certificate");
    expect(few?.labelsNeeded).toBe(20);
    expect(certify(answers(40, 20, 0), answers(7, 40, 0)).rule.uncertified?.reason).toBe(
      "7 groups in the latest part; 8 are needed for a certificate",
    );
  });

  it("certify nothing without answers", () => {
    expect(certify([], null, {}, []).rule).toMatchObject({ strictest: 1.01, certificate: null });
    expect(certifyRule([], answers(40, 20, 0), null, { ...base, validation: [] }).rule.uncertified?.reason).toContain(
      "no validation answers",
    );
  });
});

describe("the risk per class", () => {
  const labels = ["fine", "fraud"];
  const classes = { labels, perClass: ["fraud"] };
  /** One group of 100 questions: `fraud` of them are fraud, of which `found` are predicted; `alarms` others are too. */
  const group = (g: number, { fraud, found, alarms }: { fraud: number; found: number; alarms: number }) =>
    Array.from({ length: 100 }, (_, i): GroupedAnswer => {
      const label = i < fraud ? 1 : 0;
      const predicted = i < found || (i >= fraud && i < fraud + alarms) ? 1 : 0;
      return { ...{ predicted, label, right: predicted === label }, confidence: 0.9, group: String(g) };
    });
  const part = (groups: number, counts: { fraud: number; found: number; alarms: number }) =>
    Array.from({ length: groups }, (_, g) => group(g, counts)).flat();

  it("refuses to answer always the majority", () => {
    const majority = part(100, { fraud: 2, found: 0, alarms: 0 });
    expect(certify(majority, null, { targetRisk: 0.05 }).rule.certificate).not.toBeNull();
    const { rule } = certify(majority, null, { targetRisk: 0.05, classes });
    expect(rule.certificate).toBeNull();
    expect(rule.uncertified?.reason).toBe(
      "cannot be certified: the share of questions of class 'fraud' accepted as another is not shown to be at most 0.05 by the calibration part, where 200 of 200 are errors at the strictest threshold tested (100 groups)",
    );
  });

  it("certifies where every test passes", () => {
    const { rule } = certify(part(100, { fraud: 2, found: 2, alarms: 0 }), null, { classes });
    expect(rule.certificate).not.toBeNull();
    expect(rule.perClass).toBeUndefined();
    expect(accepts(rule, 0.9, "fraud")).toBe(true);
  });

  it("refuses where too many answers of a class are wrong", () => {
    const { rule } = certify(part(100, { fraud: 2, found: 2, alarms: 1 }), null, { classes });
    expect(rule.uncertified?.reason).toContain("the error of accepted answers 'fraud' is not shown to be at most 0.1");
  });

  it("says how many labels of a class are missing", () => {
    const rare = [...part(9, { fraud: 1, found: 1, alarms: 0 }), ...part(91, { fraud: 0, found: 0, alarms: 0 })];
    const numbered = rare.map((answer, i) => ({ ...answer, group: String(Math.floor(i / 100)) }));
    const { rule } = certify(numbered, null, { targetRisk: 0.05, classes });
    // ln(0.05/2)/ln(0.95) = 71.9.
    expect(rule.uncertified).toMatchObject({
      reason: "class 'fraud': 9 labels of 72 needed in the calibration part",
      labelsNeeded: 63,
    });
    expect(rule.perClass?.fraud?.reason).toBe("class 'fraud': 9 answers of 72 needed in the calibration part");
  });

  it("does not accept a class that is predicted too rarely, and certifies the rest", () => {
    const random = seededRandom(2);
    // The model says fraud in few cases, and is unsure in the other cases of fraud.
    const calibration = part(100, { fraud: 2, found: 0, alarms: 0 }).map((answer) =>
      answer.label === 0
        ? answer
        : { ...answer, confidence: 0.6, ...(random() < 0.1 ? { predicted: 1, right: true } : {}) },
    );
    const { rule } = certify(calibration, null, { classes });
    expect(rule.certificate).not.toBeNull();
    expect(rule.perClass?.fraud?.threshold).toBeGreaterThan(1);
    expect(accepts(rule, 1, "fraud")).toBe(false);
    expect(accepts(rule, 0.9, "fine")).toBe(true);
  });
});

describe("accepting an answer", () => {
  it("takes the threshold of the rule and that of the label", () => {
    const rule = { threshold: 0.7, perClass: { fraud: { threshold: 0.9, reason: null } } };
    expect(accepts(rule, 0.8, "fine")).toBe(true);
    expect(accepts(rule, 0.8, "fraud")).toBe(false);
    expect(accepts(rule, 0.9, "fraud")).toBe(true);
    expect(accepts(rule, 0.8, "constructor")).toBe(true);
  });

  it("keeps what was predicted, the label and the log-loss", () => {
    expect(scoreAnswer([0.2, 0.8], 0)).toEqual({
      ...{ predicted: 1, label: 0, right: false, confidence: 0.8 },
      loss: -Math.log(0.2),
    });
  });
});
