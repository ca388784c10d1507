import { mkdir, mkdtemp, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServerType, serve } from "@hono/node-server";
import { Hono } from "hono";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { UpriverClient } from "#client/index.ts";
import { ArtefactError } from "#core/artefacts.ts";
import type { ClassifyManifest, NetworkSpec } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { BlobCache } from "#origin/blob-cache.ts";
import { FullModels } from "#origin/models.ts";
import { freePort } from "#scripts/local/ports.ts";
import { type TestModel, testModel } from "../helpers/model.ts";

const servers: ServerType[] = [];
let versions: Record<number, TestModel>;
let stable: number;
let spoil: boolean;
let isAway: boolean;
let url: string;
let folder: string;

beforeEach(async () => {
  versions = { 1: await testModel(), 2: await testModel({ version: 2, seed: 2 }) };
  [stable, spoil, isAway] = [1, false, false];
  folder = await mkdtemp(join(tmpdir(), "upriver-models-"));
  const app = new Hono();
  app.use(async (context, next) => (isAway ? context.text("away", 503) : next()));
  app.get("/v1/models/shop", (context) => context.json({ model: "shop", pointer: { stable } }));
  app.get("/v1/models/shop/manifest", (context) =>
    context.json(versions[Number(context.req.query("version"))]?.manifest),
  );
  app.get("/v1/blobs/:sha256", (context) => {
    const sha256 = context.req.param("sha256");
    const known = Object.values(versions).find(({ blobs }) => blobs.has(sha256));
    return context.body(spoil ? new Uint8Array(8) : (known?.blobs.get(sha256) as Uint8Array<ArrayBuffer>));
  });
  const port = await freePort();
  servers.push(serve({ fetch: app.fetch, hostname: "127.0.0.1", port }));
  url = `http://127.0.0.1:${port}`;
});
afterEach(() => void vi.useRealTimers());
afterAll(() => {
  for (const server of servers) server.close();
});

const models = () => modelsOf(new UpriverClient({ url, tries: 1 }), folder);

/** The models of an origin whose disk is a folder. */
function modelsOf(client: UpriverClient, disk: string): FullModels {
  return new FullModels(client, new BlobCache(client, join(disk, "blobs")));
}

/** Advances the clock, so that the stable version is looked up again. */
function later(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
}

async function faultOf(work: Promise<unknown>) {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FaultError);
  return (error as FaultError).fault;
}

describe("the full models", () => {
  it("follow the stable version, forwards and backwards", async () => {
    const full = models();
    await full.rung("shop");
    for (const version of [2, 1]) {
      stable = version;
      later();
      await full.rung("shop");
      expect(full.list()).toEqual([{ model: "shop", version }]);
    }
  });

  it("are not found when the stable version has no full network", async () => {
    const full = models();
    await full.rung("shop");
    Object.assign(versions[2]?.manifest as ClassifyManifest, { full: null });
    stable = 2;
    later();
    expect(await faultOf(full.rung("shop"))).toMatchObject({ kind: "not-found" });
  });

  it("keep answering with the loaded version while the edge is unreachable", async () => {
    const full = models();
    const rung = await full.rung("shop");
    isAway = true;
    later();
    expect(await full.rung("shop")).toBe(rung);
  });

  it("are unavailable when the edge was never reachable", async () => {
    const nobody = modelsOf(new UpriverClient({ url: "http://127.0.0.1:1", tries: 1 }), folder);
    expect(await faultOf(nobody.rung("shop"))).toMatchObject({ kind: "unavailable" });
  });

  it("refuse bytes that do not have their hash, and store none of them", async () => {
    spoil = true;
    await expect(models().rung("shop")).rejects.toThrow(ArtefactError);
    expect(await readdir(folder)).toEqual([]);
    spoil = false;
    await models().rung("shop");
    expect(await readdir(join(folder, "blobs"))).toHaveLength(3);
  });

  it("throw when a blob on disk cannot be read", async () => {
    const { topology } = ((versions[1] as TestModel).manifest.full as NetworkSpec).backbone;
    await mkdir(join(folder, "blobs", topology.sha256), { recursive: true });
    await expect(models().rung("shop")).rejects.toThrow("(EISDIR). Check the disk");
  });

  it("do not include a model without a full network", async () => {
    const { full: _, ...thin } = (versions[1] as TestModel).manifest;
    versions[1] = { ...(versions[1] as TestModel), manifest: thin as ClassifyManifest };
    expect(await faultOf(models().rung("shop"))).toMatchObject({ kind: "not-found", what: "full model 'shop'" });
  });
});
