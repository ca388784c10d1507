import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { freePort } from "#scripts/local/ports.ts";
import { bin, root } from "#scripts/local/process.ts";

const folder = await mkdtemp(join(tmpdir(), "upriver-start-"));
const env = {
  ...process.env,
  UPRIVER_FOLDER: folder,
  UPRIVER_PORT: String(await freePort()),
  UPRIVER_ORIGIN_PORT: String(await freePort()),
};
let running: ChildProcess | null = null;
afterAll(async () => {
  running?.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

/** Runs `npm start` up to its last line; returns what it printed. */
function start(): Promise<{ child: ChildProcess; printed: string }> {
  const child = spawn(bin("node"), [join(root, "scripts/start.ts")], { env });
  running = child;
  let printed = "";
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (chunk) => {
      printed += chunk;
      if (printed.includes("Ctrl-C stops everything")) resolve({ child, printed });
    });
    child.stderr?.on("data", (chunk) => {
      printed += chunk;
    });
    child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${printed}`)));
  });
}

function interrupt(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGINT");
  });
}

const curls = (printed: string) => printed.split("\n").filter((line) => line.startsWith("curl "));
const paste = (line: string) => {
  const { stdout } = spawnSync("sh", ["-c", `${line} -w '\\n%{http_code}'`], { encoding: "utf8" });
  const [status, ...body] = stdout.split("\n").reverse();
  return { status: Number(status), body: JSON.parse(body.reverse().join("\n")) };
};

describe("the first five minutes", () => {
  let asked: Answer;

  it("npm start starts everything and prints commands that work when pasted", async () => {
    const { child, printed } = await start();
    const answers = curls(printed).map(paste);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(answers[0]?.body).toMatchObject({ status: "answered", rung: "edge", accepted: true });
    expect(answers[1]?.body).toMatchObject({ status: "answered", rung: "origin", accepted: true });
    expect(Object.keys(answers[2]?.body.scores)).toHaveLength(3);
    expect(answers[3]?.body).toEqual({ accepted: 1, changed: 1 });
    expect(answers[4]?.body).toMatchObject({ model: "storefront", pointer: { stable: 1 } });
    asked = answers[1]?.body;
    expect(await interrupt(child)).toBe(0);
    await expect(fetch(`http://127.0.0.1:${env.UPRIVER_PORT}/healthz`)).rejects.toThrow();
  });

  it("a second start keeps the data and trains nothing", async () => {
    const { child, printed } = await start();
    expect(printed).not.toContain("training");
    const [first = ""] = curls(printed);
    const question = first
      .replace(/http\S+/, `http://127.0.0.1:${env.UPRIVER_PORT}/v1/questions/${asked.id}`)
      .replace(/ -d .*/, "");
    expect(paste(question)).toEqual({ status: 200, body: asked });
    const other = spawnSync(bin("node"), [join(root, "scripts/start.ts")], { env, encoding: "utf8" });
    expect([other.status, other.stderr]).toEqual([
      1,
      expect.stringMatching(`already runs in ${folder}: http://127.0.0.1:${env.UPRIVER_PORT}`),
    ]);
    expect(await interrupt(child)).toBe(0);
  });
});
