import { describe, expect, it } from "vitest";
import { Admission, regionBacklogMax, regionPerMinute, regionWaitingMax } from "#core/limits/admission.ts";
import { anonymousLimits, defaultLimits, limitsOf } from "#core/limits/limits.ts";
import { Buckets, take } from "#core/limits/token-bucket.ts";
import type { Token } from "#core/tokens.ts";

describe("a token bucket", () => {
  it("gives a minute's worth at once, refills evenly, and takes all or nothing", () => {
    const buckets = new Buckets();
    expect(buckets.take("a", 60, 61, 0)).toBe(1_000);
    expect(buckets.take("a", 60, 60, 0)).toBe(0);
    expect(buckets.take("a", 60, 2, 0)).toBe(2_000);
    expect(buckets.take("a", 60, 2, 1_000)).toBe(1_000);
    expect(buckets.take("a", 60, 2, 2_000)).toBe(0);
    expect(buckets.take("b", 60, 60, 2_000)).toBe(0);
  });

  it("never gives more than its rate allows, whatever is asked, and refills nothing for a clock that is set back", () => {
    let bucket = take(undefined, 100, 0, 0).bucket;
    let [taken, now] = [0, 0];
    for (let i = 1; i < 5_000; i++) {
      const step = i % 7 === 0 ? -500 : (i * 37) % 90;
      now += step;
      const n = 1 + (i % 5);
      const next = take(bucket, 100, n, now);
      bucket = next.bucket;
      if (next.waitMs === 0) taken += n;
    }
    const forwards = Array.from({ length: 4_999 }, (_, i) => ((i + 1) % 7 === 0 ? 0 : ((i + 1) * 37) % 90));
    expect(taken).toBeLessThanOrEqual(100 + (forwards.reduce((sum, ms) => sum + ms, 0) / 60_000) * 100);
  });

  it("forgets the callers that asked longest ago, never without bound", () => {
    const buckets = new Buckets();
    for (let i = 0; i < 10_500; i++) buckets.take(`caller ${i}`, 10, 10, 0);
    expect(buckets.take("caller 10499", 10, 1, 0)).toBeGreaterThan(0);
    expect(buckets.take("caller 0", 10, 1, 0)).toBe(0);
  });
});

describe("the limits of a caller", () => {
  const token = (more: Partial<Token>): Token => ({
    ...{ id: "t", sha256: "0".repeat(64), scopes: ["ask"], models: ["*"], regions: ["*"] },
    ...more,
  });

  it.each([
    ["a token", token({}), defaultLimits],
    ["a token with its own", token({ limits: { openQuestions: 7 } }), { ...defaultLimits, openQuestions: 7 }],
    ["a caller without a token", null, anonymousLimits],
    ["an admin", token({ scopes: ["admin"] }), null],
    [
      "an admin with its own",
      token({ scopes: ["admin"], limits: { questionsPerMinute: 3 } }),
      { ...defaultLimits, questionsPerMinute: 3 },
    ],
  ])("are known of %s", (_, given, limits) => {
    expect(limitsOf(given)).toEqual(limits);
  });
});

describe("the admission of a region", () => {
  const limits = { waitingQuestions: 10 };
  const none = () => 0;

  it("bounds what one caller asks at once, and takes a batch of any size alone", () => {
    const admission = new Admission();
    expect(admission.enter("a", 1_024, limits, none, 0)).toBeNull();
    expect(admission.enter("a", 1, limits, none, 0)).toEqual({ kind: "saturated", retryAfterMs: 1_000, isOwn: true });
    expect(admission.enter("b", 10, limits, none, 0)).toBeNull();
    admission.leave("a", 1_024);
    expect(admission.enter("a", 10, limits, none, 0)).toBeNull();
  });

  it("is saturated by many callers, later for one that has nothing waiting, and recovers as they leave", () => {
    const admission = new Admission();
    for (let i = 0; i < regionWaitingMax / 8; i++) expect(admission.enter(`${i}`, 8, limits, none, 0)).toBeNull();
    expect(admission.enter("0", 1, limits, none, 0)).toMatchObject({ kind: "saturated", isOwn: true });
    for (let i = 0; i < regionWaitingMax / 10; i++) expect(admission.enter(`new ${i}`, 10, limits, none, 0)).toBeNull();
    expect(admission.enter("newer", 1, limits, none, 0)).toMatchObject({ kind: "saturated", isOwn: false });
    expect(admission.enter("admin", 50, undefined, none, 0)).toBeNull();
    for (let i = 0; i < regionWaitingMax / 10; i++) admission.leave(`new ${i}`, 10);
    admission.leave("admin", 50);
    admission.leave("0", 8);
    expect(admission.enter("0", 1, limits, none, 0)).toBeNull();
  });

  it("is saturated by a backlog, and by more than an object takes in a minute", () => {
    const admission = new Admission();
    expect(admission.enter("a", 1, limits, () => regionBacklogMax, 0)).toMatchObject({ kind: "saturated" });
    for (let i = 0; i < 60; i++) {
      expect(admission.enter("a", regionPerMinute / 60, limits, none, 0)).toBeNull();
      admission.leave("a", regionPerMinute / 60);
    }
    const empty = { kind: "saturated", retryAfterMs: 1_000, isOwn: false };
    expect(admission.enter("b", 1_000, limits, none, 0)).toEqual(empty);
    expect(admission.enter("b", 1_000, limits, none, 1_000)).toBeNull();
  });
});
