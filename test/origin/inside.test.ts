import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { trainableRecipeSchema } from "#core/contract/index.ts";
import { readModelFiles } from "#origin/import/files.ts";
import { orderedRecipe } from "#origin/recipes/registry.ts";

let root: string;
let folder: string;
const outside = ["../secret.bin", "a/../../secret.bin", "link.bin", "linked/secret.bin"];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "upriver-inside-"));
  folder = join(root, "model");
  await mkdir(join(folder, "a"), { recursive: true });
  await writeFile(join(root, "secret.bin"), new Uint8Array(4));
  await writeFile(join(root, "secret.csv"), "x,label\n1,a\n2,b\n");
  await writeFile(join(folder, "a", "shard.bin"), new Uint8Array(4));
  await symlink(join(root, "secret.bin"), join(folder, "link.bin"));
  await symlink(root, join(folder, "linked"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function modelWith(path: string) {
  const weights = [{ name: "w", shape: [1], dtype: "float32" }];
  const model = { modelTopology: {}, weightsManifest: [{ paths: [path], weights }] };
  await writeFile(join(folder, "model.json"), JSON.stringify(model));
  return readModelFiles(folder);
}

it("reads the shards that a model.json names inside its folder", async () => {
  for (const path of ["a/shard.bin", "./a/shard.bin", "a/../a/shard.bin"]) {
    expect((await modelWith(path)).values.byteLength).toBe(4);
  }
});

it.each([...outside, "/etc/hostname", "a\0b"])("does not read a shard elsewhere: %j", async (path) => {
  await expect(modelWith(path)).rejects.toThrow(/outside its folder/);
  const absolute = path.startsWith("/") ? path : join(root, "secret.bin");
  await expect(modelWith(absolute)).rejects.toThrow(/outside its folder/);
});

it.each(["../secret.csv", "/etc/hostname", "$HOME/secret.csv", "linked/secret.csv"])(
  "does not read rows elsewhere for a recipe of the registry: %j",
  async (path) => {
    const document = trainableRecipeSchema.parse({ name: "foreign", source: { path, store: false }, label: "label" });
    const blob = { sha256: "0".repeat(64), bytes: 1 };
    const order = { document, folder, stored: { recipe: { document: blob, source: [] }, parts: [] } };
    await expect(orderedRecipe(order)).rejects.toThrow(/outside its folder|a variable of another machine/);
  },
);
