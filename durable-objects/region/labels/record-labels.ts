import { assignSplit, groupKeyOf } from "#core/confidence/splits.ts";
import type { ClassifyManifest, LabelResult } from "#core/contract/index.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { beginSpan } from "#core/trace-context.ts";
import { labelledAnswer } from "../answering/answers.ts";
import { leaveReview, type SettleNeeds, settle } from "../answering/settle.ts";
import type { LabelContext, LabelRefusal, NewLabel } from "../api.ts";
import { type LogNeeds, logHere } from "../log.ts";
import type { Manifests } from "../manifests.ts";
import type { RegionCounter } from "../tables/counts.ts";
import type { Questions } from "../tables/questions.ts";
import type { NewSample, Samples } from "../tables/samples.ts";
import type { Archive } from "./archive.ts";
import type { CanaryCounts } from "./canary-counts.ts";
import { type KeepSampleNeeds, keepSample } from "./keep-sample.ts";
import type { LiveRule } from "./live-rule.ts";

/** What recording labels touches. */
export type LabelNeeds = SettleNeeds &
  KeepSampleNeeds &
  LogNeeds & {
    env: Pick<Env, "SPLIT_SECRET">;
    questions: Questions;
    samples: Pick<Samples, "find">;
    counts: Pick<RegionCounter, "judged">;
    archive: Pick<Archive, "restore">;
    manifests: Pick<Manifests, "get">;
    rule: Pick<LiveRule, "labelled" | "ruleChange">;
    canary: Pick<CanaryCounts, "labelled">;
    storage: Pick<DurableObjectStorage, "transactionSync">;
  };

/** Records labels as samples, all or none, and answers the open questions among them. */
export async function recordLabels(
  needs: LabelNeeds,
  manifest: ClassifyManifest,
  labels: readonly NewLabel[],
  context: LabelContext,
): Promise<Result<LabelResult[], LabelRefusal>> {
  await needs.archive.restore(labels.map(({ id }) => id));
  const samples: NewSample[] = [];
  const asked = await manifestsOf(needs, manifest, labels);
  for (const given of labels) {
    const sample = await sampleOf(needs, manifest, given, context);
    if (!sample.ok) return sample;
    samples.push(sample.value);
  }
  const results = needs.storage.transactionSync(() =>
    samples.map((sample) => keep(needs, asked.get(sample.id) ?? manifest, sample, context.source)),
  );
  const changed = results.filter((one) => one.changed).length;
  const line = { event: "labelled", span: beginSpan(context), ids: results.map(({ id }) => id) } as const;
  logHere(needs, line, { source: context.source, changed });
  const isRuleChanged = [...new Set([manifest, ...asked.values()])].some((one) => needs.rule.ruleChange(one) !== null);
  if (isRuleChanged) needs.jobs.bring("rule", "", Date.now());
  return ok(results);
}

// A question is judged by the rule and the certificate of the version that answered it.
async function manifestsOf(
  { questions, manifests }: Pick<LabelNeeds, "questions" | "manifests">,
  manifest: ClassifyManifest,
  labels: readonly NewLabel[],
): Promise<Map<string, ClassifyManifest>> {
  const asked = new Map<string, ClassifyManifest>();
  for (const { id } of labels) {
    const base = questions.find(id)?.base;
    if (base !== undefined && base !== manifest.version) asked.set(id, await manifests.get(base));
  }
  return asked;
}

async function sampleOf(
  needs: LabelNeeds,
  manifest: ClassifyManifest,
  given: NewLabel,
  { owner: labeller, source, labelledAt }: LabelContext,
): Promise<Result<NewSample, LabelRefusal>> {
  const { id, label } = given;
  if (!manifest.labels.includes(label)) return fail({ kind: "unknown-label", id, label });
  const row = needs.questions.find(id);
  const known = row ? null : needs.samples.find(id);
  const owner = row ? row.owner : known ? known.owner : labeller;
  if (labeller !== null && owner !== labeller) return fail({ kind: "not-yours", id });
  if (row) {
    const instance = manifest.policy.keepInputs ? row.instance : null;
    return ok({ ...row, instance, owner, label, source, labelledAt });
  }
  if (known) return ok({ ...known, label, source, labelledAt, embedding: null });
  if (!given.instance) return fail({ kind: "no-instance", id });
  const { at = labelledAt } = given;
  const { groupBy, keepInputs } = manifest.policy;
  const groupKey = groupKeyOf(groupBy, { id, instance: given.instance, at });
  const dealt = await assignSplit(needs.env.SPLIT_SECRET, needs.region, groupKey);
  // A retrain embeds it and then deletes the instance; it does not embed calibration.
  const instance = keepInputs || dealt.split !== "calibration" ? given.instance : null;
  const unseen = { inclusionProbability: null, accepted: null, embedding: null };
  return ok({ id, instance, label, source, ...dealt, groupKey, owner, at, labelledAt, ...unseen });
}

function keep(
  needs: LabelNeeds,
  manifest: ClassifyManifest,
  sample: NewSample,
  source: LabelContext["source"],
): LabelResult {
  const { samples, questions, rule, canary, counts } = needs;
  const { id, label, split } = sample;
  // The origin's label judges nothing: the first of another source does.
  const before = samples.find(id);
  const isFirst = before === null || before.source === "origin";
  const changed = keepSample(needs, manifest, sample);
  if (changed) canary.labelled(id, label, source);
  const row = questions.find(id);
  if (changed && row) {
    const { accepted, prediction, inclusionProbability } = row;
    rule.labelled(manifest, { id, accepted, prediction, label, source, inclusionProbability }, isFirst);
    const { answer, base } = row;
    if (isFirst && answer.status === "answered") counts.judged(base, answer.rung, answer.label === label);
  }
  if (row?.answer.status === "open") {
    settle(needs, manifest, labelledAnswer(row, label, source));
  } else if (changed && row && before?.source === source && row.answer.version === source) {
    // The source that answered corrects its answer.
    questions.correctAnswer(labelledAnswer(row, label, source));
  }
  if (row) leaveReview(needs, id);
  if (row && !manifest.policy.keepInputs) questions.dropInput(id);
  const known = samples.find(id);
  return { id, label: known?.label ?? label, source: known?.source ?? source, split, changed };
}
