import type { Answer, Input, Instance, Question } from "../contract/index.ts";
import { argMaxIn, scoresOfRows } from "../head/head.ts";
import type { Said } from "../task/index.ts";
import type { RegionalModel } from "./regional-model.ts";
import type { Reply } from "./rung.ts";

/** Instances of one region that are answered together, without candidates. */
export interface Rows {
  count: number;
  instanceOf: (row: number) => Instance;
  /** Encodes all of them at once; null where one does not fit: then they are encoded one by one, which finds the faults. */
  encode?: (input: Input, region: string) => Float32Array | null;
}

/** Rows with their scores, judged by the rule of their region. What only few of them need is made when it is asked for. */
export class ScoredRows {
  readonly count: number;
  /** The scores of all rows, [rows, classes]. */
  readonly scores: Float64Array;
  private readonly model: RegionalModel;
  private readonly embeddings: Float32Array;
  /** What was read from each row; of classifiers, only what is asked for. */
  private readonly said: Said[];
  private readonly passes: Uint8Array;
  private text: ((row: number, id: string) => string) | null = null;

  constructor(model: RegionalModel, embeddings: Float32Array, count: number) {
    const { labels, number } = model.manifest;
    this.model = model;
    this.count = count;
    this.embeddings = embeddings;
    this.scores = scoresOfRows(model.head, embeddings, count);
    this.said = number ? Array.from({ length: count }, (_, row) => model.read(this.scoresOf(row))) : [];
    this.passes = new Uint8Array(count);
    for (let row = 0; row < count; row++) {
      const said = this.said[row];
      const best = said ? 0 : argMaxIn(this.scores, row * labels.length, labels.length);
      const confidence = said ? said.confidence : (this.scores[row * labels.length + best] as number);
      this.passes[row] = Number(model.passes(confidence, said ? said.label : (labels[best] as string)));
    }
  }

  get version(): string {
    return this.model.version;
  }

  /** The labels of the scores. */
  get labels(): readonly string[] {
    return this.model.manifest.labels;
  }

  isAccepted(row: number): boolean {
    return this.model.isAccepted(this.passes[row] === 1);
  }

  answerOf(row: number, id: string): Answer {
    return this.model.answer(id, this.said[row] ?? this.model.read(this.scoresOf(row)), this.passes[row] === 1);
  }

  /** Replies to a question as `ModelRung.ask` does. */
  replyOf(row: number, { id }: Pick<Question, "id">): Reply {
    const inference = () =>
      this.model.inference({ embeddings: this.embeddings, row }, this.scoresOf(row), this.passes[row] === 1);
    return { answer: this.answerOf(row, id), inference };
  }

  /** Writes an answer as JSON. */
  textOf(row: number, id: string): string {
    if (this.model.manifest.number) return JSON.stringify(this.answerOf(row, id));
    this.text ??= this.writer();
    return this.text(row, id);
  }

  // Answers of one region and version differ in few fields: the others are written once.
  private writer(): (row: number, id: string) => string {
    const { labels, scores, passes } = this;
    const classes = labels.length;
    const made = (isPassing: boolean) => this.model.answer("", { label: "", scores: {}, confidence: 0 }, isPassing);
    const rests = [made(false), made(true)].map((answer) => {
      const { id, model, region, status, label, scores, confidence, ...rest } = answer;
      return `,${JSON.stringify(rest).slice(1)}`;
    });
    const { model, region, status } = made(true);
    const head = `,${JSON.stringify({ model, region, status }).slice(1, -1)},"label":`;
    const names = labels.map((label) => JSON.stringify(label));
    // Objects list names that look like indexes first.
    const order = Object.values(Object.fromEntries(labels.map((label, i) => [label, i])));
    const keys = order.map((i, at) => `${at === 0 ? "" : ","}${names[i]}:`);
    return (row, id) => {
      const start = row * classes;
      const best = argMaxIn(scores, start, classes);
      let text = `{"id":${JSON.stringify(id)}${head}${names[best]},"scores":{`;
      for (let at = 0; at < classes; at++) {
        text += (keys[at] as string) + numberText(scores[start + (order[at] as number)] as number);
      }
      return `${text}},"confidence":${numberText(scores[start + best] as number)}${rests[passes[row] as number]}`;
    };
  }

  private scoresOf(row: number): Float64Array {
    const { length } = this.labels;
    return this.scores.subarray(row * length, (row + 1) * length);
  }
}

function numberText(value: number): string {
  return Number.isFinite(value) ? `${value}` : "null";
}
