import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "#scripts/local/ports.ts";
import { root } from "#scripts/local/process.ts";
import { seeded } from "../helpers/random.ts";

const run = promisify(execFile);
const minutes = { timeout: 180_000 };

let folder: string;
let project: string;
let env: NodeJS.ProcessEnv;
let dev: ChildProcess | null = null;

/** Installs what `npm pack` makes into an empty folder. Dependencies are linked: npm would need a minute for them. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-installed-"));
  await run("npm", ["pack", "--pack-destination", folder, "--loglevel=error"], { cwd: root });
  const [tarball = ""] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  const modules = join(folder, "node_modules");
  await mkdir(join(modules, "upriver"), { recursive: true });
  await run("tar", ["-xzf", join(folder, tarball), "-C", join(modules, "upriver"), "--strip-components=1"]);
  for (const name of await readdir(join(root, "node_modules"))) {
    if (name !== ".cache") await symlink(join(root, "node_modules", name), join(modules, name));
  }
  project = join(folder, "shop");
  const ports = { UPRIVER_PORT: String(await freePort()), UPRIVER_ORIGIN_PORT: String(await freePort()) };
  env = {
    ...process.env,
    ...ports,
    XDG_CONFIG_HOME: join(folder, "config"),
    CI: "true",
    WRANGLER_SEND_METRICS: "false",
  };
  delete env.UPRIVER_FOLDER;
  // The other tests silence wrangler.
  delete env.WRANGLER_LOG;
}, 180_000);
afterAll(async () => {
  dev?.kill("SIGINT");
  await new Promise((resolve) => (dev?.exitCode === null ? dev.once("exit", resolve) : resolve(null)));
  await rm(folder, { recursive: true, force: true });
});

const bin = () => join(folder, "node_modules/upriver/scripts/upriver.mjs");

async function upriver(...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [bin(), ...args], {
    cwd: existsSync(project) ? project : folder,
    env,
  });
  return stdout;
}

/** Patients of four hospitals: 13 columns, of which a third of the values is missing. */
function patients(rows: number): string {
  const random = seeded(8);
  const names = Array.from({ length: 13 }, (_, i) => `c${i + 1}`);
  const lines = Array.from({ length: rows }, () => {
    const values = names.map((_, i) => (i % 4 === 3 ? (random() < 0.5 ? "a" : "b") : (random() * 10).toFixed(2)));
    const isIll = Number(values[0]) + Number(values[1]) + (values[3] === "a" ? 4 : 0) > 11;
    const shown = values.map((value) => (random() < 1 / 3 ? "" : value));
    return [`site-${Math.floor(random() * 4)}`, ...shown, isIll ? "yes" : "no"].join(",");
  });
  return [["hospital", ...names, "disease"].join(","), ...lines].join("\n");
}

