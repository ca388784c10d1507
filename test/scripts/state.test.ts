import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { root } from "#scripts/local/process.ts";
import { ensureSecrets } from "#scripts/local/secrets.ts";
import { checkState, resetState } from "#scripts/local/state.ts";
import { startServer } from "../helpers/http-server.ts";
import { runScript, upriver } from "./upriver.ts";

const refusal =
  /was written by Upriver 0\.1, which this version cannot read\. Run 'npm run reset' to delete it, then 'npm start'\./;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-state-"));
});

const put = async (path: string, text: string) => {
  await mkdir(join(folder, path, ".."), { recursive: true });
  await writeFile(join(folder, path), text);
};
const has = (path: string) => existsSync(join(folder, path));

/** Writes what npm start of version 0.1 left in a folder. */
async function writeState01(edge = "http://127.0.0.1:1"): Promise<void> {
  await put(".dev.vars", "# Made by npm start. See .dev.vars.example.\nFOLD_SECRET='up_fold_x'\n");
  await put(".upriver/credentials.json", JSON.stringify({ edge, origin: edge, tokens: { ask: "up_ask_x" } }));
  await put(".wrangler/state/v3/do/upriver-RegionObject/x.sqlite", "");
}

describe("the local state of version 0.1", () => {
  beforeEach(() => writeState01());

  it("is refused with the command that deletes it, by npm start and by commands that read it", async () => {
    const env = { ...process.env, UPRIVER_FOLDER: folder, UPRIVER_URL: "", UPRIVER_TOKEN: "" };
    const { UPRIVER_URL, UPRIVER_TOKEN, ...rest } = env;
    const ports = { UPRIVER_PORT: "18787", UPRIVER_ORIGIN_PORT: "18788" };
    const [start, status] = await Promise.all([
      runScript(join(root, "scripts/start.ts"), [], { env: { ...rest, ...ports } }),
      upriver(["status"], { env: rest }),
    ]);
    for (const result of [start, status]) {
      expect([result.status, result.stdout]).toEqual([1, ""]);
      expect(result.stderr).toMatch(refusal);
      expect(result.stderr.trim().split("\n")).toHaveLength(1);
    }
    expect(await readFile(join(folder, ".dev.vars"), "utf8")).toContain("FOLD_SECRET");
  });

  it.each([".dev.vars", ".upriver/credentials.json", ".wrangler/state/v3/do/x/y.sqlite"])(
    "is recognised by %s alone",
    async (path) => {
      folder = await mkdtemp(join(tmpdir(), "upriver-state-"));
      await put(path, "FOLD_SECRET='x'\n");
      await expect(checkState(folder)).rejects.toThrow(refusal);
    },
  );

  it("is deleted by npm run reset, which says what it deletes", async () => {
    const env = { ...process.env, UPRIVER_FOLDER: folder };
    const { status, stdout } = await runScript(join(root, "scripts/reset.ts"), [], { env });
    expect(status).toBe(0);
    for (const path of [".upriver", ".wrangler/state", ".dev.vars"]) {
      expect(stdout).toContain(`deleting ${path}\n`);
      expect(has(path)).toBe(false);
    }
    expect(stdout).toContain("Next: npm start");
    await checkState(folder);
    expect((await runScript(join(root, "scripts/reset.ts"), [], { env })).stdout).toContain("There is no local state");
  });
});

describe("the local state of this version", () => {
  it("carries a format mark and is accepted", async () => {
    await ensureSecrets(folder, { edge: 1, origin: 2 });
    expect(await readFile(join(folder, ".upriver/format"), "utf8")).toBe("upriver/2\n");
    await checkState(folder);
  });

  it("is refused when its mark names another format", async () => {
    await put(".upriver/format", "upriver/3\n");
    await expect(checkState(folder)).rejects.toThrow("another version of Upriver (upriver/3)");
  });

  it("is not confused with an empty folder or a .dev.vars of the user", async () => {
    await checkState(folder);
    await put(".dev.vars", "PUBLIC_ASK='on'\n");
    await checkState(folder);
  });
});

describe("a reset", () => {
  it("keeps a .dev.vars that npm start did not make", async () => {
    await put(".dev.vars", "PUBLIC_ASK='on'\n");
    await put(".upriver/format", "upriver/2\n");
    expect(await resetState(folder)).toEqual({ deleted: [".upriver"], kept: [".dev.vars"] });
    expect(has(".dev.vars")).toBe(true);
  });

  it("is refused while the ladder of this folder runs, and not while another one does", async () => {
    let token = "up_ask_x";
    const { url, stop } = await startServer((request, response) => {
      response.writeHead(request.headers.authorization === `Bearer ${token}` ? 200 : 401).end("{}");
    });
    try {
      await writeState01(url);
      await expect(resetState(folder)).rejects.toThrow(`A ladder is running on ${folder}. Stop it with Ctrl-C`);
      expect(has(".upriver")).toBe(true);
      token = "up_ask_of_another_ladder";
      expect((await resetState(folder)).deleted).toContain(".upriver");
    } finally {
      stop();
    }
  });
});
