import { describe, expect, it } from "vitest";
import { type Regions, regionSchema } from "#core/contract/index.ts";
import { checkRegion, regionOf } from "#core/region.ts";

describe("regions", () => {
  const clues = { cf: () => "weur" as string | null, header: (name: string) => (name === "x-shop" ? "south" : null) };
  const regions: Regions = { from: "cf", keys: ["weur", "south", "north"], parent: "world" };

  it("come from the network, a header or a field; an unlisted one falls to the parent", () => {
    const listed = (region: string) => ({ region, unlisted: null });
    expect(regionOf(regions, {}, clues)).toEqual(listed("weur"));
    expect(regionOf(regions, {}, { ...clues, cf: () => "apac" })).toEqual(listed("world"));
    expect(regionOf({ ...regions, from: "header", name: "x-shop" }, {}, clues)).toEqual(listed("south"));
    expect(regionOf({ ...regions, from: "header", name: "x-other" }, {}, clues)).toEqual(listed("world"));
    const field: Regions = { ...regions, from: "field", name: "shop" };
    expect(regionOf(field, { shop: "north" }, clues)).toEqual(listed("north"));
    expect(regionOf(field, { shop: "moon" }, clues)).toEqual({ region: "world", unlisted: "moon" });
    expect(regionOf(field, [1], clues)).toEqual(listed("world"));
    expect([checkRegion(regions, "world").ok, checkRegion(regions, "moon").ok]).toEqual([true, false]);
  });

  it("are the same as a number and as its text", () => {
    const stores: Regions = { from: "field", name: "store", keys: ["17"], parent: "world" };
    for (const store of [17, "17"])
      expect(regionOf(stores, { store }, clues)).toEqual({ region: "17", unlisted: null });
  });

  it("may be percent-encoded in a header", () => {
    const shops: Regions = { from: "header", name: "x", keys: ["Zürich", "50% off"], parent: "world" };
    const of = (text: string) => regionOf(shops, {}, { cf: () => null, header: () => text }).region;
    expect([of("Z%C3%BCrich"), of("50% off")]).toEqual(["Zürich", "50% off"]);
  });

  it("have names of any characters but control characters and spaces at the ends", () => {
    const isValid = (name: string) => regionSchema.safeParse(name).success;
    for (const name of ["St. Mary's", "North/East", "(none)", "a~b", "#1?&=%", "東京", "17", "𝒳"])
      expect(isValid(name)).toBe(true);
    for (const name of ["", " x", "x ", "a\nb", ".", "..", "__proto__", "\ud800", "x".repeat(65)])
      expect(isValid(name)).toBe(false);
  });
});
