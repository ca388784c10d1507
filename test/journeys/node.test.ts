import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "#scripts/local/ports.ts";
import { markOf, writeMarks } from "#scripts/node/marks.ts";
import { startNode } from "#scripts/node/start.ts";
import { type NodeState, pathsOf, readNode, saveNode } from "#scripts/node/state.ts";
import { testModel } from "../helpers/model.ts";
import { type NodeProcess, startNodeProcess } from "../helpers/node-process.ts";
import { upriver } from "../scripts/upriver.ts";
import { publishOn, type SharedLadder, sharedLadder } from "./ladder.ts";

let ladder: SharedLadder;
let folder: string;
let data: string;
let port: number;
let node: NodeProcess;
/** The command that the invitation printed, without `npx upriver node` and the folder. */
let enrol: string[];

const start = (more: readonly string[] = []) => startNodeProcess(data, ["--port", String(port), ...more]);
const above = () => ["--url", ladder.credentials.edge, "--token", ladder.credentials.tokens.admin];
const refused = (...args: string[]) => upriver(["node", ...args]);

beforeAll(async () => {
  ladder = await sharedLadder();
  folder = await mkdtemp(join(tmpdir(), "upriver-node-"));
  data = join(folder, "plant");
  port = await freePort();
  const { stdout } = await upriver(["node", "invite", "plant-7", "--share", "sums", "--json", ...above()]);
  const { command } = JSON.parse(stdout) as { command: string };
  expect(command).toMatch(/^npx upriver node --above \S+ --data plant-7 --enrol up_plant-7_\S+$/);
  enrol = command
    .split(" ")
    .slice(3)
    .filter((part) => part !== "--data" && part !== "plant-7");
  node = await start(enrol);
  await publishOn(
    { client: node.client, credentials: { ...ladder.credentials, tokens: node.state.tokens } },
    await testModel({ model: "machine", threshold: 2, policy: { ladder: ["edge", "region", "human"], keep: "all" } }),
  );
}, 300_000);
afterAll(async () => {
  await node?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("upriver node", () => {
  it("enrols at its first start, keeps its secrets to itself, and needs its folder alone afterwards", async () => {
    expect(node.state).toMatchObject({ id: "plant-7", share: "sums", above: ladder.credentials.edge });
    expect((await stat(pathsOf(data).state)).mode & 0o777).toBe(0o600);
    const [known] = (await ladder.client("admin").nodes()).filter(({ id }) => id === "plant-7");
    expect(known).toMatchObject({ share: "sums", enrolledAt: expect.any(Number), revokedAt: null });
    expect((await upriver(["status", "--once", ...above()])).stdout).toMatch(/plant-7 +(enrolled|up) .*sums/);
    expect((await fetch(`${node.url}/console/`)).status).toBe(200);
    expect(await node.client("ask").token()).toMatchObject({ id: "ask", node: "plant-7" });
    const asked = await node.client("teach").ask("machine", { region: "north", x0: 1, x1: 1, x2: 1, x3: 1 });
    expect(await node.stop("SIGINT")).toBe(0);
    expect(existsSync(pathsOf(data).running)).toBe(false);
    node = await start(enrol);
    expect(node.printed()).toContain("is node 'plant-7' already: --enrol is not used");
    expect((await node.client("teach").question(asked.id)).id).toBe(asked.id);
  });

  it("says what is wrong before it changes anything", async () => {
    const cases: [RegExp, string[]][] = [
      [/--data <folder> is required/, []],
      [/is no node yet: --above <url> and --enrol <token> are required/, ["--data", join(folder, "none")]],
      [/--enrol must be the token/, ["--data", join(folder, "none"), "--above", "http://127.0.0.1:9", "--enrol", "x"]],
      [
        /A node runs in .*plant already: http:\S+ \(process \d+\)/,
        ["--data", data, "--port", String(await freePort())],
      ],
      [/valid once, for 15 minutes/, ["--data", join(folder, "none"), ...enrol]],
    ];
    const failed = await Promise.all(cases.map(([, args]) => refused(...args)));
    for (const [i, [message]] of cases.entries()) expect(failed[i]?.stderr).toMatch(message);
    expect(failed.map(({ status }) => status)).toEqual([2, 2, 2, 1, 1]);
    const again = await upriver(["node", "invite", "teach", ...above()]);
    expect(again.status).toBe(0);
  });

  it("ends with a message where workerd ends", async () => {
    process.kill(node.workerd, "SIGKILL");
    expect(await node.ended).toBe(1);
    expect(node.printed()).toMatch(/workerd of node 'plant-7' ended \(SIGKILL\)\. The end of its log/);
    node = await start();
  });

  it("starts again after it was killed alone, and ends the workerd that it left", async () => {
    const { workerd } = node;
    expect(await node.stop("SIGKILL")).toBe(null);
    expect(await markOf(workerd)).not.toBe(null);
    node = await start();
    expect(await markOf(workerd)).toBe(null);
    expect(node.workerd).not.toBe(workerd);
  });

  it("wakes a workerd that a killed backup left standing", async () => {
    process.kill(node.workerd, "SIGSTOP");
    await writeMarks(pathsOf(data).backup, { pid: 1, began: "before" });
    const answer = await fetch(`${node.url}/healthz`, { signal: AbortSignal.timeout(30_000) });
    expect(answer.status).toBe(200);
  });

  it("withdraws what it has contributed, and takes keys that change above, while it runs", async () => {
    const withdrawn = await upriver(["node", "withdraw", "--data", data]);
    expect(withdrawn.stdout).toContain("Node 'plant-7' shares nothing from now on, and none of its sums are above.");
    expect((await node.client("metrics").ladder()).uplink).toMatchObject({ share: "nothing", contributions: [] });
    // As if the rung above had rotated its keys since: its next reply has others.
    const known = (await readNode(data)) as NodeState;
    await saveNode(data, { ...known, publishKeys: { other: Object.values(known.publishKeys)[0] as string } });
    await expect.poll(async () => (await readNode(data))?.publishKeys).toEqual(known.publishKeys);
    await expect
      .poll(() =>
        node
          .client("ask")
          .token()
          .catch(() => null),
      )
      .toMatchObject({ node: "plant-7" });
    expect(node.printed()).toContain("The settings of node 'plant-7' have changed");
  });

  it("says so where its token was revoked or the rung above is away, and serves what it has", async () => {
    await node.stop();
    node = await start(["--above", `http://127.0.0.1:${await freePort()}`]);
    expect(node.printed()).toContain("does not answer. The node starts with what it has");
    await node.stop();
    expect((await upriver(["token", "revoke", "plant-7", ...above()])).status).toBe(0);
    node = await start(["--above", ladder.credentials.edge]);
    expect(node.printed()).toContain("refuses the token of 'plant-7': it was revoked. The node serves what it has");
    expect((await node.client("ask").models()).map(({ model }) => model)).toContain("machine");
  });
});

describe("a backup of a node", () => {
  const instance = (i: number) => ({ region: "north", x0: (i % 97) / 10, x1: i, x2: 1, x3: 1 });

  it("under load has each question that was answered before its moment", async () => {
    const client = node.client("teach");
    const answered = new Map<string, number>();
    let isOver = false;
    let n = 0;
    const askers = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        const { id } = await client.ask("machine", instance(n++));
        answered.set(id, Date.now());
      }
    });
    await expect.poll(() => answered.size).toBeGreaterThan(100);
    const target = join(folder, "backup.tar.gz");
    const made = await upriver(["node", "backup", target, "--data", data, "--json"]);
    const { at, pausedMs, files } = JSON.parse(made.stdout) as { at: number; pausedMs: number; files: number };
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    const during = answered.size;
    await expect.poll(() => answered.size).toBeGreaterThan(during + 20);
    isOver = true;
    await Promise.all(askers);
    console.log(`${answered.size} questions, ${files} files, the node stood still for ${pausedMs.toFixed(1)} ms`);
    await node.stop();

    const original = data;
    data = join(folder, "restored");
    expect((await upriver(["node", "restore", target, "--data", data])).stdout).toContain("must not run any more");
    expect((await readdir(data)).sort()).toEqual(["node.json", "objects"]);
    expect((await stat(pathsOf(data).state)).mode & 0o777).toBe(0o600);
    node = await start();
    const before = [...answered].filter(([, answeredAt]) => answeredAt < at).map(([id]) => id);
    expect(before.length).toBeGreaterThan(100);
    const restored = node.client("teach");
    const kept = await Promise.all(
      before.map((id) =>
        restored.question(id).then(
          () => 1,
          () => 0,
        ),
      ),
    );
    expect(kept.filter((one) => one === 0)).toEqual([]);
    expect((await restored.ask("machine", instance(1))).status).toBe("open");
    expect(existsSync(pathsOf(original).backup)).toBe(false);
  }, 300_000);

  it("of a node that stands still is a folder; what is in the way is refused", async () => {
    const target = join(folder, "backup");
    await node.stop();
    expect((await upriver(["node", "backup", target, "--data", data])).stdout).toMatch(/backup: node 'plant-7' as of/);
    expect([(await stat(target)).mode & 0o777, (await stat(pathsOf(target).state)).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);
    node = await start();
    const cases: [RegExp, string[]][] = [
      [/backup exists\. Name a file or folder that does not exist yet/, ["backup", target, "--data", data]],
      [/There is no node in/, ["backup", join(folder, "other"), "--data", join(folder, "none")]],
      [/A node runs in .*restored/, ["restore", target, "--data", data]],
      [/is not empty: nothing was restored/, ["restore", target, "--data", folder]],
      [/is no backup of a node/, ["restore", data, "--data", join(folder, "new")]],
      [/is no archive that 'tar' can read/, ["restore", pathsOf(data).state, "--data", join(folder, "new")]],
    ];
    for (const [message, args] of cases) expect((await refused(...args)).stderr).toMatch(message);
    expect(existsSync(join(folder, "new"))).toBe(false);
    const left = (await readdir(folder)).filter((name) => /making|restoring/.test(name));
    expect(left).toEqual([]);
  });
});

describe("a workerd that can't start", () => {
  it.each([
    ["MmapAligned() failed - unable to allocate with tag", /39 bits of address space.*Raspberry Pi OS/],
    ["kj/async-io-unix.c++: bind: Address already in use", /choose another with --port/],
    ["some other end", /It said last:\nsome other end/],
  ])("is explained: %s", async (line, message) => {
    const program = join(folder, `fake-${line.length}`);
    await writeFile(program, `#!/bin/sh\necho '${line}' >&2\nexit 1\n`);
    await chmod(program, 0o755);
    await mkdir(join(folder, "fake"), { recursive: true });
    const options = { data: join(folder, "fake"), host: "127.0.0.1", port: await freePort(), settings: {} };
    await expect(startNode({ ...options, program })).rejects.toThrow(message);
  });
});

describe("the package", () => {
  it("has the workerd that miniflare has", async () => {
    const read = async (path: string) => JSON.parse(await readFile(join(import.meta.dirname, "../..", path), "utf8"));
    const { dependencies } = await read("package.json");
    const miniflare = await read("node_modules/miniflare/package.json");
    expect(dependencies.workerd).toBe(miniflare.dependencies.workerd);
  });
});
