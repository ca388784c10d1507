import { createHash } from "node:crypto";
import { testKeys } from "./keys.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Tokens of the tests, in plain text. */
export const testTokens = [
  { id: "asker", token: "ask-token", scopes: ["ask"] },
  { id: "other", token: "other-token", scopes: ["ask", "teach"] },
  { id: "teacher", token: "teach-token", scopes: ["ask", "teach"] },
  { id: "stranger", token: "stranger-token", scopes: ["ask", "teach"], trusted: false },
  { id: "ada", token: "review-token", scopes: ["ask", "review"] },
  { id: "bob", token: "second-review-token", scopes: ["ask", "review"] },
  { id: "volunteer", token: "volunteer-token", scopes: ["ask", "review"], trusted: false },
  { id: "prometheus", token: "metrics-token", scopes: ["metrics"] },
  { id: "publisher", token: "publish-token", scopes: ["ask", "publish"] },
  { id: "passer", token: "pass-token", scopes: ["ask", "pass"] },
  { id: "admin", token: "admin-token", scopes: ["admin"] },
  { id: "north", token: "north-token", scopes: ["ask"], regions: ["north"] },
  { id: "south", token: "south-token", scopes: ["ask", "metrics"], regions: ["south"] },
  { id: "below", token: "rung-token", scopes: ["ask", "rung"] },
  { id: "slow", token: "slow-token", scopes: ["ask"], limits: { questionsPerMinute: 6 } },
  { id: "few", token: "few-token", scopes: ["ask"], limits: { openQuestions: 3 } },
  { id: "unreviewed", token: "unreviewed-token", scopes: ["ask"], limits: { reviewQuestions: 2 } },
  { id: "narrow", token: "narrow-token", scopes: ["ask"], models: ["another"] },
] as const;

/** Bindings that are secrets in a deployment. */
export const testBindings = {
  UPRIVER_TOKENS: JSON.stringify(
    testTokens.map(({ token, ...rest }) => ({ models: ["*"], regions: ["*"], ...rest, sha256: sha256(token) })),
  ),
  SPLIT_SECRET: "fold-secret-of-the-tests",
  PUBLISH_KEYS: JSON.stringify(testKeys.publish.publicKeys),
  DEPLOYMENT_KEY: JSON.stringify(testKeys.deployment.signing),
  DEPLOYMENT_PUBLIC_KEYS: JSON.stringify(testKeys.deployment.publicKeys),
  NEXT_RUNG_TOKEN: "next-rung-token",
  RUNG_KEY_ABOVE: "sk-secret-of-the-tests",
};
