import { type Instance, learningParts } from "#core/contract/index.ts";
import { normal } from "#origin/random.ts";
import type { Artefact } from "#origin/train/index.ts";
import { benchArtefact } from "../bench/model.ts";
import { benchWidths } from "../bench/widths.ts";

/** The threshold of the version: only heads that the node's labels train accept anything. */
const never = 1.01;
const targetRisk = 0.05;
const noise = 0.3;
/** Columns that decide, and the deviation of those that do not. */
const deciding = 3;
const idle = 0.1;

/** A network with random weights that learns on site, under people here and above. */
export async function siteArtefact(model: string): Promise<Artefact> {
  const { draft, blobs } = await benchArtefact({ model });
  const { thin, policy } = draft;
  return {
    blobs,
    draft: {
      ...draft,
      thin: { ...thin, rule: { ...thin.rule, threshold: never, strictest: never, targetRisk } },
      policy: {
        ...policy,
        ladder: ["edge", "region", "origin", "human"],
        regions: { from: "field", name: "region", keys: ["plant"], parent: "world" },
        // At a threshold that is never reached, control would stay.
        learning: learningParts.filter((part) => part !== "control"),
      },
    },
  };
}

/** A question, and the label that the world gives it: a noisy half-space, so that some of them are hard. */
export function siteQuestion(random: () => number): { instance: Instance; label: string } {
  const values = Array.from({ length: benchWidths[0] }, (_, i) => normal(random, 0, i < deciding ? 1 : idle));
  const [a = 0, b = 0, c = 0] = values;
  const label = a + b - c + normal(random, 0, noise) > 0 ? "yes" : "no";
  const columns = Object.fromEntries(values.map((value, i) => [`x${i}`, value]));
  return { instance: { region: "plant", ...columns }, label };
}
