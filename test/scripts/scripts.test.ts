import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sha256Hex } from "#core/hash.ts";
import { parseTokens } from "#core/tokens.ts";
import { table } from "#scripts/local/output.ts";
import { checkPort } from "#scripts/local/ports.ts";
import { bin, root } from "#scripts/local/process.ts";
import { ensureSecrets } from "#scripts/local/secrets.ts";

const upriver = (...args: string[]) =>
  spawnSync("node", [join(root, "scripts/upriver.mjs"), ...args], {
    encoding: "utf8",
    env: { ...process.env, UPRIVER_URL: "http://127.0.0.1:1", UPRIVER_TOKEN: "t" },
  });

describe("upriver", () => {
  it("has help, with an example, for every verb", () => {
    const { stdout, status } = upriver("--help");
    expect(status).toBe(0);
    for (const verb of ["train", "publish", "rollout", "rollback", "ask", "status", "review", "retrain", "replay"]) {
      expect(stdout).toContain(`  ${verb} `);
      const help = upriver(verb, "--help");
      expect([help.status, help.stdout.includes("--json"), help.stdout.includes("npx upriver")]).toEqual([
        0,
        true,
        true,
      ]);
    }
  });

  it("ends with 2 where it is used wrongly, with 1 and a next step where it can't do it", () => {
    expect(upriver("replay", "weather").status).toBe(2);
    expect(upriver("fly").status).toBe(2);
    const unknown = upriver("train", "nothing");
    expect([unknown.status, unknown.stderr]).toEqual([
      1,
      "There is no recipe 'nothing'; there are: storefront, weather, fashion.\n",
    ]);
    const away = upriver("status");
    expect(away.status).toBe(1);
    expect(away.stderr).toContain("npm start");
    expect(upriver("replay", "storefront", "--from", "yesterday").stderr).toContain("--from must be a date");
  });
});

describe("install", () => {
  it("does nothing where all is there", () => {
    const { stdout, stderr, status } = spawnSync(bin("node"), [join(root, "scripts/install.mjs")], {
      encoding: "utf8",
    });
    expect([stdout, stderr, status]).toEqual(["", "", 0]);
  });
});

describe("a taken port", () => {
  it("is a clear error that names the option", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(checkPort(port, "UPRIVER_PORT")).rejects.toThrow(`Port ${port} is taken`);
    await expect(checkPort(port, "UPRIVER_PORT")).rejects.toThrow("UPRIVER_PORT=<port> npm start");
    server.close();
  });
});

describe("secrets", () => {
  it("are made once, readable by their owner alone; the Worker gets hashes of tokens", async () => {
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

describe("a table", () => {
  it("is printed in aligned columns", () => {
    expect(
      table([
        ["a", "bb"],
        ["ccc", null],
      ]),
    ).toBe("a    bb\nccc  –");
  });
});
