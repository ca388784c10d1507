import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type LocalLadder, startLadder } from "#scripts/local/ladder.ts";
import { freePort } from "#scripts/local/ports.ts";
import { bin } from "#scripts/local/process.ts";

/** Makes what test files share, once a run and when a file asks for it: trained and converted models, and a ladder. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-shared-"));
  const made = new Map<string, Promise<object>>();
  let ladder: LocalLadder | null = null;

  async function make({ pathname, searchParams }: URL): Promise<object> {
    if (pathname === "/ladder") {
      const ports = { edge: await freePort(), origin: await freePort() };
      ladder = await startLadder({ folder, ports, recipe: null, allowedOrigins: "*" });
      return ladder.credentials;
    }
    if (pathname === "/onnx") return convertFixture(searchParams.get("model") ?? "");
    return { folder: await trainModel(folder, searchParams.get("recipe") ?? "", searchParams.get("before")) };
  }

  const server = createServer(async ({ url = "" }, response) => {
    const pending = made.get(url) ?? make(new URL(url, "http://127.0.0.1"));
    made.set(url, pending);
    try {
      response.end(JSON.stringify(await pending));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await new Promise<void>((resolve) =>
    server.listen(Number(process.env.UPRIVER_TEST_SHARED_PORT), "127.0.0.1", resolve),
  );
  return async () => {
    server.close();
    await ladder?.stop();
    await rm(folder, { recursive: true, force: true });
  };
}

/** Converts an ONNX fixture; workerd cannot read its file. */
async function convertFixture(name: string): Promise<object> {
  const path = join(import.meta.dirname, `../fixtures/onnx/${name}.onnx`);
  const { readModelFiles } = await import("#origin/import/files.ts");
  const { kind, modelJson, values } = await readModelFiles(path);
  const reference = JSON.parse(await readFile(path.replace(/onnx$/, "json"), "utf8")) as object;
  return { kind, modelJson, values: Buffer.from(values).toString("base64"), reference };
}

/** Trains a recipe in a process of its own; returns the folder of the artefact. */
async function trainModel(folder: string, recipe: string, before: string | null): Promise<string> {
  const out = join(folder, `${recipe}-${before ?? "all"}`);
  const script = join(import.meta.dirname, "train-recipe.ts");
  await promisify(execFile)(bin("node"), [script, out, recipe, ...(before ? [before] : [])]);
  return out;
}
