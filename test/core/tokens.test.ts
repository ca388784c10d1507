import { describe, expect, it } from "vitest";
import { findToken, hasScope, mayUseModel, mayUseRegion, parseTokens, type Token } from "#core/tokens.ts";

describe("tokens", () => {
  const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  const token: Token = { id: "app", sha256, scopes: ["ask"], models: ["shop"], regions: ["north"] };

  it("are found by their hash, only from a well-formed header", async () => {
    expect(await findToken([token], "Bearer abc")).toEqual(token);
    for (const bad of [
      null,
      "",
      "abc",
      "Basic abc",
      "Bearer ",
      "Bearer abd",
      "Bearer a b",
      `Bearer ${"a".repeat(600)}`,
    ]) {
      expect(await findToken([token], bad)).toBeNull();
    }
  });

  it("have scopes, models and regions", () => {
    expect([hasScope(token, "ask"), hasScope(token, "teach")]).toEqual([true, false]);
    expect(hasScope({ ...token, scopes: ["admin"] }, "publish")).toBe(true);
    expect([
      mayUseModel(token, "shop"),
      mayUseModel(token, "other"),
      mayUseModel({ ...token, models: ["*"] }, "other"),
    ]).toEqual([true, false, true]);
    expect([mayUseRegion(token, "north"), mayUseRegion(token, "south")]).toEqual([true, false]);
  });

  it("that can't be read name the option, and none of the secret", () => {
    expect(() => parseTokens("UPRIVER_TOKENS", '[{"id":"secret-id"}]')).toThrow(/UPRIVER_TOKENS must be/);
    expect(() => parseTokens("UPRIVER_TOKENS", "secret-text")).not.toThrow(/secret-text/);
    expect(parseTokens("UPRIVER_TOKENS", JSON.stringify([{ id: "a", sha256, scopes: [] }]))[0]?.models).toEqual(["*"]);
  });
});
