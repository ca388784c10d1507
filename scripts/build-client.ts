// Builds the client's package. Run it: npm pack (in workers/client), or node scripts/build-client.ts [output folder]
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { compile, type JSONSchema } from "json-schema-to-typescript";
import "#core/contract/index.ts";
import { jsonSchemas } from "#core/contract/json-schemas.ts";
import { bin, root } from "./local/process.ts";

const here = join(root, "workers/client");

/** The type of an instance, which its schema cannot express. */
const instance = { tsType: "Record<string, number | string | boolean | null | Nested[]> | Nested[]" };
const nested = "/** Numbers in arrays of any depth. */\nexport type Nested = number | Nested[];\n";

/** The page side of a device: small files without dependencies. */
const pageFiles = ["types", "errors", "channel", "device", "page", "index"].map((name) => `device/${name}.ts`);
/** What a device in Node keeps its files by. */
const nodeFile = "device/files.ts";
const runtimeTypes = `import type { DeviceApi, Emit, RuntimeOptions } from "./types.ts";
export declare function openRuntime(options: RuntimeOptions, emit: Emit): Promise<DeviceApi>;
`;

const target = resolve(process.argv[2] ?? join(here, "dist"));
const sources = await mkdtemp(join(tmpdir(), "upriver-client-"));
try {
  const files = (await readdir(here)).filter((file) => file.endsWith(".ts") && file !== "contract.ts");
  for (const file of [...files, ...pageFiles, nodeFile]) await cp(join(here, file), join(sources, file));
  // The model side is bundled below: it has core in it.
  await writeFile(join(sources, "device/runtime.ts"), runtimeTypes);
  await writeFile(join(sources, "contract.ts"), await contractTypes());
  await mkdir(target, { recursive: true });
  const how = ["--target", "es2023", "--module", "nodenext", "--lib", "es2024,dom,dom.iterable,dom.asynciterable"];
  const emit = ["--declaration", "--rewriteRelativeImportExtensions", "--outDir", target, "--rootDir", sources];
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--skipLibCheck"];
  await writeFile(join(sources, "package.json"), '{ "type": "module" }');
  const compile = (files: readonly string[], types: readonly string[]) =>
    promisify(execFile)(process.execPath, [bin("tsc", "typescript"), ...how, ...emit, ...strict, ...types, ...files], {
      cwd: sources,
    }).catch(({ stdout }: { stdout: string }) => {
      throw new Error(`The client does not compile on its own:\n${stdout}`);
    });
  await compile(["index.ts", "device/index.ts"], ["--types", ""]);
  await compile([nodeFile], ["--types", "node", "--typeRoots", join(root, "node_modules/@types")]);
  await bundleDevice(join(target, "device"));
} finally {
  await rm(sources, { recursive: true, force: true });
}

/** Generates the types of all named schemas, so that the package does not depend on zod. */
async function contractTypes(): Promise<string> {
  const schemas = jsonSchemas((name) => `#/definitions/${name}`, { Instance: instance });
  const names = Object.keys(schemas);
  // One schema that refers to all others, so that each type is declared once under its name.
  const all = {
    title: "Everything",
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/definitions/${name}` }])),
    definitions: Object.fromEntries(names.map((name) => [name, { ...schemas[name], title: name }])),
  } as JSONSchema;
  const types = await compile(all, "Everything", {
    bannerComment: "",
    format: false,
    unreachableDefinitions: false,
    ignoreMinAndMaxItems: true,
  });
  return `// Generated from the schemas by scripts/build-client.ts.\n${types}\n${nested}`;
}

/**
 * Bundles the model side of a device, with the parts of core that it runs, into two entries: a page's worker, and what
 * `openDevice` loads where there is none. TensorFlow.js is a chunk of its own, for models that need it.
 */
async function bundleDevice(folder: string): Promise<void> {
  const { build } = await import("vite");
  const entry = (name: string) => join(here, `device/${name}.ts`);
  await build({
    ...{ root, base: "./", logLevel: "error", configFile: false },
    build: {
      ...{ outDir: folder, emptyOutDir: false, target: "es2023", modulePreload: false },
      rolldownOptions: {
        input: { worker: entry("worker"), runtime: entry("runtime") },
        preserveEntrySignatures: "strict",
        output: {
          ...{ entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js", assetFileNames: "[name][extname]" },
        },
      },
    },
  });
  // Bundlers find the worker by this expression; it names the source here.
  const page = join(folder, "page.js");
  const text = await readFile(page, "utf8");
  const named = text.replace('new URL("./worker.ts", import.meta.url)', 'new URL("./worker.js", import.meta.url)');
  if (named === text) throw new Error(`${page} does not name its worker as expected.`);
  await writeFile(page, named);
}
