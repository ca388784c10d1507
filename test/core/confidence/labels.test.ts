import { describe, expect, it } from "vitest";
import { mayJudge, replaces } from "#core/confidence/labels.ts";

describe("labels", () => {
  it("truth replaces human and human replaces origin; a source may correct itself", () => {
    expect([replaces("truth", "human"), replaces("human", "origin"), replaces("human", "human")]).toEqual([
      true,
      true,
      true,
    ]);
    expect([replaces("human", "truth"), replaces("origin", "human")]).toEqual([false, false]);
    expect([mayJudge("truth"), mayJudge("human"), mayJudge("origin")]).toEqual([true, true, false]);
  });
});
