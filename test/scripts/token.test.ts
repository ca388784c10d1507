import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { sign, signatureFault } from "#core/sign.ts";
import { findToken, parseTokens } from "#core/tokens.ts";
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

  it.concurrent("refuses an unknown scope", async ({ expect }) => {
    const { status, stdout, stderr } = await upriver(["token", "--id", "app", "--scopes", "ask,everything"]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(
      "--scopes must be one or more of ask, rung, teach, review, metrics, publish, pass, admin; received 'everything'.",
    );
  });
});

it.concurrent("upriver key makes a private key and the public key that verifies its signatures", async ({ expect }) => {
  const { signing, publicKeys } = JSON.parse((await upriver(["key", "--id", "2026-12", "--json"])).stdout);
  expect(signing.keyId).toBe("2026-12");
  expect(await signatureFault(await sign({}, signing), publicKeys)).toBeNull();
});
