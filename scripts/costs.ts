// Prints what Upriver costs at Cloudflare, by usual deployments. Run it: npm run costs
// It rewrites the figures in README.md and OPERATIONS.md, too: npm run costs -- --write
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { billOf, freePlanUse } from "#core/cost/bill.ts";
import { priceSources, pricesReadOn } from "#core/cost/prices.ts";
import { count, dollars, percent } from "#core/format.ts";
import { costBlocks, deployments, withCosts } from "./local/cost-tables.ts";
import { formatTable } from "./local/output.ts";
import { root } from "./local/process.ts";

console.log(`Prices of ${pricesReadOn}: ${priceSources.join(", ")}`);
for (const { text } of Object.values(costBlocks)) console.log(`\n${text()}`);
for (const [name, { deployment }] of Object.entries(deployments)) {
  const { usd, items, causes } = billOf(deployment);
  const used = freePlanUse(deployment);
  console.log(`\n${name}: ${dollars(usd)} a month for ${count(30 * deployment.questionsPerDay)} questions`);
  const lines = Object.entries(causes).map(([cause, n]) => [cause, dollars(n)]);
  console.log(formatTable([["before what the plan includes", ""], ...lines]));
  console.log(formatTable([["beyond it", ""], ...Object.entries(items).map(([item, n]) => [item, dollars(n)])]));
  console.log(formatTable([["of the free plan", ""], ...Object.entries(used).map(([item, n]) => [item, percent(n)])]));
}
if (process.argv.includes("--write")) {
  for (const file of new Set(Object.values(costBlocks).map((block) => block.file))) {
    const path = join(root, file);
    await writeFile(path, withCosts(file, await readFile(path, "utf8")));
  }
}
