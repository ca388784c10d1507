import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { build } from "vite";
import { expect, it } from "vitest";
import type { BlobRef } from "#core/contract/index.ts";
import { sizeOf } from "#core/input/index.ts";
import { loadBackbone } from "#core/model/backbone.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { startServer } from "#test/helpers/http-server.ts";
import { graphNetwork, imageShapes, layersNetwork } from "#test/helpers/image-networks.ts";
import { digests } from "#test/helpers/languages.ts";
import { randomNetwork, type TestModel } from "#test/helpers/model.ts";
import { seeded, uniform } from "#test/helpers/random.ts";
import { chromiumHere } from "#test/helpers/system-packages.ts";

const root = join(import.meta.dirname, "../../..");
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
const quiet = ["--disable-background-networking", "--disable-component-update", "--virtual-time-budget=20000"];
const rows = 4;
const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

it("runs in a real browser as it does here", async (context) => {
  const chromium = await chromiumHere();
  if (!chromium) context.skip("no Chromium here; CHROME_PATH names one");
  const folder = await mkdtemp(join(tmpdir(), "upriver-browser-"));
  const questions = [
    { ...(await denseNetwork()), shapes: [[7]] },
    { ...layersNetwork("uint8"), shapes: imageShapes },
    { ...graphNetwork("float16"), shapes: imageShapes },
  ].map((network) => {
    const width = network.shapes.map(sizeOf).reduce((sum, size) => sum + size, 0);
    return { ...network, rows, values: uniform(seeded(3), rows * width) };
  });

  await build({
    root,
    logLevel: "error",
    build: {
      outDir: folder,
      target: "esnext",
      rollupOptions: { input: join(root, "test/helpers/browser-page.ts"), output: { entryFileNames: "page.js" } },
    },
  });
  const asked = questions.map(({ spec, files, shapes, values, rows }) => ({
    ...{ spec, shapes, rows, values: Array.from(values) },
    topology: Array.from(new Uint8Array(files.topology)),
    shard: Array.from(new Uint8Array(files.shards[0] as ArrayBuffer)),
  }));
  await writeFile(join(folder, "questions.json"), JSON.stringify(asked));
  await writeFile(
    join(folder, "index.html"),
    '<!doctype html><body><script type="module" src="/page.js"></script></body>',
  );
  const { url, stop } = await startServer(async (request, response) => {
    const path = request.url === "/" ? "/index.html" : (request.url ?? "");
    const body = await readFile(join(folder, path)).catch(() => null);
    response.writeHead(body ? 200 : 404, { "content-type": types[extname(path)] ?? "application/json" });
    response.end(body);
  });
  try {
    const args = [...flags, ...quiet, `--user-data-dir=${join(folder, "profile")}`, "--dump-dom", url];
    const { stdout } = await promisify(execFile)(chromium as string, args, { timeout: 60_000 });
    const answer = JSON.parse(/<body>(.*)<\/body>/s.exec(stdout)?.[1] ?? "null");
    expect(answer).toMatchObject({ engine: "tfjs-wasm", leaked: 0, digests });
    const engine = await tfjsEngine();
    for (const [i, { spec, files, shapes, values }] of questions.entries()) {
      const here = await loadBackbone(engine, spec, files, shapes);
      const embeddings = here.embed(values, rows);
      expect(answer.embeddings[i]).toHaveLength(embeddings.length);
      embeddings.forEach((value, j) => void expect(answer.embeddings[i][j]).toBeCloseTo(value, 5));
      here.release();
    }
  } finally {
    stop();
    await rm(folder, { recursive: true, force: true });
  }
});

async function denseNetwork() {
  const blobs: TestModel["blobs"] = new Map();
  const shape = { columns: [], widths: [7, 12, 6], classes: 3, seed: 5, threshold: 0 };
  const { backbone: spec } = await randomNetwork(shape, blobs);
  const bytes = ({ sha256 }: BlobRef) => (blobs.get(sha256) as Uint8Array<ArrayBuffer>).buffer;
  return { spec, files: { topology: bytes(spec.topology), shards: spec.shards.map(bytes) } };
}
