import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startServer } from "../helpers/http-server.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);
const bin = (name: string) => join(root, "node_modules/.bin", name);

let folder: string;
let installed: string;

// As npm installs it: the files of the package in an empty project.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-package-"));
  installed = join(folder, "node_modules/@upriver/client");
  await mkdir(installed, { recursive: true });
  const source = join(root, "workers/client");
  await run(bin("node"), [join(root, "scripts/build-client.ts"), join(installed, "dist")]);
  for (const file of ["package.json", "README.md"]) await cp(join(source, file), join(installed, file));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("has no dependencies and no imports from outside", async () => {
  const { dependencies, files } = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  expect(dependencies).toBeUndefined();
  expect(files).toEqual(["dist", "README.md"]);
  for (const file of await readdir(join(installed, "dist"), { recursive: true })) {
    if (!/\.(js|d\.ts)$/.test(file)) continue;
    const text = await readFile(join(installed, "dist", file), "utf8");
    const imported = [...text.matchAll(/(?:^|;|\n|\})(?:import|export)[^;"]*?from\s*"([^"]+)"/g)].map(
      ([, from]) => from as string,
    );
    const own = file === "device/files.js" ? /^\S+ (\.\/|node:)/ : /^\S+ \.\.?\//;
    for (const from of imported) expect(`${file}: ${from}`).toMatch(own);
  }
});

it("has types that compile in strict mode", async () => {
  await writeFile(
    join(folder, "user.ts"),
    `import { type Answer, ProblemError, UpriverClient } from "@upriver/client";
import { type DeviceAnswer, openDevice } from "@upriver/client/device";
import { fileStorage } from "@upriver/client/device/files";
const upriver = new UpriverClient({ url: "https://edge.example", token: "t" });
export async function label(): Promise<string> {
  const answer: Answer = await upriver.ask("storefront", { region: "lagoon", temperature: 31 }, { deadlineMs: 500 });
  const scores: Record<string, number> = answer.scores;
  for await (const next of upriver.stream(answer)) console.log(next.status === "open", scores);
  return (await upriver.wait(answer.id)).label;
}
export async function onDevice(): Promise<DeviceAnswer> {
  const own = { model: "storefront", region: "lagoon", storage: await fileStorage("device") };
  const device = await openDevice({ url: "https://edge.example", token: "t", ...own });
  device.on("answer", ({ label, rung }) => console.log(label, rung === "device"));
  return device.wait(await device.ask({ temperature: 31 }), { deadlineMs: 500 });
}
export const kind = (error: unknown): string | null => (error instanceof ProblemError ? error.problem.next : null);
// @ts-expect-error: an answer has no such field
export const wrong = (answer: Answer) => answer.lable;
`,
  );
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck", "false"];
  const how = [
    "--noEmit",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--lib",
    "es2024,dom,dom.iterable",
    "--types",
    "",
  ];
  const checked = run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...strict, ...how, "user.ts"], {
    cwd: folder,
  });
  await checked.catch(({ stdout }: { stdout: string }) => expect(stdout).toBe(""));
});

it("runs in Node without a build step", async () => {
  const { url, stop } = await startServer((_, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"models":[{"model":"here"}]}');
  });
  try {
    const program = `import { UpriverClient } from "@upriver/client";
      import { openDevice } from "@upriver/client/device";
      const refused = await openDevice({ url: "${url}", token: "t", model: "m", region: "r" }).catch(({ name }) => name);
      console.log(JSON.stringify([await new UpriverClient({ url: "${url}" }).models(), refused]));`;
    await writeFile(join(folder, "user.js"), program);
    const { stdout } = await run(bin("node"), ["user.js"], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual([[{ model: "here" }], "DeviceError"]);
  } finally {
    stop();
  }
});
