import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import type { Training, TrainingStep } from "#core/contract/index.ts";
import { problemSchema } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import type { Scope } from "#core/tokens.ts";
import { createApp } from "#origin/app.ts";
import { BlobCache } from "#origin/blob-cache.ts";
import { DiskProbe } from "#origin/disk.ts";
import { TrainableRecipes } from "#origin/recipes/registry.ts";
import { type RunTraining, TrainingQueue } from "#origin/trainings/queue.ts";
import { TrainingStore } from "#origin/trainings/store.ts";
import { startServer } from "#test/helpers/http-server.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-trainings-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A queue whose trainings wait for the test. What a training does is tested in the journeys. */
class ControlledQueue {
  readonly started: [string, TrainingStep][] = [];
  readonly trainings: TrainingQueue;
  private finish: ((error?: Error) => void) | null = null;

  constructor(path: string) {
    const runTraining: RunTraining = async (training, update, signal) => {
      this.finish = null;
      this.started.push([training.model, training.step]);
      await update({ step: "train" });
      await new Promise<void>((resolve, reject) => {
        signal.throwIfAborted();
        this.finish = (error) => (error ? reject(error) : resolve());
        signal.addEventListener("abort", () => reject(signal.reason));
      });
      await update({ version: 7 });
    };
    this.trainings = new TrainingQueue(new TrainingStore(path), runTraining, () => {});
  }

