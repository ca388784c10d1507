import { canonicalJson } from "#core/canonical.ts";
import type { ClassifyManifest, LabelResult, LabelSource } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { fail, ok, type Result } from "#core/result.ts";
import { restricts } from "#core/rung/candidates.ts";
import { taskOf } from "#core/task/index.ts";
import { beginSpan } from "#core/trace-context.ts";
import type { Jobs } from "#objects/jobs.ts";
import { labelledAnswer } from "../answering/answers.ts";
import type { Log } from "../answering/log.ts";
import type { Settlement } from "../answering/settlement.ts";
import type { Worth } from "../answering/worth.ts";
import type { LabelContext, LabelRefusal, NewLabel } from "../api.ts";
import type { Manifests } from "../artefacts.ts";
import type { CanaryAnswers } from "../tables/canary-answers.ts";
import { type Check, type Checks, isAsked } from "../tables/checks.ts";
import type { RegionCounter } from "../tables/counts.ts";
import type { GroupWindows } from "../tables/group-windows.ts";
import type { Questions, StoredQuestion } from "../tables/questions.ts";
import type { NewSample, Samples } from "../tables/samples.ts";
import type { Archive } from "./archive.ts";
import type { Influence } from "./influence.ts";
import { hasJudged, isAskedAnyway } from "./label-checks.ts";
import type { LiveRule } from "./live-rule.ts";
import type { SampleKeeper } from "./sample-keeper.ts";
import { secondAnswerDelayMs } from "./second-answers.ts";
import type { Splitting } from "./splitting.ts";

/** What recording labels reads and changes. */
interface LabellingNeeds {
  splitting: Splitting;
  manifests: Pick<Manifests, "get">;
  questions: Questions;
  samples: Pick<Samples, "find">;
  checks: Pick<Checks, "find" | "setAnswered" | "setJudged" | "remove">;
  archive: Pick<Archive, "restore">;
  influence: Pick<Influence, "refuse" | "take">;
  sampleKeeper: SampleKeeper;
  settlement: Settlement;
  rule: Pick<LiveRule, "recordLabel" | "ruleToPublish">;
  groups: Pick<GroupWindows, "due">;
  worth: Pick<Worth, "recordLabel">;
  canary: Pick<CanaryAnswers, "recordLabel" | "borrowInput">;
  counts: Pick<RegionCounter, "judged">;
  jobs: Pick<Jobs, "bringForward" | "put">;
  log: Log;
  transaction: <T>(work: () => T) => T;
}

/** Records labels: as samples, in the live rule and the certificate, as answers to open questions. */
export class Labelling {
  private readonly needs: LabellingNeeds;

  constructor(needs: LabellingNeeds) {
    this.needs = needs;
  }

  /** Records labels, all of them or none. Those of a token that is not trusted only train, and few of them. */
  async record(
    manifest: ClassifyManifest,
    labels: readonly NewLabel[],
    context: LabelContext,
  ): Promise<Result<LabelResult[], LabelRefusal>> {
    const { archive, influence, rule, groups, jobs, log, transaction } = this.needs;
    const refused = transaction(() => this.refuse(manifest, labels, context));
    if (refused) return refused;
    await archive.restore(labels.map(({ id }) => id));
    const samples: NewSample[] = [];
    const asked = await this.manifestsOf(manifest, labels);
    for (const label of labels) {
      const sample = await this.sampleOf(manifest, label, context);
      if (!sample.ok) return sample;
      samples.push(sample.value);
    }
    const recorded = transaction((): Result<LabelResult[], LabelRefusal> => {
      const [first] = samples;
      const beyond = first && !first.trusted ? influence.take(samples, first.labelledBy ?? "") : null;
      // A person's answer reaches its caller all the same; it does not become a sample.
      if (beyond && first && context.source === "truth") return fail({ id: first.id, ...beyond });
      const isKept = beyond === null;
      return ok(
        samples.map((sample) => this.recordSample(asked.get(sample.id) ?? manifest, sample, context.source, isKept)),
      );
    });
    if (!recorded.ok) return recorded;
    const results = recorded.value;
    const changed = results.filter((result) => result.changed).length;
    const line = { event: "labelled", span: beginSpan(context), ids: results.map(({ id }) => id) } as const;
    log(line, { source: context.source, changed });
    const isRuleDue = [...new Set([manifest, ...asked.values()])].some(
      (one) => rule.ruleToPublish(one) !== null || groups.due(one.version) !== null,
    );
    if (isRuleDue) jobs.bringForward("rule", "", Date.now());
    return ok(results);
  }

  // Before anything is looked up or recorded: a refused call leaves only a count.
  private refuse(
    manifest: ClassifyManifest,
    labels: readonly NewLabel[],
    { owner, labelledBy = owner, source, trusted = true }: LabelContext,
  ): Result<never, LabelRefusal> | null {
    const [first] = labels;
    if (trusted || source !== "truth" || !first) return null;
    const task = taskOf(manifest);
    const given = labels.map(({ id, label }) => ({ id, label: task.parse(label) ?? label, source, trusted }));
    const refusal = this.needs.influence.refuse(given, labelledBy ?? "");
    return refusal && fail({ id: first.id, ...refusal });
  }

  // A label counts under the rule and the certificate of the version that answered the question.
  private async manifestsOf(
    manifest: ClassifyManifest,
    labels: readonly NewLabel[],
  ): Promise<Map<string, ClassifyManifest>> {
    const { questions, manifests } = this.needs;
    const asked = new Map<string, ClassifyManifest>();
    for (const { id } of labels) {
      const base = questions.find(id)?.base;
      if (base !== undefined && base !== manifest.version) asked.set(id, await manifests.get(base));
    }
    return asked;
  }

