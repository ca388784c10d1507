import { expect, it } from "vitest";
import { elapsedMs, leftMs } from "#core/clock.ts";

it("counts what comes from a clock that was put back as old, and as over", () => {
  expect([elapsedMs(1_000, 1_500), elapsedMs(1_000, 400)]).toEqual([500, Number.POSITIVE_INFINITY]);
  expect([leftMs(1_500, 2_000, 1_000), leftMs(900, 2_000, 1_000), leftMs(9_000, 2_000, 1_000)]).toEqual([500, 0, 0]);
});
