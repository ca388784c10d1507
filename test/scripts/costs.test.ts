import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { overviewPerHour } from "#core/cost/bill.ts";
import { costBlocks, withCosts } from "#scripts/local/cost-tables.ts";
import { root } from "#scripts/local/process.ts";

it.each(["README.md", "OPERATIONS.md"])(
  "%s has the figures that are computed: npm run costs -- --write",
  async (file) => {
    expect(Object.values(costBlocks).some((block) => block.file === file)).toBe(true);
    const text = await readFile(join(root, file), "utf8");
    expect(withCosts(file, text)).toBe(text);
  },
);

it("an hour of the overview is as many looks as the page makes", async () => {
  const perHour = async (file: string) => {
    const page = await readFile(join(root, "workers/console/pages/overview", file), "utf8");
    return 3_600_000 / Number(/const everyMs = ([\d_]+);/.exec(page)?.[1]?.replaceAll("_", ""));
  };
  const [looks, series, needs] = await Promise.all(["index.tsx", "charts.tsx", "attention.tsx"].map(perHour));
  expect({ looks, series, needs }).toEqual(overviewPerHour);
});
