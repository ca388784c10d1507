import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LabelStudioTask } from "#client/index.ts";
import { bin, root } from "#scripts/local/process.ts";
import { testModel } from "../helpers/model.ts";
import { publishOn, temporaryLadder } from "../journeys/ladder.ts";

const model = "asked";
let ladder: Awaited<ReturnType<typeof temporaryLadder>>;

beforeAll(async () => {
  ladder = await temporaryLadder();
  const policy = { ladder: ["edge", "region", "human"] as ("edge" | "region" | "human")[] };
  await publishOn(ladder, await testModel({ model, threshold: 1.01, policy }));
});
afterAll(() => ladder?.stop());

/** Asks questions, and gives their ids in the order in which they wait. */
async function waiting(n: number): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < n; i++) {
    ids.push((await ladder.client("ask").ask(model, { region: "north", x0: i, x1: 1, x2: 0, x3: null })).id);
    // By another person than the one under test.
    const looked = async () => (await ladder.client("admin").review(model, { reviewer: "nobody" })).waiting;
    while ((await looked()) < ids.length) await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (const id of ids)
    await ladder
      .client("admin")
      .skip(id, { reviewer: "nobody" })
      .catch(() => null);
  return ids;
}

async function review(typed: string, ...args: string[]): Promise<{ status: number | null; stdout: string }> {
  const child = spawn(bin("node"), [join(root, "scripts/upriver.mjs"), "review", model, ...args], {
    env: { ...process.env, UPRIVER_URL: ladder.credentials.edge, UPRIVER_TOKEN: ladder.credentials.tokens.review },
  });
  let stdout = "";
  child.stdout.on("data", (part) => (stdout += part));
  child.stderr.on("data", (part) => (stdout += part));
  child.stdin.end(typed);
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, stdout };
}

const labelOf = async (id: string) => {
  const { status, label } = await ladder.client("admin").question(id);
  return status === "answered" ? label : null;
};

describe("upriver review", () => {
  it("answers, undoes, skips and flags by a key", async () => {
    const [first, second, third] = (await waiting(3)) as [string, string, string];
    // The first is answered, put right, the second flagged, the third skipped, and then answered as nothing else waits.
    const { status, stdout } = await review("x\n1\nu\n2\nf\nno idea\ns\n3\n");
    expect([status, stdout.match(/(\d) answered/)?.[1]]).toEqual([0, "2"]);
    expect(stdout).toContain("edge 1");
    expect([await labelOf(first), await labelOf(third)]).toEqual(["b", "c"]);
    const [flagged] = await ladder.client("review").flagged(model);
    expect([flagged?.id, flagged?.reason]).toEqual([second, "no idea"]);
  });

  it("goes by Label Studio: a file of tasks with its setup, and back", async () => {
    const [first, second] = (await waiting(2)) as [string, string];
    const file = join(ladder.folder, "tasks.json");
    const exported = await review("", "--export", file, "--json");
    expect(JSON.parse(exported.stdout)).toMatchObject({ tasks: 2, file });
    expect(await readFile(join(ladder.folder, "tasks.config.xml"), "utf8")).toContain('<Choice value="c"/>');
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
    await writeFile(file, "{}");
    expect(await review("", "--import", file)).toMatchObject({ status: 1 });
    await writeFile(file, "[");
    expect((await review("", "--import", file)).stdout).toContain("tasks.json");
  });
});
