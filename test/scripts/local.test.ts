import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureDeployment, readDeployment, saveUrl, workerName } from "#scripts/local/deployment.ts";
import { lockFolder } from "#scripts/local/lock.ts";
import { RotatedLog } from "#scripts/local/rotated-log.ts";
import { emptyPlayed } from "#scripts/replay/played.ts";
import { ReplayFile } from "#scripts/replay/saves.ts";
import type { WalkState } from "#scripts/replay/walk.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-local-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a log", () => {
  it("is replaced when it is large, and keeps three before it", async () => {
    const path = join(folder, "edge.log");
    const log = new RotatedLog(path, 100);
    for (let i = 0; i < 30; i++) log.write(Buffer.from(`line ${String(i).padStart(2, "0")} of the log\n`));
    log.close();
    expect((await readdir(folder)).sort()).toEqual(["edge.log", "edge.log.1", "edge.log.2", "edge.log.3"]);
    expect(await readFile(path, "utf8")).toContain("line 29");
    const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
  });

  it("loses lines while it can't be written, and stops nothing", async () => {
    const logs = join(folder, "logs");
    await mkdir(logs);
    const log = new RotatedLog(join(logs, "edge.log"), 10);
    log.write(Buffer.from("a first line"));
    await rm(logs, { recursive: true });
    log.write(Buffer.from("a lost line"));
    await mkdir(logs);
    log.write(Buffer.from("a next line"));
    log.close();
    log.write(Buffer.from("after its end"));
    expect(await readFile(join(logs, "edge.log"), "utf8")).toBe("a next line");
  });

  it("is kept when the next start begins another", async () => {
    const path = join(folder, "edge.log");
    for (const text of ["first", "second"]) {
      const log = new RotatedLog(path);
      log.write(Buffer.from(text));
      log.close();
    }
    expect([await readFile(path, "utf8"), await readFile(`${path}.1`, "utf8")]).toEqual(["second", "first"]);
  });
});

describe("a folder's lock", () => {
  const lock = (pid: number) => JSON.stringify({ pid, edge: "http://127.0.0.1:8787" });

  it("names where the first ladder runs", async () => {
    const other = spawn("sleep", ["60"]);
    await mkdir(join(folder, ".upriver"));
    await writeFile(join(folder, ".upriver/running.json"), lock(other.pid as number));
    expect(() => lockFolder(folder, "http://127.0.0.1:1")).toThrow(
      `Upriver already runs in ${folder}: http://127.0.0.1:8787 (process ${other.pid}). Stop it there with Ctrl-C`,
    );
    other.kill();
  });

  it("of a ladder that was killed is taken over, and ends with this one", async () => {
    await mkdir(join(folder, ".upriver"));
    await writeFile(join(folder, ".upriver/running.json"), lock(2 ** 22 + 1));
    const unlock = lockFolder(folder, "http://127.0.0.1:1");
    expect(JSON.parse(await readFile(join(folder, ".upriver/running.json"), "utf8"))).toMatchObject({
      pid: process.pid,
    });
    unlock();
    expect(await readdir(join(folder, ".upriver"))).toEqual([]);
  });
});

describe("a deployment's secrets", () => {
  it("are made once, readable by their owner alone", async () => {
    const path = join(folder, "upriver/shop.json");
    const { deployment, isNew } = await ensureDeployment(path);
    expect(isNew).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(Object.keys(deployment.vars).sort()).toEqual([
      "DEPLOYMENT_KEY",
      "DEPLOYMENT_PUBLIC_KEYS",
      "NEXT_RUNG_TOKEN",
      "PUBLISH_KEYS",
      "SPLIT_SECRET",
      "UPRIVER_TOKENS",
    ]);
    await saveUrl(path, deployment, "https://shop.example.workers.dev");
    const again = await ensureDeployment(path);
    expect([again.isNew, again.deployment.vars]).toEqual([false, deployment.vars]);
    expect(await readDeployment(path)).toMatchObject({ credentials: { edge: "https://shop.example.workers.dev" } });
  });

  it("are never made again over a file that cannot be read", async () => {
    const path = join(folder, "shop.json");
    await writeFile(path, "{");
    await expect(ensureDeployment(path)).rejects.toThrow(/is not valid JSON\. Restore it/);
  });

  it("belong to the Worker that wrangler.toml names", async () => {
    await expect(workerName(folder)).rejects.toThrow(/no wrangler\.toml .* npx upriver init/);
    await writeFile(join(folder, "wrangler.toml"), '# a Worker\nname = "shop"\nmain = "x.js"\n');
    expect(await workerName(folder)).toBe("shop");
  });
});

describe("a replay that was interrupted", () => {
  const state = (): WalkState => ({
    ...{ run: "abc", next: 3, done: 7, retrainedAt: 1, lastAt: 2, pending: [{ day: 4, truths: [] }] },
    ...{ played: emptyPlayed(10, 2), looks: [], retrains: { promoted: 1 }, origin: [] },
    firstHeads: new Map([
      ["north", { weights: Float32Array.of(1, 2), bias: Float32Array.of(0), temperature: 1 } as never],
    ]),
  });

  it("goes on from its file, but no other replay does", () => {
    const path = join(folder, "replays/shop");
    const file = new ReplayFile(path, { from: 1 });
    expect(file.isThere).toBe(false);
    file.write(state());
    expect(new ReplayFile(path, { from: 1 }).read()).toEqual(state());
    expect(new ReplayFile(path, { from: 2 }).isThere).toBe(false);
    file.clear();
    expect(file.isThere).toBe(false);
  });
});
