import { accepts } from "../confidence/rule.ts";
import {
  type Answer,
  type Certificate,
  type ClassifyManifest,
  type HeadManifest,
  type Question,
  type Rule,
  type RungName,
  type TraceEntry,
  versionName,
} from "../contract/index.ts";
import type { HeadWeights } from "../head/head.ts";
import { scoresOf } from "../head/head.ts";
import { encode } from "../input/index.ts";
import type { Network } from "../model/network.ts";
import { choosable, readAmong, restricts, uncertifiedChoice } from "./candidates.ts";
import { type Hop, InvalidQuestionsError, type Reply, type Rung } from "./rung.ts";

/** A region's head in memory. */
export interface RegionalHead {
  manifest: HeadManifest;
  weights: HeadWeights;
}

/** A region's own head and rule, each of which may be missing. */
export interface RegionalServing {
  head: RegionalHead | null;
  rule: Rule | null;
  /** Why the region's head does not answer, although it has one: a warning, and no certificate of any kind. */
  degraded?: string;
  /** Whether the region may have a head that is not known yet: then what regions prove together says nothing of its answer. */
  isAssumed?: boolean;
}

/** What a `ModelRung` serves. */
export interface ModelRungOptions {
  name: RungName;
  manifest: ClassifyManifest;
  network: Network;
  /** Looks up a region's own head and rule; null if it has neither. */
  servingOf?: (region: string) => RegionalServing | null;
  /** The certificate of all regions together, for those whose own is pending; null without one. */
  group?: Certificate | null;
}

/** A rung that answers with a network: the thin one at the edge, the full one at the origin. */
export class ModelRung implements Rung {
  readonly name: RungName;
  private readonly manifest: ClassifyManifest;
  private readonly network: Network;
  private readonly group: Certificate | null;
  private readonly servingOf: (region: string) => RegionalServing | null;

  /** The labels that a question may choose among; none of numbers. */
  get choosable(): readonly string[] {
    return choosable(this.manifest);
  }

  constructor({ name, manifest, network, servingOf, group = null }: ModelRungOptions) {
    this.name = name;
    this.manifest = manifest;
    this.network = network;
    this.group = group;
    this.servingOf = servingOf ?? (() => null);
  }

  async ask(questions: readonly Question[], hop: Hop): Promise<Reply[]> {
    const embeddings = this.network.backbone.embed(this.encodeAll(questions), questions.length);
    this.checkFinite(embeddings, questions.length);
    return questions.map((question, row) => this.reply(question, embeddings, row, hop.trace));
  }

  private encodeAll(questions: readonly Question[]): Float32Array {
    const rows: Float32Array[] = [];
    const faults: InvalidQuestionsError["faults"] = [];
    for (const [index, question] of questions.entries()) {
      const row = encode(this.network.spec.input, question.instance, { region: question.region });
      if (row.ok) rows.push(row.value);
      else faults.push(...row.error.map((fault) => ({ index, ...fault })));
    }
    if (faults.length > 0) throw new InvalidQuestionsError(faults);
    if (rows.length === 1) return rows[0] as Float32Array;
    const width = rows[0]?.length ?? 0;
    const all = new Float32Array(rows.length * width);
    for (const [i, row] of rows.entries()) all.set(row, i * width);
    return all;
  }

  // Finite values can still overflow the network's float32 sums; their scores would be NaN.
  private checkFinite(embeddings: Float32Array, rows: number): void {
    const { width } = this.network.spec.head;
    const faults: InvalidQuestionsError["faults"] = [];
    for (let index = 0; index < rows; index++) {
      if (isFiniteRow(embeddings, index * width, (index + 1) * width)) continue;
      const expected = "values in the range of the training data";
      faults.push({ index, path: "", expected, received: "values that overflow the network" });
    }
    if (faults.length > 0) throw new InvalidQuestionsError(faults);
  }

  private reply(question: Question, embeddings: Float32Array, row: number, trace: boolean): Reply {
    const { spec, head: globalHead } = this.network;
    const { version: base, policy, labels } = this.manifest;
    const width = spec.head.width;
    const serving = this.servingOf(question.region);
    const regional = serving?.head ?? null;
    const scores = scoresOf(regional?.weights ?? globalHead, embeddings, row * width);
    const version = versionName(base, regional?.manifest);
    const rule: Rule = serving?.rule ?? regional?.manifest.rule ?? spec.rule;
    const reading = regional?.manifest.reading ?? spec.reading;
    const said = readAmong(this.manifest, scores, question.candidates, reading);
    const mayAnswer = rule.certificate !== null || policy.uncertified === "answer";
    // A candidate that this version does not have scores 0.
    const groupCertificate = serving?.isAssumed ? null : this.groupFor(rule);
    const passes = said.confidence > 0 && accepts(rule, said.confidence, said.label);
    const accepted = mayAnswer && passes;
    const answer: Answer = {
      id: question.id,
      model: this.manifest.model,
      region: question.region,
      status: "answered",
      ...said,
      accepted,
      rung: this.name,
      version,
      certificate: accepted && !serving?.degraded ? (rule.certificate ?? groupCertificate) : null,
    };
    if (serving?.degraded) answer.warnings = [serving.degraded];
    if (rule.uncertified) answer.uncertified = rule.uncertified;
    if (restricts(labels, question.candidates)) Object.assign(answer, uncertifiedChoice());
    if (trace) answer.trace = this.trace(regional, scores, version, embeddings, row * width);
    const inference = () => ({
      backbone: spec.backbone.sha256,
      version,
      embedding: Array.from(embeddings.subarray(row * width, (row + 1) * width)),
      scores: Array.from(scores),
      accepted: passes,
    });
    return { answer, inference };
  }

  // Of a region that was proven wrong it says nothing.
  private groupFor({ uncertified }: Rule): Certificate | null {
    return uncertified?.status === "void" ? null : this.group;
  }

  private trace(
    regional: RegionalHead | null,
    scores: Float64Array,
    version: string,
    embeddings: Float32Array,
    offset: number,
  ): TraceEntry[] {
    if (this.name !== "edge") return [{ head: "full", version, scores: Array.from(scores) }];
    const global = regional ? scoresOf(this.network.head, embeddings, offset) : scores;
    return [
      { head: "global", version: versionName(this.manifest.version), scores: Array.from(global) },
      { head: "regional", version, scores: Array.from(scores) },
    ];
  }
}

function isFiniteRow(values: Float32Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/** Lists the columns that an instance may contain although they are no input: the region's and the group key's. */
export function extraColumnsOf({ policy: { regions, groupBy } }: ClassifyManifest): string[] {
  const names = [
    regions.from === "field" ? regions.name : undefined,
    groupBy.by === "field" ? groupBy.name : undefined,
  ];
  return names.filter((name) => name !== undefined);
}
