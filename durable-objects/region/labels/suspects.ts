import { trainFolds } from "#core/confidence/splits.ts";
import {
  type ClassifyManifest,
  type LabelSource,
  type Suspect,
  type Suspects,
  suspectsLookMax,
  suspectsMax,
} from "#core/contract/index.ts";
import { SingularSumsError } from "#core/head/analytic.ts";
import { disagreementOf } from "#core/head/label-errors.ts";
import { type AnalyticNeeds, readSolver, solveHeads } from "../retrain/analytic.ts";

/** Rows between two pauses, in which other requests run. */
const rowsAtOnce = 200;
/** Without cross-validation: a penalty that suits hundreds of labels and more. */
const settings = { tau: 0, lambda: 10 };

interface Row extends Record<string, SqlStorageValue> {
  id: string;
  label: string;
  source: LabelSource;
  at: number;
  fold: number;
  /** Whether it trains: in a fold of the sums. */
  trains: number;
  /** Whether people are asked to check it. */
  inReview: number;
  vector: ArrayBuffer;
}

/** What finding suspects needs. */
interface Needs extends AnalyticNeeds {
  sql: SqlStorage;
}

/**
 * Finds samples whose label may be wrong: a head that has not learned from them, solved from the sums of the other folds, confidently
 * says another one. Pauses often, so that questions go on being answered.
 */
export async function findSuspects({ sql, ...needs }: Needs, manifest: ClassifyManifest): Promise<Suspects> {
  const { labels, thin } = manifest;
  const none = { samples: 0, disagreements: 0, suspects: [] };
  const solver = (await readSolver(needs, manifest, trainFolds))();
  if (solver.all.labels === 0) return none;
  const heads = await solved(solveHeads(solver, settings));
  if (heads === null) return none;
  const { classes } = thin.head;
  const { step, width } = thin.backbone.embedding;
  const found: Suspect[] = [];
  const rows = samplesOf(sql, thin.backbone.sha256, suspectsLookMax);
  for (const [i, { id, label, source, at, fold, trains, inReview, vector }] of rows.entries()) {
    if (i % rowsAtOnce === 0) await scheduler.wait(0);
    const given = labels.indexOf(label);
    const embedding = new Int16Array(vector);
    if (given < 0 || embedding.length !== width) continue;
    const weights = (trains === 1 ? heads.crossFitted[fold] : heads.weights) as Float32Array;
    const disagreement = disagreementOf({ weights, classes, step }, embedding, given);
    if (!disagreement) continue;
    const { suggestion, margin } = disagreement;
    const asked = inReview === 1 ? { inReview: true as const } : {};
    found.push({ id, label, source, suggestion: labels[suggestion] as string, margin, at, ...asked });
  }
  const suspects = found.sort((a, b) => b.margin - a.margin).slice(0, suspectsMax);
  return { samples: rows.length, disagreements: found.length, suspects };
}

// Those of validation and calibration are in no sums, except where a run with few labels cross-fits: then they are left out here.
// So are labels that people have checked, or could not.
function samplesOf(sql: SqlStorage, backbone: string, limit: number): Row[] {
  const query = `SELECT s.id AS id, s.label AS label, source, s.at AS at, fold, split = 'train' AS trains, c.id IS NOT NULL AND c.state <> 'ignored' AS inReview,
      e.vector AS vector
    FROM samples s JOIN embeddings e ON e.backbone = ? AND e.number = s.number LEFT JOIN checks c ON c.id = s.id
    WHERE (split = 'train' OR coalesce(e.weight, 0) = 0) AND coalesce(c.state, '') NOT IN ('checked', 'flagged') ORDER BY s.number DESC LIMIT ?`;
  return sql.exec<Row>(query, backbone, limit).toArray();
}

async function solved<T>(solving: Generator<void, T>): Promise<T | null> {
  try {
    for (;;) {
      const { done, value } = solving.next();
      if (done) return value;
      await scheduler.wait(0);
    }
  } catch (error) {
    if (error instanceof SingularSumsError) return null;
    throw error;
  }
}
