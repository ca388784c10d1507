import type { Answer, ClassifyManifest, Question } from "#core/contract/index.ts";
import { versionName } from "#core/contract/index.ts";
import { quantise } from "#core/head/embedding.ts";
import { numberIn } from "#core/head/label.ts";
import { binOf } from "#core/regress/bins.ts";
import { withinCandidates } from "#core/rung/candidates.ts";
import { agreedLabel, neighbourCount } from "#core/semantic-cache/agreed-label.ts";
import { NearestNeighbourIndex } from "#core/semantic-cache/neighbour-index.ts";
import { certifyRadius, chooseRadius, type LabelledNeighbours } from "#core/semantic-cache/radius.ts";
import { taskOf } from "#core/task/index.ts";
import { json, nullable, number, table } from "../../table.ts";
import type { SemanticCacheState } from "../api.ts";
import { sliceMultiplyAdds } from "../retrain/slices.ts";
import type { Embeddings, LabelledVector } from "../tables/embeddings.ts";
import type { Memory } from "../tables/memory.ts";

export const semanticCacheTable = table("semantic_cache", {
  base: number(),
  radius: nullable(number()),
  report: json<SemanticCacheState["report"]>(),
});

/** The cache holds at most this many samples in memory. */
const semanticCacheMaxRows = 20_000;
/** Escalated questions that choose the radius, and as many that certify it. */
const radiusQuestions = 400;

/** The semantic cache: answers a question from the labels of its nearest neighbours among the region's samples. */
export class SemanticCache {
  private readonly sql: SqlStorage;
  private readonly embeddings: Embeddings;
  private readonly memory: Memory;
  private loaded: { backbone: string; memory: NearestNeighbourIndex } | null = null;

  constructor(sql: SqlStorage, embeddings: Embeddings, memory: Memory) {
    this.sql = sql;
    this.embeddings = embeddings;
    this.memory = memory;
  }

  state(base: number): SemanticCacheState | null {
    return this.memory.get(`semantic cache ${base}`, () => {
      const row = semanticCacheTable.first(this.sql, "WHERE base = ?", base);
      return row && { radius: row.radius, report: row.report };
    });
  }

  /** Answers escalated questions; null where the nearest neighbours do not agree, or the cache is off. */
  answers(manifest: ClassifyManifest, questions: readonly Question[]): (Answer | null)[] {
    const radius = this.state(manifest.version)?.radius ?? null;
    return questions.map((question) => (radius === null ? null : this.answer(manifest, radius, question)));
  }

  private answer(manifest: ClassifyManifest, radius: number, question: Question): Answer | null {
    const { inference, id, region, candidates } = question;
    const { backbone } = manifest.thin;
    if (inference?.backbone !== backbone.sha256) return null;
    const neighbours = this.indexOf(manifest).nearest(
      quantise(inference.embedding, backbone.embedding.step),
      neighbourCount,
    );
    const found = agreedLabel(neighbours, radius, toleranceOf(manifest));
    if (!found) return null;
    const near = neighbours.filter(({ similarity }) => similarity >= radius).length;
    const { labels, number, model, version } = manifest;
    if (candidates && !candidates.includes(labels[found.label] as string)) return null;
    // Laplace's rule of succession, from the number of neighbours that agree.
    const own = number ? binOf(number.bins, found.label) : found.label;
    const scores = labels.map((_, c) => ((c === own ? near : 0) + 1) / (near + labels.length));
    const label = number ? String(found.label) : (labels[own] as string);
    const confidence = number ? (near + 1) / (near + 2) : (scores[own] as number);
    const answer: Answer = {
      id,
      model,
      region,
      status: "answered",
      ...taskOf(manifest).known(label),
      scores: Object.fromEntries(labels.map((name, c) => [name, scores[c] as number])),
      confidence,
      accepted: true,
      rung: "region",
      version: versionName(version),
      certificate: null,
    };
    return withinCandidates(answer, labels, candidates);
  }

  /** Chooses the radius on the escalated questions of `validation` and certifies it on those of `calibration`, in bounded steps. */
  *choose(manifest: ClassifyManifest): Generator<void, SemanticCacheState> {
    const validation = yield* this.remembered(manifest, "validation");
    const calibration = yield* this.remembered(manifest, "calibration");
    const { targetRisk, delta } = manifest.thin.rule;
    const tolerance = toleranceOf(manifest);
    const radius = chooseRadius(validation, targetRisk, tolerance);
    const report =
      radius === null
        ? {
            reason: `no radius keeps the error at or below ${targetRisk} on ${validation.length} escalated questions`,
          }
        : certifyRadius(radius, calibration, { targetRisk, delta, tolerance });
    const isCertified = "certified" in report && report.certified;
    return { radius: isCertified ? radius : null, report };
  }

  save(base: number, { radius, report }: SemanticCacheState): void {
    semanticCacheTable.insert(this.sql, { base, radius, report }, "replace");
    this.memory.forget(`semantic cache ${base}`);
  }

  /** Turns the cache off on every version, until the next retrain certifies a radius. */
  turnOff(reason: string): void {
    semanticCacheTable.update(this.sql, { radius: null, report: { reason } }, "");
    this.memory.forgetAll();
    this.drop();
  }

  /** Drops what is in memory, because the samples have changed. */
  drop(): void {
    this.loaded = null;
  }

  private *remembered(
    manifest: ClassifyManifest,
    split: "validation" | "calibration",
  ): Generator<void, LabelledNeighbours[]> {
    const { sha256, embedding } = manifest.thin.backbone;
    const escalated = this.embeddings.newest(sha256, split, radiusQuestions, true);
    if (escalated.length === 0) return [];
    const memory = this.indexOf(manifest);
    yield;
    const perSlice = Math.max(1, Math.floor(sliceMultiplyAdds / (memory.size * embedding.width + 1)));
    const found: LabelledNeighbours[] = [];
    for (const [i, row] of escalated.entries()) {
      if (i > 0 && i % perSlice === 0) yield;
      const label = labelOf(manifest, row);
      if (label !== null) found.push({ neighbours: memory.nearest(row.vector, neighbourCount), label });
    }
    return found;
  }

  private indexOf(manifest: ClassifyManifest): NearestNeighbourIndex {
    const { sha256, embedding } = manifest.thin.backbone;
    if (this.loaded?.backbone === sha256) return this.loaded.memory;
    const memory = new NearestNeighbourIndex(embedding.width, semanticCacheMaxRows);
    for (const row of this.embeddings.newest(sha256, "train", semanticCacheMaxRows).reverse()) {
      const label = labelOf(manifest, row);
      if (label !== null) memory.add(row.id, row.vector, label);
    }
    this.loaded = { backbone: sha256, memory };
    return memory;
  }
}

/** Returns a label as the index keeps it: the class, or the number; null for one that the version does not have. */
function labelOf(manifest: ClassifyManifest, { label }: LabelledVector): number | null {
  const known = taskOf(manifest).labelOf(label);
  return known === null ? null : numberIn(known);
}

function toleranceOf({ number }: ClassifyManifest): number | null {
  return number?.tolerance ?? null;
}
