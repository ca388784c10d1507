import { describe, expect, it } from "vitest";
import { mintId, parseId } from "#core/ids.ts";

describe("ids", () => {
  it("name their model and region, and no two are alike", () => {
    const address = { model: "weather", region: "Alice Springs" };
    expect(parseId(mintId(address))).toEqual({ ok: true, value: address });
    expect(new Set(Array.from({ length: 1_000 }, () => mintId(address))).size).toBe(1_000);
    for (const bad of ["", "weather", "a~b", "a~~c", "a~b~c~d", "a~%zz~c"]) expect(parseId(bad).ok).toBe(false);
  });

  it("keep a region of any characters", () => {
    for (const region of ["a~b", "North/East", "(none)", "50%", "東京"]) {
      expect(parseId(mintId({ model: "m", region }, "7"))).toEqual({ ok: true, value: { model: "m", region } });
    }
  });

  it("accept a given last part, and are the same each time", () => {
    const address = { model: "weather", region: "São Paulo_1.a-b" };
    expect(mintId(address, "2026-01-01-7")).toBe("weather~S%C3%A3o%20Paulo_1.a-b~2026-01-01-7");
    expect(parseId(mintId(address, "7"))).toEqual({ ok: true, value: address });
  });
});