  async end(error?: Error): Promise<void> {
    await this.until(() => this.finish !== null);
    this.finish?.(error);
    this.finish = null;
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const order = { reason: "order" as const, gate: true };
let path: string;
let queue: ControlledQueue;
let tests = 0;
beforeEach(() => {
  path = join(folder, `${tests++}`);
  queue = new ControlledQueue(path);
});

describe("trainings", () => {
  it("run one after another, each to its end", async () => {
    const [one, two] = [await queue.trainings.enqueue("shop", order), await queue.trainings.enqueue("pets", order)];
    await queue.end();
    expect(await queue.trainings.wait("shop", one.id, 5_000)).toMatchObject({ state: "done", version: 7 });
    expect(queue.trainings.get("pets", two.id).state).not.toBe("done");
    await queue.end();
    expect(await queue.trainings.wait("pets", two.id, 5_000)).toMatchObject({ state: "done" });
    expect(queue.started.map(([model]) => model)).toEqual(["shop", "pets"]);
  });

  it("are refused while another training of the model is open", async () => {
    const { id } = await queue.trainings.enqueue("shop", order);
    await expect(queue.trainings.enqueue("shop", order)).rejects.toMatchObject({ fault: { kind: "conflict" } });
    await queue.end();
    await queue.trainings.wait("shop", id, 5_000);
    expect((await queue.trainings.enqueue("shop", order)).id).not.toBe(id);
  });

  it("record why they failed, and restart at the step where they failed", async () => {
    const { id } = await queue.trainings.enqueue("shop", order);
    await queue.end(new Error("no disk"));
    expect(await queue.trainings.wait("shop", id, 5_000)).toMatchObject({
      state: "failed",
      reason: "no disk",
      step: "train",
    });
    await queue.trainings.restart("shop", id);
    await queue.end();
    expect(await queue.trainings.wait("shop", id, 5_000)).toMatchObject({ state: "done", reason: null });
    expect(queue.started).toEqual([
      ["shop", "pull"],
      ["shop", "train"],
    ]);
    await expect(queue.trainings.restart("shop", id)).rejects.toMatchObject({ fault: { kind: "conflict" } });
  });

  it("stop at once when cancelled, and can be restarted", async () => {
    const { id } = await queue.trainings.enqueue("shop", order);
    await queue.until(() => queue.started.length === 1);
    expect(await queue.trainings.cancel("shop", id)).toMatchObject({ state: "cancelled" });
    await expect(queue.trainings.cancel("shop", id)).rejects.toMatchObject({ fault: { kind: "conflict" } });
    await queue.trainings.restart("shop", id);
    await queue.until(() => queue.started.length === 2);
    await queue.end();
    expect(await queue.trainings.wait("shop", id, 5_000)).toMatchObject({ state: "done" });
  });

  it("continue at their step after the origin was killed", async () => {
    const { id } = await queue.trainings.enqueue("shop", order);
    // The step is on disk; the killed origin does nothing more, and a new one opens its store.
    await expect
      .poll(async () => (await new TrainingStore(path).all()).find((one) => one.id === id)?.step)
      .toBe("train");
    const next = new ControlledQueue(path);
    await next.trainings.open();
    await next.end();
    expect(await next.trainings.wait("shop", id, 5_000)).toMatchObject({ state: "done", version: 7 });
    expect(next.started).toEqual([["shop", "train"]]);
  });
});

interface Call {
  body?: object;
  bearer?: string;
  accept?: string;
}

describe("the training routes", () => {
  /** An edge without models. */
  let emptyEdge: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    const problem = { type: "urn:x", title: "Not found", status: 404, detail: "none", operation: "read", next: "none" };
    emptyEdge = await startServer((_, response) => {
      response.writeHead(404, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
    });
  });
  afterAll(() => emptyEdge.stop());

  const token = async (id: string, scopes: Scope[], models = ["*"]) => ({
    ...{ id, sha256: await sha256Hex(id), scopes, models, regions: ["*"] },
  });

  async function routes() {
    const tokens = [
      await token("edge", ["ask", "publish"]),
      await token("caller", ["ask"]),
      await token("pets", ["publish"], ["pets"]),
    ];
    const client = new UpriverClient({ url: emptyEdge.url, tries: 1 });
    const training = {
      trainings: queue.trainings,
      recipes: new TrainableRecipes(client, new BlobCache(client, "unused"), import.meta.dirname),
      backend: { name: "wasm" as const, adapter: null, isSoftware: false },
      disk: new DiskProbe(path),
    };
    const models = { list: () => [], rung: () => Promise.reject(new Error("not asked in this test")) };
    const app = createApp({ nodeId: "origin", tokens, models, training, log: () => {} });
    return (method: string, at: string, { body, bearer = "edge", accept = "*/*" }: Call = {}) =>
      app.request(at, {
        method,
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json", accept },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
  }

  it("order, list, show, cancel and restart a training", async () => {
    const call = await routes();
    const ordered = await call("POST", "/v1/models/storefront/trainings", { body: { before: "2025-01-01" } });
    const { training } = (await ordered.json()) as { training: Training };
    expect([ordered.status, ordered.headers.get("location")]).toEqual([
      202,
      `/v1/models/storefront/trainings/${training.id}`,
    ]);
    expect(training).toMatchObject({ model: "storefront", order: { before: "2025-01-01", gate: true } });
    const of = async (response: Response) => ((await response.json()) as { training: Training }).training;
    expect(await (await call("GET", "/v1/models/storefront/trainings")).json()).toMatchObject({
      trainings: [{ id: training.id }],
    });
    const at = `/v1/models/storefront/trainings/${training.id}`;
    expect(await of(await call("GET", at))).toMatchObject({ id: training.id });
    expect(await of(await call("POST", `${at}/cancel`))).toMatchObject({ state: "cancelled" });
    expect((await call("POST", `${at}/restart`)).status).toBe(202);
    expect(await (await call("GET", "/v1/status")).json()).toMatchObject({
      backend: { name: "wasm" },
      trainings: [{ id: training.id }],
    });
  });

  it.each<[string, number, string, string, object | undefined, string]>([
    ["without a token", 401, "GET", "/v1/models/storefront/trainings", undefined, "nobody"],
    ["without the scope", 403, "POST", "/v1/models/storefront/trainings", {}, "caller"],
    ["for another model", 403, "POST", "/v1/models/storefront/trainings", {}, "pets"],
    ["of a model without a recipe", 404, "POST", "/v1/models/boats/trainings", {}, "edge"],
    ["of an unknown training", 404, "GET", "/v1/models/storefront/trainings/x", undefined, "edge"],
    ["with a date that is none", 422, "POST", "/v1/models/storefront/trainings", { before: "soon" }, "edge"],
    ["with a canary share of 1", 422, "POST", "/v1/models/storefront/trainings", { canary: { share: 1 } }, "edge"],
    ["of the status without the scope", 403, "GET", "/v1/status", undefined, "caller"],
  ])("refuse a request %s", async (_, status, method, at, body, bearer) => {
    const call = await routes();
    const response = await call(method, at, { bearer, ...(body ? { body } : {}) });
    expect([response.status, problemSchema.parse(await response.json()).status]).toEqual([status, status]);
    expect(queue.trainings.list()).toEqual([]);
  });

  it("stream each change as an event until the training has ended", async () => {
    const call = await routes();
    const { id } = await queue.trainings.enqueue("storefront", order);
    const accept = "text/event-stream";
    const streaming = await call("GET", `/v1/models/storefront/trainings/${id}`, { accept });
    const text = streaming.text();
    await queue.end();
    const states = [...(await text).matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json as string).state);
    expect(states.at(-1)).toBe("done");
  });
});
