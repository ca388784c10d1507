import { splitSecretsOf } from "#core/confidence/split-secret.ts";
import { activeTokensMax, type Finding } from "#core/contract/index.ts";
import { sign, signatureFault, signingKeySchema } from "#core/sign.ts";
import { read } from "../access/issued.ts";
import { servesMs } from "../access/token-copy.ts";
import type { Call } from "../call.ts";
import { faulty, looked, sound } from "./finding.ts";

const secretMinChars = 16;

/** Checks the deployment's bindings, keys, secrets and tokens. */
export function checkSettings(call: Call): Promise<Finding[]> {
  const { env, node } = call;
  return Promise.all([
    looked("bucket", "Bind an R2 bucket as ARTEFACTS in wrangler.toml, and deploy again.", async () => {
      await env.ARTEFACTS.list({ limit: 1 });
      return "R2 responds";
    }),
    looked("cache", "Bind a KV namespace as CACHE in wrangler.toml, and deploy again.", async () => {
      await env.CACHE.get("doctor");
      return "KV responds";
    }),
    looked(
      "keys",
      "Set DEPLOYMENT_PUBLIC_KEYS to the public keys of DEPLOYMENT_KEY and of its predecessor.",
      async () => {
        const key = signingKeySchema.parse(JSON.parse(env.DEPLOYMENT_KEY));
        const fault = await signatureFault(await sign({}, key), node.deploymentKeys);
        if (fault) throw new Error(`the edge rejects heads signed with DEPLOYMENT_KEY: ${fault}`);
        return `heads are signed by '${key.keyId}'`;
      },
    ),
    splitSecret(env),
    tokens(node.tokens),
    issuedTokens(call),
  ]);
}

function splitSecret({ SPLIT_SECRET }: Env): Finding {
  const { draws, splits } = splitSecretsOf(SPLIT_SECRET ?? "");
  const length = Math.min(draws.length, splits.length);
  if (length >= secretMinChars) {
    return sound(
      "split secret",
      draws === splits ? `${length} characters` : "rotated: a new one draws, the first splits",
    );
  }
  const remedy = `Set SPLIT_SECRET to at least ${secretMinChars} random characters. To change it later: OPERATIONS.md, Rotate keys.`;
  return faulty("split secret", `${length} characters: too short, splits could be guessed`, remedy);
}

/** Checks that the tokens' object can be reached, and says what the copy here is worth while it can't. */
async function issuedTokens(call: Call): Promise<Finding> {
  const { node } = call;
  const check = "issued tokens";
  try {
    await read(call);
    return sound(check, `${node.issued.size} valid secrets, of ${activeTokensMax} tokens at most`);
  } catch (error) {
    const leftMs = servesMs - node.issued.ageAt(Date.now());
    const serves =
      leftMs > 0 ? `the copy here serves for ${Math.ceil(leftMs / 60_000)} more minutes` : "no copy is here";
    const found = `their object can't be reached, ${serves}: ${String(error)}`;
    const remedy =
      "Check the log of the TOKENS object, and the binding and migrations of wrangler.toml. Tokens in UPRIVER_TOKENS work meanwhile.";
    return faulty(check, found, remedy);
  }
}

function tokens(known: Call["node"]["tokens"]): Finding {
  const twice = known.find(({ sha256 }, i) => known.findIndex((other) => other.sha256 === sha256) < i);
  const none = ["ask", "publish", "admin"].filter(
    (scope) => !known.some(({ scopes }) => scopes.includes("admin") || (scopes as string[]).includes(scope)),
  );
  if (twice)
    return faulty(
      "tokens",
      `'${twice.id}' shares its token with another id`,
      "Give each id in UPRIVER_TOKENS a different token.",
    );
  if (none.length > 0)
    return faulty("tokens", `no token has the scope ${none.join(", ")}`, "Add a token with it to UPRIVER_TOKENS.");
  return sound("tokens", `${known.length}, all different`);
}
