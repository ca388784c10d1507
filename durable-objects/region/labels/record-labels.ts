import { assignSplit, groupKeyOf } from "#core/confidence/splits.ts";
import type { ClassifyManifest, LabelResult } from "#core/contract/index.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { beginSpan } from "#core/trace-context.ts";
import { labelledAnswer } from "../answering/answers.ts";
import { leaveReview, settle } from "../answering/settle.ts";
import type { LabelContext, LabelRefusal, NewLabel } from "../api.ts";
import type { RegionContext } from "../context.ts";
import { logHere } from "../log.ts";
import type { NewSample } from "../tables/samples.ts";
import { keepSample } from "./keep-sample.ts";

/** Keeps labels as samples, all or none; answers the open questions among them. */
export async function teach(
  context: RegionContext,
  manifest: ClassifyManifest,
  lessons: readonly NewLabel[],
  teacher: LabelContext,
): Promise<Result<LabelResult[], LabelRefusal>> {
  await context.archive.restore(lessons.map(({ id }) => id));
  const samples: NewSample[] = [];
  const asked = await manifestsOf(context, manifest, lessons);
  for (const lesson of lessons) {
    const sample = await sampleOf(context, manifest, lesson, teacher);
    if (!sample.ok) return sample;
    samples.push(sample.value);
  }
  const taught = context.storage.transactionSync(() =>
    samples.map((sample) => keep(context, asked.get(sample.id) ?? manifest, sample, teacher.source)),
  );
  const changed = taught.filter((one) => one.changed).length;
  const line = { event: "labelled", span: beginSpan(teacher), ids: taught.map(({ id }) => id) } as const;
  logHere(context, line, { source: teacher.source, changed });
  const isNews = [...new Set([manifest, ...asked.values()])].some((one) => context.rule.news(one) !== null);
  if (isNews) context.jobs.bring("rule", "", Date.now());
  return ok(taught);
}

// A question is judged by the rule and the certificate of the version that answered it.
async function manifestsOf(
  { questions, manifests }: RegionContext,
  manifest: ClassifyManifest,
  lessons: readonly NewLabel[],
): Promise<Map<string, ClassifyManifest>> {
  const asked = new Map<string, ClassifyManifest>();
  for (const { id } of lessons) {
    const base = questions.find(id)?.base;
    if (base !== undefined && base !== manifest.version) asked.set(id, await manifests.get(base));
  }
  return asked;
}

async function sampleOf(
  context: RegionContext,
  manifest: ClassifyManifest,
  lesson: NewLabel,
  { owner: teacher, source, labelledAt }: LabelContext,
): Promise<Result<NewSample, LabelRefusal>> {
  const { id, label } = lesson;
  if (!manifest.labels.includes(label)) return fail({ kind: "unknown-label", id, label });
  const row = context.questions.find(id);
  const known = row ? null : context.samples.find(id);
  const owner = row ? row.owner : known ? known.owner : teacher;
  if (teacher !== null && owner !== teacher) return fail({ kind: "not-yours", id });
  if (row) {
    const instance = manifest.policy.keepInputs ? row.instance : null;
    return ok({ ...row, instance, owner, label, source, labelledAt });
  }
  if (known) return ok({ ...known, label, source, labelledAt, embedding: null });
  if (!lesson.instance) return fail({ kind: "no-instance", id });
  const { at = labelledAt } = lesson;
  const { groupBy, keepInputs } = manifest.policy;
  const groupKey = groupKeyOf(groupBy, { id, instance: lesson.instance, at });
  const dealt = await assignSplit(context.env.SPLIT_SECRET, context.region, groupKey);
  // A run embeds it, unless it is of calibration, and then lets go of it.
  const instance = keepInputs || dealt.split !== "calibration" ? lesson.instance : null;
  const unseen = { inclusionProbability: null, accepted: null, embedding: null };
  return ok({ id, instance, label, source, ...dealt, groupKey, owner, at, labelledAt, ...unseen });
}

function keep(
  context: RegionContext,
  manifest: ClassifyManifest,
  sample: NewSample,
  source: LabelContext["source"],
): LabelResult {
  const { samples, questions, rule, canary, counts } = context;
  const { id, label, split } = sample;
  // The origin's label judges nothing: the first of another source does.
  const before = samples.find(id);
  const isFirst = before === null || before.source === "origin";
  const changed = keepSample(context, manifest, sample);
  if (changed) canary.labelled(id, label, source);
  const row = questions.find(id);
  if (changed && row) {
    const { accepted, prediction, inclusionProbability } = row;
    rule.labelled(manifest, { id, accepted, prediction, label, source, inclusionProbability }, isFirst);
    const { answer, base } = row;
    if (isFirst && answer.status === "answered") counts.judged(base, answer.rung, answer.label === label);
  }
  if (row?.answer.status === "open") {
    settle(context, manifest, labelledAnswer(row, label, source));
  } else if (changed && row && before?.source === source && row.answer.version === source) {
    // Whoever gave the answer takes it back.
    questions.correctAnswer(labelledAnswer(row, label, source));
  }
  if (row) leaveReview(context, id);
  if (row && !manifest.policy.keepInputs) questions.dropInput(id);
  const known = samples.find(id);
  return { id, label: known?.label ?? label, source: known?.source ?? source, split, changed };
}
