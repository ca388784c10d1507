import type { Finding, Manifest } from "#core/contract/index.ts";
import { nextRungTimeoutMs } from "#core/rung/rung.ts";
import type { Call } from "../call.ts";
import { faulty, sound } from "./finding.ts";

const check = "next rung";

/** Whether the rung above answers, and takes this node's token. */
export async function checkNextRung({ env }: Call, manifests: readonly Manifest[]): Promise<Finding> {
  const escalating = manifests.filter(({ task, ...rest }) => task === "classify" && escalates(rest as Manifest));
  if (env.NEXT_RUNG_URL === "") {
    if (escalating.length === 0) return sound(check, "none, and no model needs one");
    const names = escalating.map(({ model }) => model).join(", ");
    return faulty(
      check,
      `none, but ${names} escalate to an origin`,
      "Set NEXT_RUNG_URL to the origin, and NEXT_RUNG_TOKEN.",
    );
  }
  try {
    const response = await fetch(`${env.NEXT_RUNG_URL}/v1/status`, {
      headers: { authorization: `Bearer ${env.NEXT_RUNG_TOKEN}` },
      signal: AbortSignal.timeout(nextRungTimeoutMs),
    });
    await response.body?.cancel();
    if (response.ok) return sound(check, `${env.NEXT_RUNG_URL} answers`);
    if (response.status === 401 || response.status === 403) {
      const remedy =
        "Put the SHA-256 of NEXT_RUNG_TOKEN into ORIGIN_TOKENS, with the scopes ask and publish, and start the origin again.";
      return faulty(check, `${env.NEXT_RUNG_URL} refuses this node's token (${response.status})`, remedy);
    }
    return faulty(check, `${env.NEXT_RUNG_URL} answers with status ${response.status}`, "Look into the origin's log.");
  } catch (error) {
    const remedy = "Start the origin (node workers/origin/index.ts), or set NEXT_RUNG_URL to where it is.";
    return faulty(check, `${env.NEXT_RUNG_URL} does not answer: ${String(error)}`, remedy);
  }
}

function escalates(manifest: Manifest): boolean {
  return "policy" in manifest && manifest.policy.ladder.includes("origin");
}
