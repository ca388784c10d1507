import { type Finding, type Manifest, originStateSchema } from "#core/contract/index.ts";
import { isRedirect } from "#core/http/redirect.ts";
import { reachOf, type Settings } from "#core/rung/external/endpoint.ts";
import { aboveOf, externalRungsOf } from "#core/rung/external/ladder.ts";
import { nextRungTimeoutMs } from "#core/rung/rung.ts";
import type { Call } from "../call.ts";
import { faulty, sound } from "./finding.ts";

const check = "next rung";

/** Checks that each external rung of the served versions can be reached: its key or its binding is there. */
export function checkExternalRungs({ env }: Call, manifests: readonly Manifest[]): Finding[] {
  const rungs = manifests.flatMap((manifest) => {
    if (manifest.task !== "classify") return [];
    return externalRungsOf(manifest.policy).map((rung) => ({ model: manifest.model, rung }));
  });
  return rungs.map(({ model, rung }) => {
    const about = `${model}: rung ${rung.name}`;
    if (reachOf(rung, env as unknown as Settings)) return sound(about, `${rung.kind} ${rung.url ?? rung.model}`);
    const [missing, remedy] =
      rung.kind === "workers-ai"
        ? ["this Worker has no binding AI", 'Add [ai] binding = "AI" to wrangler.toml and deploy.']
        : [`the key ${rung.key} is missing, or is of another host`, `Run npx wrangler secret put ${rung.key}.`];
    return faulty(about, `${missing}: the rung is not asked`, remedy);
  });
}

/** Checks that the next rung responds and accepts this node's token. */
export async function checkNextRung({ env }: Call, manifests: readonly Manifest[]): Promise<Finding> {
  const escalating = manifests.filter(({ task, ...rest }) => task !== "tensor" && escalates(rest as Manifest));
  if (env.NEXT_RUNG_URL === "") {
    if (escalating.length === 0) return sound(check, "not set, and no model needs it");
    const names = escalating.map(({ model }) => model).join(", ");
    return faulty(
      check,
      `not set, but ${names} escalate to an origin`,
      "Set NEXT_RUNG_URL to the origin's URL, and NEXT_RUNG_TOKEN.",
    );
  }
  try {
    const response = await fetch(`${env.NEXT_RUNG_URL}/v1/status`, {
      headers: { authorization: `Bearer ${env.NEXT_RUNG_TOKEN}` },
      redirect: "manual",
      signal: AbortSignal.timeout(nextRungTimeoutMs),
    });
    if (response.ok) {
      // Another edge, or an origin of an earlier version, does not say whether it can train.
      const { training } = originStateSchema
        .partial()
        .catch({})
        .parse(await response.json().catch(() => ({})));
      if (training?.ready !== false) return sound(check, `${env.NEXT_RUNG_URL} responds`);
      return faulty(check, `${env.NEXT_RUNG_URL} answers, but can't train: ${training.reason}`, training.next ?? "");
    }
    await response.body?.cancel();
    if (isRedirect(response)) {
      return faulty(check, `${env.NEXT_RUNG_URL} redirects`, "Set NEXT_RUNG_URL to the address that it redirects to.");
    }
    if (response.status === 401 || response.status === 403) {
      const remedy =
        "Add the SHA-256 of NEXT_RUNG_TOKEN to ORIGIN_TOKENS with the scopes ask, rung and publish, and restart the origin.";
      return faulty(check, `${env.NEXT_RUNG_URL} rejects this node's token (status ${response.status})`, remedy);
    }
    return faulty(check, `${env.NEXT_RUNG_URL} responds with status ${response.status}`, "Check the origin's log.");
  } catch (error) {
    const remedy = "Start the origin (node workers/origin/index.ts), or correct NEXT_RUNG_URL.";
    return faulty(check, `${env.NEXT_RUNG_URL} does not respond: ${String(error)}`, remedy);
  }
}

function escalates(manifest: Manifest): boolean {
  return "policy" in manifest && aboveOf(manifest.policy).includes("origin");
}
