import type { Question } from "#core/contract/index.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { ModelRung, type ModelRungOptions } from "#core/rung/model-rung.ts";
import type { Hop } from "#core/rung/rung.ts";
import { type ModelOptions, testModel } from "./model.ts";

export const hop: Hop = { owner: "ask", remainingMs: 5_000, via: ["edge"], trace: false };
let asked = 0;

/** Returns questions of the test model, all different. */
export function questions(n: number): Question[] {
  return Array.from({ length: n }, () => {
    asked++;
    const instance = { region: "north", x0: Math.sin(asked), x1: 0.5, x2: asked % 3, x3: null };
    return { id: `shop~north~${asked}`, region: "north", instance, at: 0 };
  });
}

/** Creates a rung of a test model, with its thin network for the edge or its full one for the origin. */
export async function modelRung(
  name: "edge" | "origin",
  options: ModelOptions = {},
  servingOf?: ModelRungOptions["servingOf"],
): Promise<ModelRung> {
  const { manifest, blobs } = await testModel(options);
  const spec = name === "edge" ? manifest.thin : manifest.full;
  if (!spec) throw new Error("the test model has a full network");
  const network = await loadNetwork(
    servingEngine,
    spec,
    async ({ sha256 }) => (blobs.get(sha256) as Uint8Array<ArrayBuffer>).buffer,
  );
  return new ModelRung({ name, manifest, network, ...(servingOf ? { servingOf } : {}) });
}
