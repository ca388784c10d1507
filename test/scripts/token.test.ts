import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, vi } from "vitest";
import { UpriverClient } from "#client/index.ts";
import { sign, signatureFault } from "#core/sign.ts";
import { findToken, parseTokens } from "#core/tokens.ts";
import { createProgram } from "#scripts/program.ts";
import { sharedCredentials } from "../helpers/shared.ts";
import { upriver } from "./upriver.ts";

describe("upriver token", () => {
  it.concurrent("makes a token that the deployment recognises by its entry", async ({ expect }) => {
    const args = ["--id", "grafana at home", "--scopes", "metrics", "--models", "a, b", "--regions", "x", "--json"];
    const { token, entry } = JSON.parse((await upriver(["token", ...args])).stdout);
    expect(token).toMatch(/^up_grafana-at-home_[\w-]{32}$/);
    expect(entry).toMatchObject({ id: "grafana at home", scopes: ["metrics"], models: ["a", "b"], regions: ["x"] });
    const known = parseTokens("UPRIVER_TOKENS", JSON.stringify([entry]));
    expect(await findToken(known, `Bearer ${token}`)).toEqual(entry);
  });

  it.concurrent("adds entries to a list without the token itself", async ({ expect }) => {
    const list = join(await mkdtemp(join(tmpdir(), "upriver-token-")), "tokens.json");
    const add = (scopes: string) => upriver(["token", "--id", "app", "--scopes", scopes, "--add", list]);
    const printed = [(await add("ask,teach")).stdout, (await add("admin")).stdout];
    const text = await readFile(list, "utf8");
    const tokens = printed.map((lines) => lines.split("\n")[1] as string);
    const known = parseTokens("list", text);
    const found = await Promise.all(tokens.map((token) => findToken(known, `Bearer ${token}`)));
    expect(found.map((entry) => entry?.scopes)).toEqual([["ask", "teach"], ["admin"]]);
    for (const token of tokens) expect(text).not.toContain(token);
  });

  it.concurrent("says what is missing", async ({ expect }) => {
    expect((await upriver(["token"])).stderr).toContain("--id <id> is required, or one of create, list, limit");
    expect((await upriver(["token", "--id", "app"])).stderr).toContain("--scopes <scopes> is required");
  });

  it.concurrent("refuses an unknown scope", async ({ expect }) => {
    const { status, stdout, stderr } = await upriver(["token", "--id", "app", "--scopes", "ask,everything"]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(
      "--scopes must be one or more of ask, rung, teach, contribute, review, metrics, publish, pass, admin; received 'everything'.",
    );
  });
});

describe("upriver token, in a running deployment", () => {
  it("creates, lists, limits, rotates and revokes, and the audit log has it", async ({ expect }) => {
    const { edge, tokens } = await sharedCredentials();
    const printed = vi.spyOn(console, "log").mockImplementation(() => {});
    // Within this process: starting six would take most of the test's time.
    const text = async (...args: string[]): Promise<string> => {
      printed.mockClear();
      const program = await createProgram(args[0]);
      await program.parseAsync([...args, "--url", edge, "--token", tokens.admin], { from: "user" });
      return printed.mock.calls.flat().join("\n");
    };
    const run = async (...args: string[]) => JSON.parse(await text(...args, "--json"));
    const may = async (token: string) => new UpriverClient({ url: edge, token }).token();
    const id = `app-${Date.now()}`;
    const { token, record } = await run(
      "token",
      "create",
      "--id",
      id,
      "--scopes",
      "ask,teach",
      "--open-questions",
      "9",
    );
    expect(record).toMatchObject({ id, trusted: true, limits: { openQuestions: 9 }, models: ["*"], lastUsedAt: null });
    expect(await may(token)).toMatchObject({ id, scopes: ["ask", "teach"], models: ["*"] });
    const limited = await run("token", "limit", id, "--models", "shop,market", "--regions", "north", "--untrusted");
    expect(limited).toMatchObject({
      models: ["shop", "market"],
      regions: ["north"],
      trusted: false,
      limits: { openQuestions: 9 },
    });
    const rotated = await run("token", "rotate", id, "--old-valid-hours", "1");
    expect(await may(token)).toMatchObject({ models: ["shop", "market"] });
    expect(await may(rotated.token)).toMatchObject({ id });
    await run("token", "revoke", id);
    for (const ended of [token, rotated.token]) await expect(may(ended)).rejects.toThrow(/token/);
    expect(await run("token", "list")).toMatchObject({
      tokens: expect.arrayContaining([expect.objectContaining({ id })]),
    });
    const stdout = await text("audit", "--from", "2026-01-01");
    printed.mockRestore();
    const acts = stdout.split("\n").filter((line) => line.includes(id));
    const verbs = acts.map((line) => /admin {2}(\w+) a token/.exec(line)?.[1]);
    expect(verbs).toEqual(["create", "change", "rotate", "revoke"]);
    expect(stdout).not.toContain(token);
  });
});

it.concurrent("upriver key makes a private key and the public key that verifies its signatures", async ({ expect }) => {
  const { signing, publicKeys } = JSON.parse((await upriver(["key", "--id", "2026-12", "--json"])).stdout);
  expect(signing.keyId).toBe("2026-12");
  expect(await signatureFault(await sign({}, signing), publicKeys)).toBeNull();
});
