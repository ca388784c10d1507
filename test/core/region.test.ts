import { describe, expect, it } from "vitest";
import type { Regions } from "#core/contract/index.ts";
import { checkRegion, regionOf } from "#core/region.ts";

describe("regions", () => {
  const clues = { cf: "weur", header: (name: string) => (name === "x-shop" ? "south" : null) };
  const regions: Regions = { from: "cf", keys: ["weur", "south", "north"], parent: "world" };

  it("come from the network, a header or a field; an unlisted one falls to the parent", () => {
    expect(regionOf(regions, {}, clues)).toBe("weur");
    expect(regionOf({ ...regions, from: "header", name: "x-shop" }, {}, clues)).toBe("south");
    expect(regionOf({ ...regions, from: "header", name: "x-other" }, {}, clues)).toBe("world");
    expect(regionOf({ ...regions, from: "field", name: "shop" }, { shop: "north" }, clues)).toBe("north");
    expect(regionOf({ ...regions, from: "field", name: "shop" }, { shop: "moon" }, clues)).toBe("world");
    expect(regionOf({ ...regions, from: "field", name: "shop" }, [1], clues)).toBe("world");
    expect([checkRegion(regions, "world").ok, checkRegion(regions, "moon").ok]).toEqual([true, false]);
  });
});
