import type { Instance } from "#core/contract/index.ts";
import { seeded } from "./random.ts";

/** Returns labelled instances of a regional custom: the sign of x0 alone decides between 'a' and 'b'. */
export function customRows(n: number, region = "north", seed = 9): { instance: Instance; label: string }[] {
  const random = seeded(seed);
  return Array.from({ length: n }, () => {
    const x0 = (random() < 0.5 ? -1 : 1) * (0.5 + 2 * random());
    const instance = { region, x0, x1: 2 * random() - 1, x2: 2 * random() - 1, x3: 2 * random() - 1 };
    return { instance, label: x0 > 0 ? "a" : "b" };
  });
}
