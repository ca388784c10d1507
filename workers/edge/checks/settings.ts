import type { Finding } from "#core/contract/index.ts";
import { sign, signatureFault, signingKeySchema } from "#core/sign.ts";
import type { Call } from "../call.ts";
import { faulty, looked, sound } from "./finding.ts";

const secretMinChars = 16;

/** What the deployment is bound to, and its keys, secrets and tokens. */
export function checkSettings({ env, node }: Call): Promise<Finding[]> {
  return Promise.all([
    looked("bucket", "Bind an R2 bucket as ARTEFACTS in wrangler.toml, and deploy again.", async () => {
      await env.ARTEFACTS.list({ limit: 1 });
      return "R2 answers";
    }),
    looked("cache", "Bind a KV namespace as CACHE in wrangler.toml, and deploy again.", async () => {
      await env.CACHE.get("doctor");
      return "KV answers";
    }),
    looked(
      "keys",
      "Set DEPLOYMENT_PUBLIC_KEYS to the public half of DEPLOYMENT_KEY, and of the one before it.",
      async () => {
        const key = signingKeySchema.parse(JSON.parse(env.DEPLOYMENT_KEY));
        const fault = await signatureFault(await sign({}, key), node.deploymentKeys);
        if (fault) throw new Error(`heads signed with DEPLOYMENT_KEY will be refused: ${fault}`);
        return `heads are signed by '${key.keyId}'`;
      },
    ),
    splitSecret(env),
    tokens(node.tokens),
  ]);
}

function splitSecret({ SPLIT_SECRET }: Env): Finding {
  const length = SPLIT_SECRET?.length ?? 0;
  if (length >= secretMinChars) return sound("split secret", `${length} characters`);
  const remedy = `Set SPLIT_SECRET to ${secretMinChars} random characters or more; changing it deals new samples anew.`;
  return faulty("split secret", `${length} characters: splits could be guessed`, remedy);
}

function tokens(known: Call["node"]["tokens"]): Finding {
  const twice = known.find(({ sha256 }, i) => known.findIndex((other) => other.sha256 === sha256) < i);
  const none = ["ask", "publish", "admin"].filter(
    (scope) => !known.some(({ scopes }) => scopes.includes("admin") || (scopes as string[]).includes(scope)),
  );
  if (twice)
    return faulty(
      "tokens",
      `'${twice.id}' is another's token, too`,
      "Give each id in UPRIVER_TOKENS a token of its own.",
    );
  if (none.length > 0) return faulty("tokens", `none has the scope ${none.join(", ")}`, "Add one to UPRIVER_TOKENS.");
  return sound("tokens", `${known.length}, each its own`);
}
