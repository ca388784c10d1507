import { accepts } from "../confidence/rule.ts";
import {
  type Answer,
  type Certificate,
  type ClassifyManifest,
  type HeadManifest,
  type Inference,
  type Reading,
  type Rule,
  type RungName,
  type TraceEntry,
  versionName,
} from "../contract/index.ts";
import { type HeadWeights, scoresOf } from "../head/head.ts";
import type { Network } from "../model/network.ts";
import type { Said } from "../task/index.ts";
import { readAmong, restricts, uncertifiedChoice } from "./candidates.ts";

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

/** A rung's model, and what one of its regions has of its own. */
interface RegionalModelOptions {
  name: RungName;
  manifest: ClassifyManifest;
  network: Network;
  region: string;
  serving: RegionalServing | null;
  group: Certificate | null;
}

/** An embedding among the rows of several. */
export interface Embedded {
  embeddings: Float32Array;
  row: number;
}

/** A model as it answers in one region: by which head and rule, and with which certificate. */
export class RegionalModel {
  readonly manifest: ClassifyManifest;
  readonly head: HeadWeights;
  readonly region: string;
  private readonly name: RungName;
  private readonly network: Network;
  private readonly hasOwnHead: boolean;
  private readonly rule: Rule;
  private readonly reading: Reading | undefined;
  readonly version: string;
  private readonly mayAnswer: boolean;
  /** Of answers that are accepted. */
  private readonly certificate: Certificate | null;
  private readonly degraded: string | undefined;

  constructor({ name, manifest, network, region, serving, group }: RegionalModelOptions) {
    const { spec, head } = network;
    const regional = serving?.head ?? null;
    this.name = name;
    this.manifest = manifest;
    this.network = network;
    this.region = region;
    this.hasOwnHead = regional !== null;
    this.head = regional?.weights ?? head;
    this.version = versionName(manifest.version, regional?.manifest);
    this.rule = serving?.rule ?? regional?.manifest.rule ?? spec.rule;
    this.reading = regional?.manifest.reading ?? spec.reading;
    this.mayAnswer = this.rule.certificate !== null || manifest.policy.uncertified === "answer";
    this.degraded = serving?.degraded;
    // Of a region that was proven wrong the group's certificate says nothing.
    const isOfGroup = !serving?.isAssumed && this.rule.uncertified?.status !== "void";
    this.certificate = this.degraded ? null : (this.rule.certificate ?? (isOfGroup ? group : null));
  }

  /** Reads scores as the model's task does; of a question with candidates, the best of them. */
  read(scores: ArrayLike<number>, candidates?: readonly string[]): Said {
    return readAmong(this.manifest, scores, candidates, this.reading);
  }

  /** Tells whether a confidence reaches the rule's threshold, certified or not. */
  passes(confidence: number, label: string): boolean {
    // A candidate that this version does not have scores 0.
    return confidence > 0 && accepts(this.rule, confidence, label);
  }

  /** Tells whether an answer that passes is accepted. */
  isAccepted(passes: boolean): boolean {
    return this.mayAnswer && passes;
  }

  /** Makes the answer of what was read. */
  answer(id: string, said: Said, passes: boolean, candidates?: readonly string[]): Answer {
    const { manifest, region, rule, version, degraded } = this;
    const accepted = this.isAccepted(passes);
    const answer: Answer = {
      id,
      model: manifest.model,
      region,
      status: "answered",
      ...said,
      accepted,
      rung: this.name,
      version,
      certificate: accepted ? this.certificate : null,
    };
    if (degraded) answer.warnings = [degraded];
    if (rule.uncertified) answer.uncertified = rule.uncertified;
    if (restricts(manifest.labels, candidates)) Object.assign(answer, uncertifiedChoice());
    return answer;
  }

  /** Makes what the rung above is told. */
  inference({ embeddings, row }: Embedded, scores: Float64Array, passes: boolean): Inference {
    const { backbone, head } = this.network.spec;
    return {
      backbone: backbone.sha256,
      version: this.version,
      embedding: Array.from(embeddings.subarray(row * head.width, (row + 1) * head.width)),
      scores: Array.from(scores),
      accepted: passes,
    };
  }

  /** Lists the scores of the rung's heads. */
  trace({ embeddings, row }: Embedded, scores: Float64Array): TraceEntry[] {
    const { network, version } = this;
    if (this.name !== "edge") return [{ head: "full", version, scores: Array.from(scores) }];
    const global = this.hasOwnHead ? scoresOf(network.head, embeddings, row * network.spec.head.width) : scores;
    return [
      { head: "global", version: versionName(this.manifest.version), scores: Array.from(global) },
      { head: "regional", version, scores: Array.from(scores) },
    ];
  }
}