describe("the installed package", () => {
  it("makes a project, and says its version", minutes, async () => {
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    expect((await upriver("--version")).trim()).toBe(version);
    expect(await upriver("init", "shop")).toContain("npx upriver new");
    expect((await readdir(project)).sort()).toEqual([
      ".gitignore",
      "README.md",
      "example.recipe.json",
      "package.json",
      "wrangler.toml",
    ]);
  });

  it("makes a recipe of a table and trains it", minutes, async () => {
    await writeFile(join(project, "heart.csv"), patients(300));
    const plan = await upriver("new", "heart", "heart.csv", "--label", "disease", "--region", "hospital");
    expect(plan).toMatch(/hospital: 4 \(site-/);
    // How good the networks are does not matter here.
    const recipe = join(project, "heart.recipe.json");
    await writeFile(recipe, (await readFile(recipe, "utf8")).replace(/"epochs": \d+/, '"epochs": 5'));
    const trained = JSON.parse(await upriver("train", "heart", "--json", "--test", "heart.csv"));
    expect(trained.test.full).toMatchObject({ n: 300, accuracy: expect.any(Number) });
  });

  it("runs the ladder, asks about a row, takes its truth, tells its way and replays the data", minutes, async () => {
    await startDev();
    const asked = JSON.parse(await upriver("ask", "heart", "--row", "5", "--json"));
    expect(asked).toMatchObject({ model: "heart", truth: expect.stringMatching(/yes|no/) });
    expect(await upriver("teach", asked.id, asked.truth)).toContain(`${asked.truth}, by truth`);
    const way = await upriver("why", asked.id);
    expect(way).toContain("by token 'teach'");
    expect(way).toContain(`label      ${asked.truth}, by truth`);
    const report = JSON.parse(await upriver("replay", "heart", "--json", "--forget"));
    expect(report).toMatchObject({ model: "heart", from: null, questions: expect.any(Number) });
    const second = await run(process.execPath, [bin(), "dev"], { cwd: project, env }).catch((error) => error);
    expect(second.stderr).toMatch(/already runs in .*shop: http:\/\/127\.0\.0\.1:\d+ \(process \d+\)/);
  });

  it("has what the container of a node copies, which enrols and starts by its own command", minutes, async () => {
    const lines = (await readFile(join(root, "workers/node/Containerfile"), "utf8")).split("\n");
    // After the stage that installs dependencies.
    const own = lines.slice(lines.findIndex((line) => line.startsWith("FROM debian")));
    const copied = own.filter((line) => /^COPY (?!--from)/.test(line)).flatMap((line) => line.split(" ").slice(1, -1));
    const container = join(folder, "container");
    await mkdir(container);
    for (const path of copied) {
      await cp(join(folder, "node_modules/upriver", path), join(container, path), { recursive: true });
    }
    await symlink(join(root, "node_modules"), join(container, "node_modules"));
    const [, entry = "[]"] = own.find((line) => line.startsWith("ENTRYPOINT "))?.split("ENTRYPOINT ") ?? [];
    const [, ...args] = (JSON.parse(entry) as string[]).map((arg) => arg.replace("/data", join(folder, "data")));
    const { command } = JSON.parse(await upriver("node", "invite", "shop-1", "--json"));
    const [, above] = /(--above \S+)/.exec(command) as unknown as [string, string];
    const [, enrol] = /(--enrol \S+)/.exec(command) as unknown as [string, string];
    const more = [...above.split(" "), ...enrol.split(" "), "--port", String(await freePort()), "--json"];
    const node = spawn(process.execPath, [...args, ...more], {
      cwd: container,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(node, "exit");
    const [line] = await Promise.race([once(node.stdout, "data"), ended.then(() => ["{}"])]);
    const { node: id, url } = JSON.parse(String(line));
    expect([id, (await fetch(`${url}/console/`)).status]).toEqual(["shop-1", 200]);
    expect(await upriver("status", "--json")).toContain('"id":"shop-1"');
    node.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });

  it("bundles what a deploy would upload, and prints no secret", minutes, async () => {
    const { stdout, stderr } = await run(process.execPath, [bin(), "deploy", "--dry-run"], { cwd: project, env });
    expect(stderr).toMatch(/Total Upload/);
    expect(stdout).toContain(`A deploy would write its secrets to ${join(folder, "config/upriver/shop.json")}`);
    expect(existsSync(join(folder, "config/upriver"))).toBe(false);
  });

  it("writes nothing into itself", async () => {
    const written = await readdir(join(folder, "node_modules/upriver"), { recursive: true });
    expect(written.filter((name) => /\.upriver|\.wrangler|\.dev\.vars|\.cache/.test(name))).toEqual([]);
  });
});

function startDev(): Promise<void> {
  const child = spawn(process.execPath, [bin(), "dev", "--json"], { cwd: project, env });
  dev = child;
  let printed = "";
  return new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      printed += chunk;
      if (printed.includes('"edge"')) resolve();
    });
    child.stderr.on("data", (chunk) => {
      printed += chunk;
    });
    child.once("exit", (code) => reject(new Error(`it ended with ${code}: ${printed}`)));
  });
}
