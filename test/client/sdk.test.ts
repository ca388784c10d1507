import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { encode as encodePng } from "fast-png";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import { startServer } from "../helpers/http-server.ts";
import { testModel } from "../helpers/model.ts";
import { sdkModels, sdkPixels } from "../helpers/sdk-models.ts";
import { chromiumHere } from "../helpers/system-packages.ts";
import { publishOn, type SharedLadder, sharedLadder } from "../journeys/ladder.ts";
import { sdkCases } from "./sdk-cases.ts";

const root = join(import.meta.dirname, "../..");
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".json": "application/json" };
const png = new Uint8Array(encodePng({ width: 8, height: 6, channels: 3, data: Uint8Array.from(sdkPixels.flat(2)) }));

let ladder: SharedLadder;

beforeAll(async () => {
  ladder = await sharedLadder();
  for (const options of sdkModels) await publishOn(ladder, await testModel(options));
});
afterAll(() => ladder?.check());

describe("UpriverClient in Node", () => {
  for (const [name, run] of Object.entries(sdkCases)) {
    it(name, () =>
      run({
        client: (scope, options) =>
          new UpriverClient({ url: ladder.credentials.edge, token: ladder.credentials.tokens[scope], ...options }),
        fetch: (input, init) => fetch(input, init),
        picture: { bytes: png, pixels: sdkPixels },
      }),
    );
  }
});

it("UpriverClient passes the same cases in a real browser, from a page of another origin", async (context) => {
  const chromium = await chromiumHere();
  if (!chromium) context.skip("no Chromium here; CHROME_PATH names one");
  const folder = await mkdtemp(join(tmpdir(), "upriver-sdk-"));
  await build({
    root,
    logLevel: "error",
    build: {
      outDir: folder,
      target: "esnext",
      rollupOptions: { input: join(root, "test/helpers/sdk-page.ts"), output: { entryFileNames: "page.js" } },
    },
  });
  const { edge, tokens } = ladder.credentials;
  await writeFile(
    join(folder, "settings.json"),
    JSON.stringify({ url: edge, tokens, png: Array.from(png), pixels: sdkPixels }),
  );
  await writeFile(join(folder, "index.html"), '<!doctype html><script type="module" src="/page.js"></script>');
  const { promise: received, resolve: receive } = Promise.withResolvers<Record<string, string>>();
  const { url, stop } = await startServer(async (request, response) => {
    if (request.method === "POST") {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      receive(JSON.parse(Buffer.concat(parts).toString()));
    }
    const path = request.url === "/" ? "/index.html" : (request.url ?? "");
    const body = await readFile(join(folder, path)).catch(() => null);
    response.writeHead(body ? 200 : 404, { "content-type": types[extname(path)] ?? "text/plain" });
    response.end(body);
  });
  const browser: ChildProcess = spawn(chromium as string, [
    ...flags,
    `--user-data-dir=${join(folder, "profile")}`,
    "--remote-debugging-port=0",
    url,
  ]);
  try {
    const results = await received;
    expect(results).toEqual(Object.fromEntries(Object.keys(sdkCases).map((name) => [name, "ok"])));
  } finally {
    const gone = new Promise((resolve) => browser.once("exit", resolve));
    browser.kill("SIGKILL");
    await gone;
    stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
});
