import { describe, expect, it } from "vitest";
import { type ExternalRung, externalRungSchema, type Policy, trainableRecipeSchema } from "#core/contract/index.ts";
import { hasRungAbove, reachOf } from "#core/rung/external/endpoint.ts";
import { aboveOf, externalRungsOf, ladderOf } from "#core/rung/external/ladder.ts";
import { takeTurns } from "#core/rung/external/rate-limit.ts";

const jev: ExternalRung = {
  ...{ name: "jev", kind: "system-one", url: "https://api.typesafe.ai", model: "jev-latest", key: "RUNG_KEY_JEV" },
};
const clef: ExternalRung = { name: "clef", kind: "workers-ai", model: "@cf/cloudflare/clef" };

describe("an external rung in a recipe", () => {
  it("takes its place among ours, as origin", () => {
    expect(ladderOf(["edge", "region", jev, "human"])).toEqual({
      ladder: ["edge", "region", "origin", "human"],
      above: [jev],
    });
    const both = ladderOf(["edge", "region", "origin", jev]);
    expect(both).toEqual({ ladder: ["edge", "region", "origin"], above: ["origin", jev] });
    expect(externalRungsOf(both)).toEqual([jev]);
  });

  it("changes nothing where a recipe names none", () => {
    expect(ladderOf(undefined)).toEqual({ ladder: ["edge", "region", "origin", "human"] });
    expect(aboveOf({ ladder: ["edge", "region", "origin"] })).toEqual(["origin"]);
    expect(aboveOf({ ladder: ["edge", "region", "human"] })).toEqual([]);
  });

  it.each<[string, object, string]>([
    ["another secret of the Worker as its key", { ...jev, key: "DEPLOYMENT_KEY" }, "key"],
    ["a key that is no variable's name", { ...jev, key: "sk-1234567890" }, "key"],
    ["a name of ours", { ...jev, name: "human" }, "name"],
    ["no URL", { ...jev, url: undefined }, "url"],
    ["a URL where it is a binding", { ...clef, url: "https://api.cloudflare.com" }, "url"],
    ["credentials in its URL", { ...jev, url: "https://me:secret@api.typesafe.ai" }, "url"],
    ["the path of its protocol", { ...jev, url: "https://api.openai.com/v1/" }, "url"],
    ["another scheme", { ...jev, url: "file:///etc/passwd" }, "url"],
    ["a key over plain HTTP", { ...jev, url: "http://10.0.0.1" }, "url"],
    ["an unknown protocol", { ...jev, kind: "telepathy" }, "kind"],
  ])("is refused with %s", (_, rung, field) => {
    const result = externalRungSchema.safeParse(rung);
    expect(result.error?.issues.map(({ path }) => path[0])).toContain(field);
  });

  it("has a name of its own", () => {
    const recipe = { name: "shop", source: "shop.csv", label: "desk" };
    expect(trainableRecipeSchema.safeParse({ ...recipe, rungs: ["edge", "region", jev, clef] }).success).toBe(true);
    expect(trainableRecipeSchema.safeParse({ ...recipe, rungs: ["edge", jev, { ...clef, name: "jev" }] }).success).toBe(
      false,
    );
  });
});

describe("how an external rung is reached", () => {
  it("needs its key, which may be bound to a host", () => {
    expect(reachOf(jev, {})).toBeNull();
    expect(reachOf(jev, { RUNG_KEY_JEV: "sk-1" })?.endpoint).toEqual({ url: jev.url, key: "sk-1" });
    const bound = { RUNG_KEY_JEV: "https://api.typesafe.ai sk-1" };
    expect(reachOf(jev, bound)?.endpoint?.key).toBe("sk-1");
    // A token that may publish a recipe can't send the key elsewhere.
    expect(reachOf({ ...jev, url: "https://elsewhere.example" }, bound)).toBeNull();
  });

  it("is the binding for Workers AI", () => {
    expect(reachOf(clef, {})).toBeNull();
    const AI = { run: () => Promise.resolve({}) };
    expect(reachOf(clef, { AI })?.ai).toBe(AI);
  });

  it("is the local decision server where a local ladder has no key", () => {
    const settings = { RUNG_DOUBLE_URL: "http://127.0.0.1:9" };
    expect(reachOf(jev, settings)?.endpoint).toEqual({ url: "http://127.0.0.1:9", key: null });
    expect(reachOf(clef, settings)?.ai).not.toBeNull();
    expect(reachOf({ ...jev, kind: "open-inference" }, settings)).toBeNull();
    expect(reachOf(jev, { ...settings, RUNG_KEY_JEV: "sk-1" })?.endpoint?.url).toBe(jev.url);
  });

  it("decides whether a ladder has a rung above", () => {
    const policy: Pick<Policy, "ladder" | "above"> = { ladder: ["edge", "region", "origin"], above: [jev, "origin"] };
    expect(hasRungAbove(policy, {})).toBe(false);
    expect(hasRungAbove(policy, { RUNG_KEY_JEV: "sk-1" })).toBe(true);
    expect(hasRungAbove(policy, { NEXT_RUNG_URL: "http://origin" })).toBe(true);
    expect(hasRungAbove({ ladder: ["edge", "human"] }, { NEXT_RUNG_URL: "http://origin" })).toBe(false);
  });
});

describe("a rate limit", () => {
  const limit = { questions: 10, perSeconds: 60 };

  it("gives as many turns as it allows, and fills in time", () => {
    const first = takeTurns(null, 8, limit, 0);
    expect(first).toMatchObject({ taken: 8, retryAfterMs: 0 });
    const second = takeTurns(first.bucket, 8, limit, 0);
    expect(second).toMatchObject({ taken: 2, retryAfterMs: 6_000 });
    expect(takeTurns(second.bucket, 1, limit, 3_000)).toMatchObject({ taken: 0, retryAfterMs: 3_000 });
    expect(takeTurns(second.bucket, 20, limit, 3_600_000)).toMatchObject({ taken: 10 });
  });

  it("never gives more than it allows over a long time", () => {
    let bucket = null;
    let taken = 0;
    for (let now = 0; now < 600_000; now += 700) {
      const turns = takeTurns(bucket, 3, limit, now);
      bucket = turns.bucket;
      taken += turns.taken;
    }
    expect(taken).toBeLessThanOrEqual(10 + 100);
    expect(taken).toBeGreaterThan(105);
  });
});
