// Builds the client's package. Run it: npm pack (in workers/client), or node scripts/build-client.ts [output folder]
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
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

const target = resolve(process.argv[2] ?? join(here, "dist"));
const sources = await mkdtemp(join(tmpdir(), "upriver-client-"));
try {
  const files = (await readdir(here)).filter((file) => file.endsWith(".ts") && file !== "contract.ts");
  for (const file of files) await cp(join(here, file), join(sources, file));
  await writeFile(join(sources, "contract.ts"), await contractTypes());
  await mkdir(target, { recursive: true });
  const how = ["--target", "es2023", "--module", "nodenext", "--lib", "es2024,dom,dom.iterable,dom.asynciterable"];
  const emit = ["--declaration", "--rewriteRelativeImportExtensions", "--outDir", target, "--rootDir", sources];
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "--types", ""];
  await writeFile(join(sources, "package.json"), '{ "type": "module" }');
  await promisify(execFile)(
    process.execPath,
    [bin("tsc", "typescript"), ...how, ...emit, ...strict, join(sources, "index.ts")],
    {
      cwd: sources,
    },
  ).catch(({ stdout }: { stdout: string }) => {
    throw new Error(`The client does not compile on its own:\n${stdout}`);
  });
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
