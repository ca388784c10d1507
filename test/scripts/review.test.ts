import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LabelStudioTask } from "#client/index.ts";
import { testModel } from "../helpers/model.ts";
import { publishOn, type SharedLadder, sharedLadder } from "../journeys/ladder.ts";
import { upriver } from "./upriver.ts";

const model = "reviewed-by-keys";
let ladder: SharedLadder;
let folder: string;

beforeAll(async () => {
  [ladder, folder] = await Promise.all([sharedLadder(), mkdtemp(join(tmpdir(), "upriver-review-"))]);
  const policy = { ladder: ["edge", "region", "human"] as ("edge" | "region" | "human")[] };
  await publishOn(ladder, await testModel({ model, threshold: 1.01, policy }));
});
afterAll(async () => {
  ladder?.check();
  await rm(folder, { recursive: true, force: true });
});

/** Asks questions and returns their ids in the order in which they wait for review. */
async function waiting(n: number): Promise<string[]> {
  const ids: string[] = [];
  const queued = async () => (await ladder.client("admin").review(model, { reviewer: "nobody" })).waiting;
  for (let i = 0; i < n; i++) {
    ids.push((await ladder.client("ask").ask(model, { region: "north", x0: i, x1: 1, x2: 0, x3: null })).id);
    await expect.poll(queued, { interval: 20 }).toBeGreaterThanOrEqual(ids.length);
  }
  // Leases of another reviewer are given back before the one under test begins.
  for (const id of ids) {
    await ladder
      .client("admin")
      .skip(id, { reviewer: "nobody" })
      .catch(() => null);
  }
  return ids;
}

async function review(input: string, ...args: string[]): Promise<{ status: number | null; stdout: string }> {
  const { edge, tokens } = ladder.credentials;
  const env = { ...process.env, UPRIVER_URL: edge, UPRIVER_TOKEN: tokens.review };
  const { status, stdout, stderr } = await upriver(["review", model, ...args], { env, input });
  return { status, stdout: stdout + stderr };
}

const labelOf = async (id: string) => {
  const { status, label } = await ladder.client("admin").question(id);
  return status === "answered" ? label : null;
};

describe("upriver review", () => {
  it("answers, corrects, skips and flags with one key each", async () => {
    const [first, second, third] = (await waiting(3)) as [string, string, string];
    // The first is answered and corrected, the second flagged, the third skipped and then answered, since nothing else waits.
    const { status, stdout } = await review("x\n1\nu\n2\nf\nno idea\ns\n3\n");
    expect([status, stdout.match(/(\d) answered/)?.[1]]).toEqual([0, "2"]);
    expect(stdout).toContain("edge 1");
    expect([await labelOf(first), await labelOf(third)]).toEqual(["b", "c"]);
    const [flagged] = await ladder.client("review").flagged(model);
    expect([flagged?.id, flagged?.reason]).toEqual([second, "no idea"]);
  });

  it("exports tasks and a configuration for Label Studio and imports its answers", async () => {
    const [first, second] = (await waiting(2)) as [string, string];
    const file = join(folder, "tasks.json");
    const exported = await review("", "--export", file, "--json");
    expect(JSON.parse(exported.stdout)).toMatchObject({ tasks: 2, file });
    expect(await readFile(join(folder, "tasks.config.xml"), "utf8")).toContain('value="$choices"');
    const tasks: LabelStudioTask[] = JSON.parse(await readFile(file, "utf8"));
    const annotated = tasks.map((task, i) => {
      const choice = { from_name: "label", to_name: "instance", type: "choices", value: { choices: ["cz"[i]] } };
      return { ...task, annotations: [{ result: [choice] }] };
    });
    await writeFile(file, JSON.stringify(annotated));
    const { stdout } = await review("", "--import", file);
    expect(stdout).toContain("1 answered, 0 without a label, 1 refused");
    expect(stdout).toContain(second);
    expect([await labelOf(first), await labelOf(second)]).toEqual(["c", null]);
    const broken = join(folder, "broken.json");
    await Promise.all([writeFile(file, "{}"), writeFile(broken, "[")]);
    const [object, cut] = await Promise.all([review("", "--import", file), review("", "--import", broken)]);
    expect(object).toMatchObject({ status: 1 });
    expect(cut.stdout).toContain("broken.json must hold the JSON array of tasks");
  });
});
