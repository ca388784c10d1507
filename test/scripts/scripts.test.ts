import { mkdtemp, readFile, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "#core/hash.ts";
import { parseTokens } from "#core/tokens.ts";
import { formatTable } from "#scripts/local/output.ts";
import { checkPort } from "#scripts/local/ports.ts";
import { root } from "#scripts/local/process.ts";
import { ensureSecrets } from "#scripts/local/secrets.ts";
import { createProgram } from "#scripts/program.ts";
import { failure, runScript, upriver } from "./upriver.ts";

// No ladder runs at this address.
const env = { ...process.env, UPRIVER_URL: "http://127.0.0.1:1", UPRIVER_TOKEN: "t" };
const verbs = (await createProgram()).commands;
const run = (...args: string[]) => upriver(args, { env });

describe("npx upriver --help", () => {
  it("lists every command", async () => {
    const { stdout, status } = await run("--help");
    expect(status).toBe(0);
    for (const verb of verbs) expect(stdout).toContain(`  ${verb.name()} `);
  });

  it("describes a command with --json and an example", async () => {
    const { status, stdout } = await run("rollout", "--help");
    expect([status, stdout.includes("--json"), stdout.includes("npx upriver rollout")]).toEqual([0, true, true]);
  });

  it.each(verbs.map((verb) => [verb.name(), verb] as const))(
    "has --json, an example and no unexplained argument for %s",
    (name, verb) => {
      let help = "";
      verb.configureOutput({ writeOut: (text) => (help += text) });
      verb.outputHelp();
      expect(help).toContain("--json");
      expect(help).toContain(`npx upriver ${name}`);
      expect(verb.registeredArguments.filter(({ description }) => description === "")).toEqual([]);
    },
  );
});

describe("npx upriver", () => {
  const mistakes: [string, number, string][] = [
    [
      "trian storefront",
      2,
      "There is no command 'trian'. Did you mean train?\nRun 'npx upriver --help' for all commands.",
    ],
    ["fly", 2, "There is no command 'fly'."],
    ["train", 2, "Missing argument: <recipe>.\nRun 'npx upriver train --help' for its usage."],
    ["replay", 2, "Missing argument: <recipe>."],
    ["replay storefront --from yesterday", 2, "--from must be a date such as 2014-01-31; received 'yesterday'."],
    ["replay storefront --from 2014-02-30", 2, "--from must be a date such as 2014-01-31; received '2014-02-30'."],
    ["rollout storefront two", 2, "<version> must be a whole number of 1 or more; received 'two'."],
    ["rollout storefront 2 --share 5", 2, "--share must be a number above 0 and below 1; received 5."],
    ["rollout storefront 2 --shar 5", 2, "There is no option --shar. Did you mean --share?"],
    ["rollback storefront 2", 2, "Too many arguments: expected at most 1, received 2."],
    ["train storefront --backend abacus", 2, "--backend must be one of "],
    ["train nothing", 1, "There is no recipe 'nothing': neither"],
    ["new shop no-such.csv --label x", 1, "There is no file or folder at no-such.csv. Check the path."],
    ["new Shop shop.csv --label x", 2, "<name> must be lower-case letters"],
    ["publish no-such-folder.recipe.json", 1, "no-such-folder.recipe.json"],
    [
      "ask storefront {region:lagoon}",
      2,
      "'{region:lagoon}' is not an instance. Give a JSON object (in single quotes)",
    ],
  ];
  it.each(mistakes)("explains the mistake in '%s'", async (line, code, text) => {
    const { status, stderr } = await failure(...line.split(" "));
    expect(status).toBe(code);
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/Error in|\n {4}at |ENOENT|error:/);
  });

  it("exits with 2 for wrong usage and with 1 for a failure, and prints no stack", async () => {
    const [unknown, usage, failed] = await Promise.all([run("fly"), run("rollout", "shop", "two"), run("status")]);
    expect(unknown).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining("no command 'fly'") });
    expect(usage).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(/^<version> must be [^\n]*\n$/),
    });
    expect(failed).toMatchObject({ status: 1, stdout: "" });
    expect(failed.stderr).toBe(
      "http://127.0.0.1:1 did not answer: connection failed. Check the address; 'npm start' runs an edge on this machine.\n",
    );
  });
});

describe("scripts/install.mjs", () => {
  it("does nothing when everything is installed", async () => {
    const { stdout, stderr, status } = await runScript(join(root, "scripts/install.mjs"), []);
    expect([stdout, stderr, status]).toEqual(["", "", 0]);
  });
});

describe("checkPort", () => {
  it("names the option when the port is in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(checkPort(port, "UPRIVER_PORT")).rejects.toThrow(`Port ${port} is taken`);
    await expect(checkPort(port, "UPRIVER_PORT")).rejects.toThrow("UPRIVER_PORT=<port> npm start");
    server.close();
  });
});

describe("ensureSecrets", () => {
  it("makes the secrets once, readable by their owner only, with hashes of the tokens for the Worker", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upriver-secrets-"));
    const made = await ensureSecrets(folder, { edge: 1, origin: 2 });
    expect(await ensureSecrets(folder, { edge: 1, origin: 2 })).toEqual(made);
    for (const file of [".dev.vars", ".upriver/credentials.json"]) {
      expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    }
    const vars = await readFile(join(folder, ".dev.vars"), "utf8");
    for (const token of Object.values(made.tokens)) expect(vars).not.toContain(token);
    expect(vars).not.toContain(made.signingKey.pkcs8);
    const tokens = parseTokens("UPRIVER_TOKENS", /^UPRIVER_TOKENS='(.*)'$/m.exec(vars)?.[1] ?? "");
    expect(tokens.find(({ id }) => id === "ask")?.sha256).toBe(await sha256Hex(made.tokens.ask));
  });
});

describe("table", () => {
  it("aligns its columns", () => {
    expect(
      formatTable([
        ["a", "bb"],
        ["ccc", null],
      ]),
    ).toBe("a    bb\nccc  –");
  });
});
