import { describe, expect, it } from "vitest";
import { addTrial } from "#core/confidence/trials.ts";
import { type CertificateWindow, firstWindow, nextWindow, verdict, windowDelta } from "#core/confidence/window.ts";

const settings = { targetRisk: 0.1, delta: 0.05 };

/** A window with `labels` more labels, of which every `every`th is an error. */
function withLabels(
  window: CertificateWindow,
  labels: number,
  every: number,
  inclusionProbability = 1,
): CertificateWindow {
  let { trials } = window;
  for (let i = 1; i <= labels; i++) trials = addTrial(trials, { inclusionProbability, error: i % every === 0 ? 1 : 0 });
  return { ...window, trials };
}

describe("a region's window", () => {
  const first = firstWindow(1_000, 1);

  it("has a smaller delta the later the window, and all windows of a life sum to delta", () => {
    expect(windowDelta({ number: 1 }, 0.05)).toBeCloseTo(0.025, 12);
    expect(windowDelta({ number: 2 }, 0.05)).toBeCloseTo(0.05 / 6, 12);
    let spent = 0;
    for (let number = 1; number <= 10_000; number++) spent += windowDelta({ number }, 0.05);
    expect(spent).toBeLessThan(0.05);
    expect(spent).toBeGreaterThan(0.0499);
  });

  it("is valid once its upper bound is at most the target, invalid once its lower bound is above, else pending", () => {
    const valid = verdict(withLabels(first, 2_000, 20), settings);
    expect(valid).toMatchObject({ status: "valid", labels: 2_000, labelsNeeded: 0, mean: 0.05 });
    expect(valid.bound).toBeLessThan(0.1);
    const isVoid = verdict(withLabels(first, 400, 4), settings);
    expect(isVoid).toMatchObject({ status: "void", labelsNeeded: null, mean: 0.25 });
    expect(isVoid.lower).toBeGreaterThan(0.1);
    const pending = verdict(withLabels(first, 100, 20), settings);
    expect(pending.status).toBe("pending");
    expect(pending.lower).toBeLessThan(0.1);
    expect(pending.bound).toBeGreaterThan(0.1);
  });

  it("returns how many labels are needed, and is certified with exactly that many at the same rate", () => {
    for (const [labels, every, inclusionProbability] of [
      [20, 20, 1],
      [200, 20, 1],
      [160, 16, 0.02],
    ] as const) {
      const window = withLabels(firstWindow(0, inclusionProbability), labels, every, inclusionProbability);
      const { status, labelsNeeded } = verdict(window, settings);
      expect(status).toBe("pending");
      // Errors come at the end of each round, so whole rounds have the rate.
      const rounds = Math.ceil((labelsNeeded as number) / every);
      expect(verdict(withLabels(window, rounds * every, every, inclusionProbability), settings).status).toBe("valid");
      expect(verdict(withLabels(window, (rounds - 1) * every, every, inclusionProbability), settings).status).toBe(
        "pending",
      );
    }
  });

  it("is valid after enough labels without errors, and names no number where the error is too high", () => {
    const { labelsNeeded, ...rest } = verdict(first, settings);
    expect(rest).toEqual({ status: "pending", bound: 1, upper: 1, lower: 0, mean: null, labels: 0 });
    expect(verdict(withLabels(first, labelsNeeded as number, Number.POSITIVE_INFINITY), settings).status).toBe("valid");
    expect(verdict(withLabels(first, (labelsNeeded as number) - 1, 1_000), settings).status).toBe("pending");
    expect(verdict(withLabels(first, 50, 10), settings)).toMatchObject({ status: "pending", labelsNeeded: null });
    expect(verdict(withLabels(first, 50, 8), settings)).toMatchObject({ status: "pending", labelsNeeded: null });
  });

  it("is followed by an independent window with a smaller delta", () => {
    const spoiled = withLabels(first, 400, 4);
    const second = nextWindow(spoiled, 2_000);
    expect(second).toEqual({ ...firstWindow(2_000, 1), number: 2 });
    expect(verdict(withLabels(second, 2_000, 20), settings).status).toBe("valid");
    const inFirst = verdict(withLabels(first, 500, 20), settings);
    const inSecond = verdict(withLabels(second, 500, 20), settings);
    expect(inSecond.bound).toBeGreaterThan(inFirst.bound);
    expect(nextWindow(second, 3_000, 0.02)).toEqual({ ...firstWindow(3_000, 0.02), number: 3 });
    expect(JSON.parse(JSON.stringify(spoiled))).toEqual(spoiled);
  });
});
