import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

type Finding = { category: string; message: string; location: { path: string } };

/** Runs Biome's linter in `folder` with the configuration there and returns what it prints. */
function lint(folder: string, ...options: string[]): Promise<string> {
  const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
  const parameters = [biome, "lint", "--colors=off", "--max-diagnostics=none", ...options];
  return new Promise((resolve) =>
    execFile(process.execPath, parameters, { cwd: folder, maxBuffer: 1 << 26 }, (_, stdout, stderr) =>
      resolve(options.length > 0 ? stdout : stdout + stderr),
    ),
  );
}

async function findings(folder: string): Promise<Finding[]> {
  return (JSON.parse(await lint(folder, "--reporter=json")) as { diagnostics: Finding[] }).diagnostics;
}

const refused: [from: string, to: string][] = [
  ["workers/core/a.ts", "../edge/app.ts"],
  ["workers/core/deep/a.ts", "#objects/stubs.ts"],
  ["workers/core/b.ts", "cloudflare:workers"],
  ["workers/client/a.ts", "../edge/app.ts"],
  ["workers/client/b.ts", "node:fs"],
  ["workers/console/a.tsx", "#edge/app.ts"],
  ["workers/edge/a.ts", "#origin/app.ts"],
  ["workers/edge/routes/a.ts", "#client/index.ts"],
  ["workers/edge/b.ts", "#objects/region/tables/samples.ts"],
  ["workers/edge/c.ts", "#objects/region/index.ts"],
  ["workers/edge/d.ts", "../../durable-objects/region/tables/samples.ts"],
  ["workers/edge/index.ts", "#objects/region/jobs.ts"],
  ["durable-objects/stubs.ts", "./region/index.ts"],
  ["durable-objects/region/a.ts", "../registry/rollout.ts"],
  ["durable-objects/region/deep/a.ts", "#objects/review/index.ts"],
  ["durable-objects/registry/a.ts", "#edge/app.ts"],
  ["durable-objects/uplink/a.ts", "../region/index.ts"],
  ["workers/origin/a.ts", "#edge/app.ts"],
  ["workers/origin/b.ts", "#scripts/start.ts"],
  ["scripts/a.ts", "#objects/stubs.ts"],
  ["scripts/b.ts", "#test/helpers/edge.ts"],
];

const allowed: [from: string, ...to: string[]][] = [
  ["workers/edge/index.ts", "#objects/region/index.ts", "#core/ok.ts"],
  ["workers/edge/routes/ok.ts", "#objects/region/api.ts", "#objects/stubs.ts"],
  ["durable-objects/region/ok.ts", "../registry/api.ts", "../stubs.ts", "./tables/samples.ts"],
  ["workers/client/ok.ts", "../core/contract/index.ts", "./errors.ts"],
  ["workers/console/ok.tsx", "#client/index.ts", "#console/page.ts"],
  ["workers/origin/ok.ts", "#client/index.ts", "node:fs"],
  ["scripts/ok.ts", "#origin/app.ts", "./local/edge.ts"],
  ["test/ok.ts", "#scripts/start.ts", "#objects/region/tables/samples.ts"],
];

// `npm run lint` holds them in the whole tree.
describe("the rules for imports", () => {
  let folder: string;
  let text: string;
  let found: Finding[];
  const files = new Map<string, string>([
    ["workers/core/x.ts", 'import type { Y } from "#core/y.ts";\nexport type X = { y: Y };\n'],
    ["workers/core/y.ts", 'import type { Z } from "./z.ts";\nexport type Y = { z: Z };\n'],
    ["workers/core/z.ts", 'export type * from "./x.ts";\nexport type Z = null;\n'],
    ["workers/edge/planted.ts", "export type Planted = null;\n"],
    ["workers/core/planted.ts", 'import type { Planted } from "#edge/planted.ts";\nexport type Core = Planted;\n'],
    ["workers/core/bound.ts", "export const read = (env: Env) => env;\n"],
    ["workers/core/inline.ts", 'export type Inline = import("#edge/planted.ts").Planted;\n'],
  ]);
  for (const [from, ...to] of [...refused, ...allowed]) {
    files.set(from, (files.get(from) ?? "") + to.map((path) => `import "${path}";\n`).join(""));
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "upriver-imports-"));
    for (const path of ["biome.json", "package.json", ".gitignore", "scripts/checks"]) {
      await cp(join(root, path), join(folder, path), { recursive: true });
    }
    for (const [path, source] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), source);
    }
    text = await lint(folder);
    found = await findings(folder);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("refuse a cycle of type imports and name its files", () => {
    expect(text).toContain("workers/core/x.ts:1:24 lint/suspicious/noImportCycles");
    expect(text).toContain("This import is part of a cycle.");
    expect(text).toContain("This import resolves to workers/core/y.ts");
    expect(text).toContain("... which imports workers/core/z.ts");
    expect(text).toContain("Break the cycle");
    const cycles = found.filter(({ category }) => category === "lint/suspicious/noImportCycles");
    expect(cycles.map(({ location }) => location.path).sort()).toEqual(
      ["x", "y", "z"].map((name) => `workers/core/${name}.ts`),
    );
  });

  test("refuse an import from core to edge and say what to do", () => {
    expect(text).toContain("workers/core/planted.ts:1:30 lint/style/noRestrictedImports");
    expect(text).toContain("Import direction: every area imports workers/core, so it imports none.");
    expect(text).toContain("Move what both need into workers/core, or pass it in as an argument.");
  });

  test("refuse a type that is imported in place, which the other rules do not see", () => {
    expect(text).toContain("workers/core/inline.ts:1:22 plugin");
    expect(text).toContain("Import the type at the top of the file");
  });

  test("refuse a binding in core", () => {
    expect(text).toContain("workers/core/bound.ts:1:27 lint/style/noRestrictedTypes");
    expect(text).toContain("Policy and mathematics take no bindings.");
  });

  test.each(refused)("refuse in %s an import of %s", (from) => {
    const here = found.filter(({ location }) => location.path === from);
    expect(here.map(({ category }) => category)).toEqual(["lint/style/noRestrictedImports"]);
  });

  test("allow every import that the design needs", () => {
    const clean = allowed.map(([from]) => from).filter((from) => !refused.some(([path]) => path === from));
    expect(found.filter(({ location }) => clean.includes(location.path))).toEqual([]);
  });
});
