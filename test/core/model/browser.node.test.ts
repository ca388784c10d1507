import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { build } from "vite";
import { expect, it } from "vitest";
import { tfjsEngine } from "../../../workers/core/model/tfjs/engine.ts";
import { startServer } from "../../helpers/http-server.ts";
import { randomNetwork, type TestModel } from "../../helpers/model.ts";
import { seeded, uniform } from "../../helpers/random.ts";

const root = join(import.meta.dirname, "../../..");
const chromium = [process.env.CHROME_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path && existsSync(path),
);
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
const quiet = ["--disable-background-networking", "--disable-component-update", "--virtual-time-budget=20000"];
const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

it("runs in a real browser as it does here", async (context) => {
  if (!chromium) context.skip("no Chromium here; CHROME_PATH names one");
  const folder = await mkdtemp(join(tmpdir(), "upriver-browser-"));
  const blobs: TestModel["blobs"] = new Map();
  const { backbone: spec } = await randomNetwork(
    { columns: [], widths: [7, 12, 6], classes: 3, seed: 5, threshold: 0 },
    blobs,
  );
  const bytes = (sha256: string) => blobs.get(sha256) as Uint8Array<ArrayBuffer>;
  const [topology, shard] = [bytes(spec.topology.sha256), bytes(spec.shards[0]?.sha256 ?? "")];
  const values = uniform(seeded(3), 4 * 7, -3, 3);

  await build({
    root,
    logLevel: "error",
    build: {
      outDir: folder,
      target: "esnext",
      rollupOptions: { input: join(root, "test/helpers/browser-page.ts"), output: { entryFileNames: "page.js" } },
    },
  });
  const question = {
    spec,
    topology: Array.from(topology),
    shard: Array.from(shard),
    values: Array.from(values),
    rows: 4,
  };
  await writeFile(join(folder, "question.json"), JSON.stringify(question));
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
    const { stdout } = await promisify(execFile)(chromium, args, { timeout: 60_000 });
    const answer = JSON.parse(/<body>(.*)<\/body>/s.exec(stdout)?.[1] ?? "null");
    const here = (await tfjsEngine()).load(spec, { topology: topology.buffer, shards: [shard.buffer] }, [[7]]);
    expect(answer).toMatchObject({ engine: "tfjs-wasm", leaked: 0 });
    here.embed(values, 4).forEach((value, i) => void expect(answer.embeddings[i]).toBeCloseTo(value, 5));
    here.release();
  } finally {
    stop();
    await rm(folder, { recursive: true, force: true });
  }
});
