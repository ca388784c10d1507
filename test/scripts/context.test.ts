import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { findToken, parseTokens } from "#core/tokens.ts";
import { ensureSecrets } from "#scripts/local/secrets.ts";
import { credentialsPath } from "#scripts/local/state.ts";
import { upriver } from "./upriver.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-context-"));
});

/** Runs a command in a folder where npm start never ran. */
function run(args: string[], environment: Record<string, string> = {}) {
  const { UPRIVER_URL, UPRIVER_TOKEN, SIGNING_KEY, ...rest } = process.env;
  return upriver(args, { env: { ...rest, UPRIVER_FOLDER: folder, ...environment } });
}

describe("a command where npm start never ran", () => {
  it("says that no edge is known and what to do", async () => {
    const { status, stdout, stderr } = await run(["status"]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(
      "No edge is known. Run 'npm start' here, or name one with --url and --token (UPRIVER_URL, UPRIVER_TOKEN).\n",
    );
  });

  it("prefers --url to the environment", async () => {
    const { status, stderr } = await run(["--url", "http://127.0.0.1:1", "status"], {
      UPRIVER_URL: "http://127.0.0.1:2",
    });
    expect(status).toBe(1);
    expect(stderr).toContain("http://127.0.0.1:1 did not answer");
  });
});

describe("the secrets that npm start makes", () => {
  it("hold only the next rung's token in plain text, and keep their tokens on other ports", async () => {
    const made = await ensureSecrets(folder, { edge: 1, origin: 2 });
    const vars = await readFile(join(folder, ".dev.vars"), "utf8");
    const inVars = vars.split("\n").filter((line) => line.includes(made.originToken));
    expect(inVars).toEqual([`NEXT_RUNG_TOKEN='${made.originToken}'`]);
    const moved = await ensureSecrets(folder, { edge: 3, origin: 4 });
    expect(moved).toEqual({ ...made, edge: "http://127.0.0.1:3", origin: "http://127.0.0.1:4" });
    expect(await readFile(join(folder, ".dev.vars"), "utf8")).toBe(vars);
  });

  it("differ between deployments", async () => {
    const other = await ensureSecrets(await mkdtemp(join(tmpdir(), "upriver-context-")), { edge: 1, origin: 2 });
    const made = await ensureSecrets(folder, { edge: 1, origin: 2 });
    const secrets = [made, other].flatMap(({ tokens, originToken, signingKey }) => [
      ...Object.values(tokens),
      originToken,
      signingKey.pkcs8,
    ]);
    expect(new Set(secrets).size).toBe(secrets.length);
  });

  it("gain a token for a new scope and keep the others", async () => {
    const old = await mkdtemp(join(tmpdir(), "upriver-context-"));
    const made = await ensureSecrets(old, { edge: 1, origin: 2 });
    const varsPath = join(old, ".dev.vars");
    const tokensIn = (vars: string) => parseTokens("UPRIVER_TOKENS", parseEnv(vars).UPRIVER_TOKENS as string);
    const vars = await readFile(varsPath, "utf8");
    const before = tokensIn(vars).filter(({ id }) => id !== "metrics");
    await writeFile(varsPath, vars.replace(/^UPRIVER_TOKENS=.*$/m, `UPRIVER_TOKENS='${JSON.stringify(before)}'`));
    const { metrics: _, ...tokens } = made.tokens;
    await writeFile(credentialsPath(old), JSON.stringify({ ...made, tokens }));

    const known = await ensureSecrets(old, { edge: 1, origin: 2 });
    expect(known).toEqual({ ...made, tokens: { ...tokens, metrics: expect.stringMatching(/^up_metrics_/) } });
    expect(JSON.parse(await readFile(credentialsPath(old), "utf8"))).toEqual(known);
    const now = await readFile(varsPath, "utf8");
    const added = await findToken(tokensIn(now), `Bearer ${known.tokens.metrics}`);
    expect(added?.scopes).toEqual(["metrics"]);
    expect(tokensIn(now)).toEqual([...before, added]);
    expect(parseEnv(now)).toEqual({ ...parseEnv(vars), UPRIVER_TOKENS: expect.any(String) });
    expect(await ensureSecrets(old, { edge: 1, origin: 2 })).toEqual(known);
    expect(await readFile(varsPath, "utf8")).toBe(now);
  });
});