  private async sampleOf(
    manifest: ClassifyManifest,
    { id, label: said, instance: sent, at: givenAt, owner: asked, labelledBy: first }: NewLabel,
    { owner: caller, source, labelledAt, labelledBy: by = caller, trusted = true }: LabelContext,
  ): Promise<Result<NewSample, LabelRefusal>> {
    const { splitting, questions, samples } = this.needs;
    const label = taskOf(manifest).parse(said);
    if (label === null) return fail({ kind: "unknown-label", id, label: said });
    const row = questions.find(id);
    const known = row ? null : samples.find(id);
    const owner = row ? row.owner : known ? known.owner : (asked ?? caller);
    if (caller !== null && owner !== caller) return fail({ kind: "not-yours", id });
    const given = { label, source, labelledAt, labelledBy: first ?? by, trusted };
    if (row) {
      const instance = manifest.policy.keepInputs ? row.instance : null;
      // What it was asked without candidates is not known: it certifies no semantic cache.
      const accepted = restricts(manifest.labels, row.candidates) ? null : row.accepted;
      return ok({ ...row, instance, accepted, owner, ...given });
    }
    if (known) return ok({ ...known, ...given, embedding: null });
    if (!sent) return fail({ kind: "no-instance", id });
    const at = givenAt ?? labelledAt;
    const { keepInputs } = manifest.policy;
    const content = await sha256Hex(canonicalJson(sent));
    const assigned = splitting.assign(manifest, { id, instance: sent, at, content });
    // A retrain embeds the instance and then deletes it. It embeds nothing of `calibration`.
    const instance = keepInputs || assigned.split !== "calibration" ? sent : null;
    const neverAsked = { inclusionProbability: null, accepted: null, embedding: null };
    return ok({ id, instance, ...given, ...assigned, owner, at, ...neverAsked });
  }

  private recordSample(
    manifest: ClassifyManifest,
    given: NewSample,
    from: LabelContext["source"],
    isKept: boolean,
  ): LabelResult {
    const { samples, questions, sampleKeeper, settlement, canary, jobs } = this.needs;
    const before = samples.find(given.id);
    const row = questions.find(given.id);
    const check = before && this.needs.checks.find(given.id);
    // Unless people were asked for the question's own sake.
    const isCheck = check !== null && from === "human" && isAsked(check) && !isAskedAnyway(row, before);
    const { id, label, split, trusted, labelledBy } = given;
    // A person who checks a truth may correct it.
    const source = isCheck && trusted && before?.source === "truth" ? before.source : from;
    const labelledAt = isCheck && before ? before.labelledAt : given.labelledAt;
    const changed = isKept && sampleKeeper.keep(manifest, { ...given, source, labelledAt });
    const task = taskOf(manifest);
    // Checked labels are chosen, those that a head contradicts: they would make errors look fewer than they are.
    const judges = changed && trusted && !isCheck;
    const isPairDue = judges && canary.recordLabel(task, id, label, source);
    if (isPairDue) jobs.bringForward("second-answers", "", Date.now() + secondAnswerDelayMs);
    if (judges && row && !restricts(manifest.labels, row.candidates)) {
      this.judge(manifest, row, { label, source, isFirst: !(check?.judged ?? hasJudged(before)) });
    }
    if (isCheck) this.needs.checks.setAnswered(id, trusted ? "checked" : "ignored");
    else if (check && changed) this.overtake(check, label === before?.label);
    const mayAnswer = trusted || source === "human" || row?.owner === labelledBy;
    if (row?.answer.status === "open" && mayAnswer) {
      settlement.settle(manifest, labelledAnswer(task, row, label, source));
    } else if (changed && row && before?.source === source && isAnsweredBy(row, source, before.label)) {
      // The source of the answer has corrected it.
      questions.correctAnswer(labelledAnswer(task, row, label, source));
    }
    // An audit waits for a label that may judge.
    const isDone = trusted || !row?.audited;
    if (row && isDone) settlement.leaveReview(id);
    if (row && isDone && !manifest.policy.keepInputs) {
      if (isPairDue) canary.borrowInput(id);
      else questions.dropInput(id);
    }
    const known = samples.find(id);
    return { id, label: known?.label ?? label, source: known?.source ?? source, split, changed };
  }

  /** Ends a check, since another label has come. A label that is the one that a person gave stays checked. */
  private overtake(check: Check, isSame: boolean): void {
    const { checks, jobs } = this.needs;
    if (isSame && check.state === "checked") {
      checks.setJudged(check.id);
      return;
    }
    checks.remove(check.id);
    if (isAsked(check)) jobs.put("withdraw", check.id, Date.now());
  }

  // Only trusted labels come here: what judges rungs, rules and answers must be more reliable than they are.
  private judge(
    manifest: ClassifyManifest,
    row: StoredQuestion,
    { label, source, isFirst }: Pick<NewSample, "label" | "source"> & { isFirst: boolean },
  ): void {
    const { rule, worth, counts } = this.needs;
    const { id, accepted, prediction, inclusionProbability, answer, base } = row;
    rule.recordLabel(manifest, { id, accepted, prediction, label, source, inclusionProbability }, isFirst);
    if (!isFirst) return;
    worth.recordLabel(manifest, row, label, source);
    if (answer.status !== "answered") return;
    counts.judged(base, answer.rung, taskOf(manifest).isRight(answer.label, label));
  }
}

/** Tells whether a source gave a question its answer, or ended it with a label outside its candidates. */
function isAnsweredBy({ answer, candidates }: StoredQuestion, source: LabelSource, label: string): boolean {
  return answer.version === source || (!answer.accepted && candidates?.includes(label) === false);
}
