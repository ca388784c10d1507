import { foldOf, splitKey } from "../../workers/core/confidence/folds.ts";
import type { Instance, LabelSource, Manifest, Taught } from "../../workers/core/contract/index.ts";
import { fail, ok, type Result } from "../../workers/core/result.ts";
import { labelledAnswer } from "./answers.ts";
import type { RegionContext } from "./context.ts";
import type { NewSample } from "./samples.ts";
import { settle } from "./settle.ts";

/** A label for a question; `instance` is needed where the question was not kept. */
export interface Lesson {
  id: string;
  label: string;
  instance?: Instance;
  /** Data time of the question, where the lesson brings it. */
  at?: number;
}

export interface Teacher {
  /** Whose questions may be taught; null is an admin, who may teach all. */
  asker: string | null;
  source: Exclude<LabelSource, "origin">;
  labelledAt: number;
}

export type TeachRefusal = { id: string } & (
  | { kind: "unknown-label"; label: string }
  | { kind: "no-instance" }
  | { kind: "not-yours" }
);

/** Keeps labels as samples, all or none; answers the open questions among them. */
export async function teach(
  context: RegionContext,
  manifest: Manifest,
  lessons: readonly Lesson[],
  teacher: Teacher,
): Promise<Result<Taught[], TeachRefusal>> {
  const samples: NewSample[] = [];
  for (const lesson of lessons) {
    const sample = await sampleOf(context, manifest, lesson, teacher);
    if (!sample.ok) return sample;
    samples.push(sample.value);
  }
  return ok(context.storage.transactionSync(() => samples.map((sample) => keep(context, sample, teacher.source))));
}

async function sampleOf(
  context: RegionContext,
  manifest: Manifest,
  lesson: Lesson,
  { asker, source, labelledAt }: Teacher,
): Promise<Result<NewSample, TeachRefusal>> {
  const { id, label } = lesson;
  if (!manifest.labels.includes(label)) return fail({ kind: "unknown-label", id, label });
  const row = context.questions.find(id);
  if (row && asker !== null && row.asker !== asker) return fail({ kind: "not-yours", id });
  if (row) {
    const { instance, fold, split, pi, at, embedding } = row;
    return ok({ id, instance, label, source, fold, split, pi, at, labelledAt, embedding });
  }
  if (!lesson.instance) return fail({ kind: "no-instance", id });
  const { instance, at = labelledAt } = lesson;
  const split = splitKey(manifest.policy.split, { id, instance, at });
  const fold = await foldOf(context.env.FOLD_SECRET, context.region, split);
  return ok({ id, instance, label, source, fold, split, pi: null, at, labelledAt, embedding: null });
}

function keep(context: RegionContext, sample: NewSample, source: Teacher["source"]): Taught {
  const { samples, questions } = context;
  const { id, label, fold } = sample;
  const changed = samples.teach(sample);
  const row = questions.find(id);
  if (row?.answer.status === "open") {
    settle(context, labelledAnswer(row, label, source));
  }
  const known = samples.find(id);
  return { id, label: known?.label ?? label, source: known?.source ?? source, fold, changed };
}
