import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { importModel, inputsSchema } from "#origin/import/index.ts";
import { exampleRecipe } from "#origin/recipes/index.ts";
import { baseRows } from "#origin/train/rows.ts";
import { assignSplits } from "#origin/train/splits.ts";
import { bin, root } from "#scripts/local/process.ts";

const storefront = exampleRecipe("storefront");

let folder: string;
// Inside the project, so that Node finds its packages.
beforeAll(async () => {
  folder = await mkdtemp(join(root, ".upriver-readme-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const run = (...args: string[]) => promisify(execFile)(bin("node"), args, { cwd: tmpdir() });

it("the trainer in the README runs unchanged between export and publish", async () => {
  const readme = await readFile(join(root, "workers/origin/README.md"), "utf8");
  const script = /^```js\n(.*?)^```$/ms.exec(readme)?.[1] as string;
  await writeFile(join(folder, "elsewhere.mjs"), script);
  const set = join(folder, "set");
  await run(join(root, "scripts/cli.ts"), "export", "storefront", "--out", set);
  await run(join(folder, "elsewhere.mjs"), set);
  const inputs = inputsSchema.parse(JSON.parse(await readFile(join(set, "input.json"), "utf8")));
  const splits = assignSplits(storefront, await baseRows(storefront, {}));
  const { draft } = await importModel(storefront, splits, { thin: join(set, "thin/model.json"), full: null, inputs });
  expect(draft.metrics.thin.accuracy).toBeGreaterThan(0.7);
  expect(draft.thin.rule.certificate?.coverage).toBeGreaterThan(0.2);
});
