import { spawnSync } from "node:child_process";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sign, signatureFault } from "#core/sign.ts";
import { findToken, parseTokens } from "#core/tokens.ts";
import { root } from "#scripts/local/process.ts";

function upriver(...args: string[]) {
  return spawnSync("node", [join(root, "scripts/upriver.mjs"), ...args], { encoding: "utf8" });
}

describe("upriver token", () => {
  it("makes a token whose entry the deployment knows it by", async () => {
    const args = ["--id", "grafana at home", "--scopes", "metrics", "--models", "a, b", "--regions", "x", "--json"];
    const { token, entry } = JSON.parse(upriver("token", ...args).stdout);
    expect(token).toMatch(/^up_grafana-at-home_[\w-]{32}$/);
    expect(entry).toMatchObject({ id: "grafana at home", scopes: ["metrics"], models: ["a", "b"], regions: ["x"] });
    const known = parseTokens("UPRIVER_TOKENS", JSON.stringify([entry]));
    expect(await findToken(known, `Bearer ${token}`)).toEqual(entry);
  });

  it("puts entries into a list, the token itself nowhere", async () => {
    const list = join(await mkdtemp(join(tmpdir(), "upriver-token-")), "tokens.json");
    const said = ["ask,teach", "admin"].map(
      (scopes) => upriver("token", "--id", "app", "--scopes", scopes, "--add", list).stdout,
    );
    const text = await readFile(list, "utf8");
    const tokens = said.map((lines) => lines.split("\n")[1] as string);
    const known = parseTokens("list", text);
    const found = await Promise.all(tokens.map((token) => findToken(known, `Bearer ${token}`)));
    expect(found.map((entry) => entry?.scopes)).toEqual([["ask", "teach"], ["admin"]]);
    for (const token of tokens) expect(text).not.toContain(token);
  });

  it("refuses a scope that there is not", () => {
    const { status, stdout, stderr } = upriver("token", "--id", "app", "--scopes", "ask,everything");
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("'everything' is none of ask, teach, review, metrics, publish, admin.");
  });
});

it("upriver key makes a pair of which one half signs and the other one checks", async () => {
  const { signing, publicKeys } = JSON.parse(upriver("key", "--id", "2026-12", "--json").stdout);
  expect(signing.keyId).toBe("2026-12");
  expect(await signatureFault(await sign({}, signing), publicKeys)).toBeNull();
});
