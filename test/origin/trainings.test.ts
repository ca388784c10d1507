import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Training, TrainingStep } from "#core/contract/index.ts";
import { problemSchema } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import type { Scope } from "#core/tokens.ts";
import { createApp } from "#origin/app.ts";
import { type RunTraining, TrainingQueue } from "#origin/trainings/queue.ts";
import { TrainingStore } from "#origin/trainings/store.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-jobs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Jobs whose work waits for the test: what they do is in the journeys. */
class Bench {
  readonly started: [string, TrainingStep][] = [];
  readonly trainings: TrainingQueue;
  private finish: ((error?: Error) => void) | null = null;

  constructor(path: string) {
    const carryOut: RunTraining = async (training, advance, signal) => {
      this.finish = null;
      this.started.push([training.model, training.step]);
      await advance({ step: "train" });
      await new Promise<void>((resolve, reject) => {
        signal.throwIfAborted();
        this.finish = (error) => (error ? reject(error) : resolve());
        signal.addEventListener("abort", () => reject(signal.reason));
      });
      await advance({ version: 7 });
    };
    this.trainings = new TrainingQueue(new TrainingStore(path), carryOut, () => {});
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
let bench: Bench;
let tests = 0;
beforeEach(() => {
  path = join(folder, `${tests++}`);
  bench = new Bench(path);
});

describe("trainings", () => {
  it("run one after another, and to the end", async () => {
    const [one, two] = [await bench.trainings.enqueue("shop", order), await bench.trainings.enqueue("pets", order)];
    await bench.end();
    expect(await bench.trainings.wait("shop", one.id, 5_000)).toMatchObject({ state: "done", version: 7 });
    expect(bench.trainings.get("pets", two.id).state).not.toBe("done");
    await bench.end();
    expect(await bench.trainings.wait("pets", two.id, 5_000)).toMatchObject({ state: "done" });
    expect(bench.started.map(([model]) => model)).toEqual(["shop", "pets"]);
  });

  it("are one at a time a model", async () => {
    const { id } = await bench.trainings.enqueue("shop", order);
    await expect(bench.trainings.enqueue("shop", order)).rejects.toMatchObject({ fault: { kind: "conflict" } });
    await bench.end();
    await bench.trainings.wait("shop", id, 5_000);
    expect((await bench.trainings.enqueue("shop", order)).id).not.toBe(id);
  });

  it("that fail say why, and are taken up again at the step where they were", async () => {
    const { id } = await bench.trainings.enqueue("shop", order);
    await bench.end(new Error("no disk"));
    expect(await bench.trainings.wait("shop", id, 5_000)).toMatchObject({
      state: "failed",
      reason: "no disk",
      step: "train",
    });
    await bench.trainings.restart("shop", id);
    await bench.end();
    expect(await bench.trainings.wait("shop", id, 5_000)).toMatchObject({ state: "done", reason: null });
    expect(bench.started).toEqual([
      ["shop", "pull"],
      ["shop", "train"],
    ]);
    await expect(bench.trainings.restart("shop", id)).rejects.toMatchObject({ fault: { kind: "conflict" } });
  });

  it("are stopped at once, and taken up again", async () => {
    const { id } = await bench.trainings.enqueue("shop", order);
    await bench.until(() => bench.started.length === 1);
    expect(await bench.trainings.cancel("shop", id)).toMatchObject({ state: "cancelled" });
    await expect(bench.trainings.cancel("shop", id)).rejects.toMatchObject({ fault: { kind: "conflict" } });
    await bench.trainings.restart("shop", id);
    await bench.until(() => bench.started.length === 2);
    await bench.end();
    expect(await bench.trainings.wait("shop", id, 5_000)).toMatchObject({ state: "done" });
  });

  it("go on by themselves where the origin was killed", async () => {
    const { id } = await bench.trainings.enqueue("shop", order);
    await bench.until(() => bench.trainings.get("shop", id).step === "train");
    // The origin that was killed says no more: another one opens what it left.
    const next = new Bench(path);
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

describe("the routes of jobs", () => {
  const token = async (id: string, scopes: Scope[], models = ["*"]) => ({
    ...{ id, sha256: await sha256Hex(id), scopes, models, regions: ["*"] },
  });

  async function routes() {
    const tokens = [
      await token("edge", ["ask", "publish"]),
      await token("asker", ["ask"]),
      await token("pets", ["publish"], ["pets"]),
    ];
    const training = {
      trainings: bench.trainings,
      backend: { name: "wasm" as const, adapter: null, isSoftware: false },
    };
    const models = { list: () => [], rung: () => Promise.reject(new Error("nobody asks")) };
    const app = createApp({ nodeId: "origin", tokens, models, training, log: () => {} });
    return (method: string, at: string, { body, bearer = "edge", accept = "*/*" }: Call = {}) =>
      app.request(at, {
        method,
        headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json", accept },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
  }

  it("order, list, show, cancel and restart", async () => {
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
    ["without the scope", 403, "POST", "/v1/models/storefront/trainings", {}, "asker"],
    ["for another model", 403, "POST", "/v1/models/storefront/trainings", {}, "pets"],
    ["of a model without a recipe", 404, "POST", "/v1/models/boats/trainings", {}, "edge"],
    ["of a job that is not there", 404, "GET", "/v1/models/storefront/trainings/x", undefined, "edge"],
    ["with a day that is none", 422, "POST", "/v1/models/storefront/trainings", { before: "soon" }, "edge"],
    ["with a share of everybody", 422, "POST", "/v1/models/storefront/trainings", { canary: { share: 1 } }, "edge"],
    ["of the status without the scope", 403, "GET", "/v1/status", undefined, "asker"],
  ])("refuse what comes %s", async (_, status, method, at, body, bearer) => {
    const call = await routes();
    const response = await call(method, at, { bearer, ...(body ? { body } : {}) });
    expect([response.status, problemSchema.parse(await response.json()).status]).toEqual([status, status]);
    expect(bench.trainings.list()).toEqual([]);
  });

  it("tell each change as an event, to the end", async () => {
    const call = await routes();
    const { id } = await bench.trainings.enqueue("storefront", order);
    const accept = "text/event-stream";
    const streaming = await call("GET", `/v1/models/storefront/trainings/${id}`, { accept });
    const text = streaming.text();
    await bench.end();
    const states = [...(await text).matchAll(/^data: (.*)$/gm)].map(([, json]) => JSON.parse(json as string).state);
    expect(states.at(-1)).toBe("done");
  });
});
