import type { Certificate, ClassifyManifest, Question, RungName } from "../contract/index.ts";
import { scoresOf } from "../head/head.ts";
import { encodeRows } from "../input/index.ts";
import type { Network } from "../model/network.ts";
import { choosable } from "./candidates.ts";
import { type Embedded, RegionalModel, type RegionalServing } from "./regional-model.ts";
import { type Rows, ScoredRows } from "./rows.ts";
import { type Hop, InvalidQuestionsError, type Reply, type Rung } from "./rung.ts";

export type { RegionalHead, RegionalServing } from "./regional-model.ts";

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
    const embeddings = this.embed(questions.length, this.encodeAll(questions));
    const models = new Map<string, RegionalModel>();
    return questions.map((question, row) => {
      const { region } = question;
      const model = models.get(region) ?? this.modelIn(region);
      if (questions.length > 1) models.set(region, model);
      return reply(model, question, { embeddings, row }, hop.trace);
    });
  }

  /** Answers rows of one region. Throws `InvalidQuestionsError`. */
  askRows(rows: Rows, region: string): ScoredRows {
    const values = rows.encode?.(this.network.spec.input, region) ?? this.encodeRows(rows, region);
    return new ScoredRows(this.modelIn(region), this.embed(rows.count, values), rows.count);
  }

  private encodeAll(questions: readonly Question[]): Float32Array {
    const instanceOf = (row: number) => (questions[row] as Question).instance;
    const contextOf = (row: number) => questions[row] as Question;
    return valid(encodeRows(this.network.spec.input, { count: questions.length, instanceOf, contextOf }));
  }

  private encodeRows({ count, instanceOf }: Rows, region: string): Float32Array {
    const context = { region };
    return valid(encodeRows(this.network.spec.input, { count, instanceOf, contextOf: () => context }));
  }

  // Finite values can still overflow the network's float32 sums; their scores would be NaN.
  private embed(rows: number, values: Float32Array): Float32Array {
    const embeddings = this.network.backbone.embed(values, rows);
    const { width } = this.network.spec.head;
    const faults: InvalidQuestionsError["faults"] = [];
    for (let index = 0; index < rows; index++) {
      if (isFiniteRow(embeddings, index * width, (index + 1) * width)) continue;
      const expected = "values in the range of the training data";
      faults.push({ index, path: "", expected, received: "values that overflow the network" });
    }
    if (faults.length > 0) throw new InvalidQuestionsError(faults);
    return embeddings;
  }

  private modelIn(region: string): RegionalModel {
    const { name, manifest, network, group } = this;
    return new RegionalModel({ name, manifest, network, group, region, serving: this.servingOf(region) });
  }
}

function reply(model: RegionalModel, { id, candidates }: Question, at: Embedded, trace: boolean): Reply {
  const scores = scoresOf(model.head, at.embeddings, at.row * model.head.width);
  const said = model.read(scores, candidates);
  const passes = model.passes(said.confidence, said.label);
  const answer = model.answer(id, said, passes, candidates);
  if (trace) answer.trace = model.trace(at, scores);
  return { answer, inference: () => model.inference(at, scores, passes) };
}

function valid(encoded: ReturnType<typeof encodeRows>): Float32Array {
  if (encoded.ok) return encoded.value;
  throw new InvalidQuestionsError(encoded.error);
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
