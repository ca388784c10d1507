import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { SampleStore } from "#origin/learn/sample-store.ts";
import { bin, root } from "#scripts/local/process.ts";
import { testModel } from "../helpers/model.ts";
import { publishOn, type SharedLadder, sharedLadder } from "./ladder.ts";

const model = "samples";
let ladder: SharedLadder;
let folder: string;

beforeAll(async () => {
  ladder = await sharedLadder();
  folder = await mkdtemp(join(tmpdir(), "upriver-samples-"));
  await publishOn(ladder, await testModel({ model, policy: { ladder: ["edge", "region", "human"] } }));
});
afterAll(async () => {
  ladder?.check();
  await rm(folder, { recursive: true, force: true });
});

async function samples(scope: "publish" | "admin", ...args: string[]) {
  const { edge, tokens } = ladder.credentials;
  const env = { ...process.env, UPRIVER_URL: edge, UPRIVER_TOKEN: tokens[scope] };
  const { stdout } = await promisify(execFile)(
    bin("node"),
    [join(root, "scripts/cli.ts"), "samples", model, ...args, "--json"],
    { env },
  );
  return JSON.parse(stdout);
}

it("labels are backed up, and restored to a region that lost them into the same splits", async () => {
  const truth = (region: string, i: number) => ({
    label: i % 2 === 0 ? "a" : "b",
    question: { instance: { region, x0: i, x1: i / 3, x2: 1, x3: 2 }, region },
  });
  const truths = ["north", "south"].flatMap((region) => Array.from({ length: 20 }, (_, i) => truth(region, i)));
  expect(await ladder.client("teach").teachMany(model, { truths })).toEqual({ accepted: 40, changed: 40 });
  const backup = join(folder, "backup");
  await expect.poll(() => samples("publish", "--out", backup)).toMatchObject({ known: 40 });
  expect(await samples("publish", "--out", backup)).toMatchObject({ added: 0, known: 40 });

  await ladder.client("admin").forgetRegion(model, "north");
  // A store that was filled before the region was forgotten deletes the region's samples at its next pull.
  const later = join(folder, "later");
  await cp(backup, later, { recursive: true });
  expect(await samples("publish", "--out", later)).toMatchObject({ known: 20 });
  expect(await readFile(join(later, "samples.ndjson"), "utf8")).not.toContain('"region":"north","id"');
  expect(await samples("admin", "--teach", backup, "--region", "north")).toMatchObject({ accepted: 20, changed: 20 });
  expect(await samples("admin", "--teach", backup)).toMatchObject({ accepted: 40, changed: 0, left: 0 });

  const after = join(folder, "after");
  await expect.poll(() => samples("publish", "--out", after)).toMatchObject({ known: 40 });
  await expect.poll(() => samples("publish", "--out", later)).toMatchObject({ known: 40 });
  expect(await known(later)).toEqual(await known(after));
  expect(await known(after)).toEqual(
    (await known(backup)).map((line) => ({ ...line, inclusionProbability: null, source: "truth" })),
  );
});

async function known(store: string) {
  const lines = await new SampleStore(store).read();
  return lines.map(({ revision: _, labelledAt: _at, ...line }) => line).sort((a, b) => (a.id < b.id ? -1 : 1));
}
