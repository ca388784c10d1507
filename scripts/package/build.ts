// Builds what 'npm pack' puts into the package, into dist: JavaScript, the Worker's bundle, the console. npm runs it:
// npm pack
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { bin, root } from "../local/process.ts";
import { bundle } from "../local/workerd.ts";

const target = join(root, "dist");
const run = promisify(execFile);

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
await run(process.execPath, [join(root, "scripts/build-console.ts")]);
await run(process.execPath, [bin("tsc", "typescript"), "-p", join(root, "scripts/package")], { cwd: root }).catch(
  ({ stdout }: { stdout: string }) => {
    throw new Error(`The package does not compile:\n${stdout}`);
  },
);
await writeFile(join(target, "package.json"), JSON.stringify(await builtManifest(), null, 2));
await cp(join(root, "workers/console/dist"), join(target, "workers/console/dist"), { recursive: true });
await cp(
  join(root, "workers/origin/recipes/recipe.schema.json"),
  join(target, "workers/origin/recipes/recipe.schema.json"),
);
const service = "workers/node/upriver-node.service";
await cp(join(root, service), join(target, service));
for (const part of ["train.py", "upriver_torch"]) {
  const path = join("workers/origin/torch", part);
  await cp(join(root, path), join(target, path), { recursive: true, filter: (from) => !from.includes("__pycache__") });
}
for (const [config, name] of [
  ["wrangler.toml", "wrangler"],
  ["scripts/probe/probe.toml", "probe"],
  ["workers/node/node.toml", "node"],
] as const) {
  // Source maps would be nine tenths of the package.
  const filter = (from: string) => !from.endsWith(".map");
  await cp(await bundle(config), join(target, "bundles", name), { recursive: true, filter });
}
await cp(join(root, "wrangler.toml"), join(target, "wrangler.toml"));

/** The package.json beside the built code: its imports name .ts files, which are .js there. */
async function builtManifest(): Promise<object> {
  const { version, imports } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  const built = Object.entries(imports as Record<string, string | Record<string, string>>).map(([name, to]) =>
    typeof to === "string"
      ? [name.replace("*", "*.ts"), to.replace("*", "*.js")]
      : [name, ((to.node ?? to.default) as string).replace(/\.ts$/, ".js")],
  );
  return { type: "module", version, imports: Object.fromEntries(built) };
}
