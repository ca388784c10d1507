import { checkBlob } from "#core/artefacts.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { trainFull } from "#origin/train/index.ts";
import { dayMs, yearOf } from "./days.ts";
import { scoreRows } from "./score.ts";

/** A period with one training: rows before `from` are trained on, `rows` are scored. */
interface Period {
  year: string;
  from: number;
  rows: Row[];
}

/** Divides rows by year; each year's training is on 1 January, the first one at the start of the replay. */
export function periodsOf(asked: readonly Row[], from: number): Period[] {
  return [...Map.groupBy(asked, ({ at }) => yearOf(at))].map(([year, rows]) => ({
    year,
    from: Math.max(from, Date.parse(`${year}-01-01`)),
    rows,
  }));
}

/** Selects the rows whose labels were known at a time; a label is known a day after its row. */
export function knownAt(rows: readonly Row[], time: number): Row[] {
  return rows.filter(({ at }) => at + dayMs <= time);
}

/**
 * Scores the asked rows with the recipe's large network, which is trained from scratch each year on everything before
 * it; returns [rows, classes]. Regional heads are compared with it.
 */
export async function scoreRetrained(
  recipe: Recipe,
  rows: readonly Row[],
  asked: readonly Row[],
  { from, onProgress }: { from: number; onProgress: (note: string, done: number, total: number) => void },
): Promise<Float64Array> {
  const periods = periodsOf(asked, from);
  const parts: Float64Array[] = [];
  for (const [i, period] of periods.entries()) {
    const { spec, blobs } = await trainFull(recipe, knownAt(rows, period.from), ({ epoch, epochs, share }) =>
      onProgress(
        `large model of ${period.year}, epoch ${epoch} of ${epochs}`,
        i + (epoch - 1 + share) / epochs,
        periods.length,
      ),
    );
    const network = await loadNetwork(servingEngine, spec, async (blob) =>
      checkBlob(blob, blobs.get(blob.sha256)?.buffer ?? null),
    );
    parts.push(scoreRows(recipe, network, period.rows));
    network.backbone.release();
  }
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
