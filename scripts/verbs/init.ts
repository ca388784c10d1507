import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { builtIns } from "#origin/recipes/index.ts";
import { printResult } from "../local/output.ts";
import { bundledWorker, program as programOf, root } from "../local/process.ts";
import { schemaPath } from "../local/project.ts";
import { formatRecipe } from "../local/recipe-file.ts";
import { checkName } from "../local/usage.ts";

/** `upriver init`: makes a project that uses the installed package. */
export function initVerb(program: Command): void {
  program
    .command("init")
    .description("make a project: package.json, wrangler.toml, an example recipe, .gitignore and README.md")
    .argument("<name>", "the name of the project and its folder; '.' for this folder")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver init shop && cd shop && npx upriver dev")
    .action(run);
}

async function run(given: string, { json }: { json?: boolean }): Promise<void> {
  const folder = resolve(given);
  const name = basename(folder);
  checkName(name);
  await mkdir(folder, { recursive: true });
  const files: Record<string, string> = {
    "package.json": await packageText(folder, name),
    "wrangler.toml": await wranglerText(folder, name),
    "example.recipe.json": exampleText(folder),
    ".gitignore": "node_modules/\n.wrangler/\n.upriver/\n.dev.vars\n*.log\n",
    "README.md": readmeText(name),
  };
  // An installed package leaves a package.json in an empty folder.
  const taken = (await readdir(folder)).filter((file) => file in files && file !== "package.json");
  if (taken.length > 0) throw new Error(`${folder} has these files already: ${taken.join(", ")}. Choose another name.`);
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  const cd = relative(process.cwd(), folder);
  printResult(json, { folder, files: Object.keys(files) }, () =>
    [
      `Made ${Object.keys(files).join(", ")} in ${folder}.`,
      "Next:",
      ...(cd === "" ? [] : [`  cd ${cd}`]),
      "  npx upriver new <name> <file> --label <column>   make a recipe from your data",
      "  npx upriver dev                                  run the ladder, with the example if there is no other recipe",
    ].join("\n"),
  );
}

async function packageText(folder: string, name: string): Promise<string> {
  const path = join(folder, "package.json");
  const known = existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : {};
  const dependencies = { upriver: await dependencyFrom(folder), ...known.dependencies };
  const scripts = { dev: "upriver dev", deploy: "upriver deploy", ...known.scripts };
  return `${JSON.stringify({ name, private: true, type: "module", ...known, scripts, dependencies }, null, 2)}\n`;
}

/** How the project names the package: as the folder above does that installed it, else by its version. */
async function dependencyFrom(folder: string): Promise<string> {
  for (let above = folder; above !== dirname(above); above = dirname(above)) {
    const path = join(above, "package.json");
    const manifest = existsSync(path) ? JSON.parse(await readFile(path, "utf8")) : {};
    const given: string | undefined = manifest.dependencies?.upriver ?? manifest.devDependencies?.upriver;
    if (given?.startsWith("file:")) return `file:${relative(folder, resolve(above, given.slice("file:".length)))}`;
    if (given !== undefined) return given;
  }
  return `^${(await ownManifest()).version}`;
}

async function ownManifest(): Promise<{ version: string }> {
  return JSON.parse(await readFile(join(root, "package.json"), "utf8"));
}

/** The package's wrangler.toml, with paths from the project and the Worker that is already bundled. */
async function wranglerText(folder: string, name: string): Promise<string> {
  const text = await readFile(join(root, "wrangler.toml"), "utf8");
  const main = relative(folder, bundledWorker).replaceAll("\\", "/");
  const assets = relative(folder, join(root, "workers/console/dist")).replaceAll("\\", "/");
  return text
    .replace(/^name = .*$/m, `name = "${name}"`)
    .replace(
      /^main = .*$/m,
      `# Upriver's Worker, bundled. 'npm update upriver' renews it.\nmain = "${main}"\nno_bundle = true`,
    )
    .replace(/^minify = .*\n/m, "")
    .replace(/^# The console[^[]*\[build\]\ncommand = .*$/m, "")
    .replace(/^directory = .*$/m, `directory = "${assets}"`);
}

function exampleText(folder: string): string {
  const example = builtIns.find(({ document }) => document.name === "storefront");
  if (!example) throw new Error("The example is missing from the package.");
  const module = relative(folder, programOf("workers/origin/recipes/storefront")).replaceAll("\\", "/");
  const { $schema: _, ...document } = example.document;
  return formatRecipe({ $schema: schemaPath(folder), ...document, name: "example", source: { module } });
}

function readmeText(name: string): string {
  return `# ${name}

Models at the edge that fit each region, with Upriver.

\`\`\`sh
npm install
npx upriver new <name> <file> --label <column> [--region <column>] [--time <column>]   # a recipe from your data
npx upriver train <name>                                                               # trains it here
npx upriver dev                                                                        # runs everything on this machine
npx upriver ask <name> --row 1                                                         # asks about a row of the data
npx upriver deploy                                                                     # deploys it to Cloudflare
\`\`\`

A recipe is \`<name>.recipe.json\`; editors complete it by its schema. \`npx upriver --help\` lists all commands, and
\`npm update upriver\` upgrades.
`;
}
