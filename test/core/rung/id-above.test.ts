import { expect, it } from "vitest";
import type { Regions } from "#core/contract/index.ts";
import { parseId } from "#core/ids.ts";
import { idAbove } from "#core/rung/id-above.ts";

const regions: Regions = {
  from: "field",
  name: "region",
  keys: ["north"],
  parent: "world",
  open: { perTokenPerDay: 9 },
};

it("a question of a node has one id above, of a region there, that no other node and no other region has", async () => {
  const id = await idAbove(regions, "plant", "shop~north~order-7");
  expect(await idAbove(regions, "plant", "shop~north~order-7")).toBe(id);
  expect(parseId(id)).toEqual({ ok: true, value: { model: "shop", region: "north" } });
  const opened = await idAbove(regions, "plant", "shop~press%207~order-7");
  expect(parseId(opened)).toEqual({ ok: true, value: { model: "shop", region: "world" } });
  const others = [
    await idAbove(regions, "depot", "shop~north~order-7"),
    await idAbove(regions, "plant", "shop~world~order-7"),
  ];
  expect(new Set([id, opened, ...others, "shop~north~order-7"]).size).toBe(5);
});
