import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Question } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { freePort } from "#scripts/local/ports.ts";
import { startServer } from "../helpers/http-server.ts";
import { testKeys } from "../helpers/keys.ts";
import { testModel } from "../helpers/model.ts";

let data: string;
let unmount: (() => void) | null = null;
let origin: ChildProcess;
let url: string;
let edge: Awaited<ReturnType<typeof startServer>>;
/** Answers the request for the model 'pets', which waits: so a question stays under way. */
let held: (() => void) | null = null;

/** Makes a folder whose disk takes no data: a small one that is full, or one that may not be written. */
async function fullDisk(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-full-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", folder], { stdio: "ignore" });
    unmount = () => execFileSync("umount", ["-l", folder]);
    await writeFile(join(folder, "filler"), new Uint8Array(12 * 1024));
  } catch {
    await chmod(folder, 0o500);
  }
  return folder;
}

async function canWrite(folder: string): Promise<boolean> {
  return writeFile(join(folder, "probe"), new Uint8Array(64 * 1024)).then(
    () => true,
    () => false,
  );
}

beforeAll(async () => {
  data = await fullDisk();
  const models = await Promise.all(["shop", "pets"].map((model) => testModel({ model, fullThreshold: 0 })));
  const blobs = new Map(models.flatMap((one) => [...one.blobs]));
  edge = await startServer((request, response) => {
    const path = request.url ?? "";
    const json = (body: unknown) => response.setHeader("content-type", "application/json").end(JSON.stringify(body));
    const sha256 = /^\/v1\/blobs\/(\w+)/.exec(path)?.[1];
    if (path === "/healthz") return json({ status: "ok", node: "edge" });
    if (path === "/v1/models") return json({ models: [] });
    const model = models.find(({ manifest }) => path.startsWith(`/v1/models/${manifest.model}`))?.manifest;
    if (path.includes("/manifest?")) return json(model);
    if (model) {
      const answer = () => json({ model: model.model, pointer: { stable: 1 } });
      if (model.model !== "pets") return answer();
      held = answer;
      return response;
    }
    if (sha256) return response.end(blobs.get(sha256));
    return response.writeHead(404).end();
  });
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const token = { id: "edge", sha256: await sha256Hex("hop-token"), scopes: ["ask", "publish"] };
  const env = {
    ...process.env,
    ORIGIN_PORT: String(port),
    ORIGIN_TOKENS: JSON.stringify([token]),
    EDGE_URL: edge.url,
    EDGE_TOKEN: "t",
    SIGNING_KEY: JSON.stringify(testKeys.publish.signing),
    ORIGIN_DATA: data,
    ORIGIN_BACKEND: "wasm",
  };
  origin = spawn(process.execPath, [join(import.meta.dirname, "../../workers/origin/index.ts")], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Its first line says that it listens.
  await once(origin.stdout as NodeJS.ReadableStream, "data");
});
afterAll(async () => {
  origin?.kill("SIGKILL");
  edge?.stop();
  unmount?.();
  await chmod(data, 0o700);
  await rm(data, { recursive: true, force: true });
});

const headers = { authorization: "Bearer hop-token", "content-type": "application/json" };

function ask(n: number, model = "shop"): Promise<Response> {
  const instance = { region: "north", x0: n, x1: 1, x2: 0, x3: null };
  const question: Question = { id: `${model}~north~${n}`, region: "north", instance, at: 0 };
  return fetch(`${url}/v1/models/${model}/ask`, {
    method: "POST",
    headers,
    body: JSON.stringify({ questions: [question] }),
  });
}

it("an origin with a full disk answers, says that it can't train and what to do, and takes no training", async ({
  skip,
}) => {
  skip(await canWrite(data), "this machine lets nobody make a full disk");
  expect((await ask(1)).status).toBe(200);
  expect(await (await fetch(`${url}/readyz`)).json()).toMatchObject({ status: "ready", training: "not-ready" });
  expect(await (await fetch(`${url}/v1/status`, { headers })).json()).toMatchObject({
    training: {
      ready: false,
      reason: expect.stringMatching(/no data/),
      next: expect.stringContaining("Free space"),
    },
  });
  const order = await fetch(`${url}/v1/models/shop/trainings`, { method: "POST", headers, body: "{}" });
  expect([order.status, await order.text()]).toEqual([503, expect.stringContaining("ORIGIN_DATA")]);
  // Nothing half-written is left.
  expect((await readdir(data, { recursive: true })).filter((name) => /part$|probe-/.test(name))).toEqual([]);
});

it("SIGTERM drains: the question under way is answered, no other is taken, and the process ends with 0", async () => {
  const answer = ask(2, "pets");
  await expect.poll(() => held).not.toBeNull();
  const ended = once(origin, "exit");
  origin.kill("SIGTERM");
  await expect
    .poll(() =>
      fetch(`${url}/healthz`).then(
        () => "answers",
        () => "refused",
      ),
    )
    .toBe("refused");
  held?.();
  expect((await answer).status).toBe(200);
  expect(await ended).toEqual([0, null]);
});
