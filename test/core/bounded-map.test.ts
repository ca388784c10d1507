import { expect, it } from "vitest";
import { BoundedMap } from "#core/bounded-map.ts";

it("keeps the entries that were used last, and never more than its largest number", () => {
  const map = new BoundedMap<string, number>(3);
  for (const [i, name] of ["a", "b", "c"].entries()) map.set(name, i);
  expect(map.get("a")).toBe(0);
  map.set("d", 3);
  expect([map.has("a"), map.has("b"), map.has("c"), map.has("d")]).toEqual([true, false, true, true]);
  map.set("c", 9);
  map.set("e", 4);
  expect([map.get("a"), map.get("c"), map.get("__proto__")]).toEqual([undefined, 9, undefined]);
  for (let i = 0; i < 10_000; i++) map.set(`name ${i}`, i);
  expect(map.size).toBe(3);
  expect([map.delete("name 9999"), map.size]).toEqual([true, 2]);
});
