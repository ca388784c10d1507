import type { CanaryReport } from "#core/confidence/canary.ts";
import type { DriftTest } from "#core/confidence/drift.ts";
import type { UntrustedLimits } from "#core/confidence/trust.ts";
import type {
  Answer,
  CertificateState,
  Contributed,
  Contribution,
  ExternalRungState,
  HeadManifest,
  HeadPointer,
  Instance,
  LabelResult,
  LabelSource,
  Question,
  QuestionBrief,
  QuestionFilter,
  QuestionPage,
  QuestionWay,
  RegionEscalation,
  RegionSpending,
  Rule,
  Run,
  SentSuspects,
  Split,
  Suspects,
  VersionCounts,
} from "#core/contract/index.ts";
import type { ChangeOfSums, ClassTotal } from "#core/head/contribution.ts";
import type { Saturated } from "#core/limits/admission.ts";
import type { ReachedLimit } from "#core/limits/limits.ts";
import type { RegionBrief } from "#core/region-brief.ts";
import type { Result } from "#core/result.ts";
import type { Hop } from "#core/rung/rung.ts";
import type { RadiusReport } from "#core/semantic-cache/radius.ts";

/** A question that reaches the region: with the edge's answer, or without one when it is escalated. */
export interface IncomingQuestion {
  question: Question;
  answer: Answer | null;
  /** The share of accepted questions about which the rung above was to be asked; the audit share unless given. */
  opinionShare?: number;
}

/** Questions that the edge answered for one caller, and how they came. */
export interface KeepCall {
  incoming: IncomingQuestion[];
  hop: Hop;
}

/** The answers to a call, and the revision of the region's head: an edge with an older head fetches the new one. */
export interface RegionReply {
  answers: Answer[];
  headRevision: number;
}

/** The id is known with another payload, or was asked by another caller. Nothing of the call was stored. */
export interface QuestionConflict {
  kind: "conflict";
  id: string;
}

/** Why a region takes none of the questions of a call. Only a hop with limits is refused for another reason than a conflict. */
export type AskRefusal = QuestionConflict | Saturated | { kind: "limited"; limit: ReachedLimit };

/** Why an answer is not shown. `limited`: its reader waits for as many as it may. */
export type ReadRefusal = { kind: "unknown" } | { kind: "not-yours" } | { kind: "limited"; limit: ReachedLimit };

/** A label for a question. `instance` is required where the region does not have the question. */
export interface NewLabel {
  id: string;
  label: string;
  instance?: Instance;
  /** Data time of the question; needed where the region does not have it. */
  at?: number;
  /** The tokens that asked and that gave it first, where an admin teaches it again; the caller's unless given. */
  owner?: string;
  labelledBy?: string;
}

/** Who gives labels, and when. */
export interface LabelContext {
  /** The caller whose questions may be labelled; null is an admin, who may label all. */
  owner: string | null;
  source: Exclude<LabelSource, "origin">;
  labelledAt: number;
  traceparent?: string | null;
  /** The id of the token that gives them; `owner` unless given. */
  labelledBy?: string | null;
  /** Whether that token is trusted; yes, unless given. */
  trusted?: boolean;
}

/** Why labels are refused: all of a call, because of one. */
export type LabelRefusal = { id: string } & (
  | { kind: "unknown-label"; label: string }
  | { kind: "no-instance" }
  | { kind: "not-yours" }
  /** The token is not trusted, and the region takes no more labels of it. A limit of a day ends at midnight (UTC). */
  | { kind: "untrusted-limit"; limit: keyof UntrustedLimits; max: number; given: number }
);

/** A label from a person. `instance` is null where an earlier label brought it. */
export interface HumanLabel {
  id: string;
  label: string;
  instance: Instance | null;
  /** Data time of the question, used where the region does not know the question. */
  at: number;
  traceparent?: string | null;
  /** The id of the token that the person used; null where it is not known. */
  labelledBy?: string | null;
  /** Whether that token is trusted; yes, unless given. */
  trusted?: boolean;
}

/** Why people are not asked to check labels. */
export type SuspectRefusal =
  /** The region has no such sample, or not its instance. */
  | { kind: "unfit"; ids: { id: string; reason: "unknown" | "no-instance" }[] }
  /** People would have too many of the region. */
  | { kind: "full"; max: number; waiting: number };

/** Why a question is not forgotten. */
export type ForgetRefusal = { kind: "unknown" } | { kind: "not-yours" };

/** The two versions of a watched canary, and the number of the watch: a new watch starts over. */
export interface CanaryPair {
  watch: number;
  stable: number;
  canary: number;
}

/** A sample that changed, with what a rung above that we don't own said of the question. */
export type ChangedSample = StoredSample & { above?: Record<string, number> };

/** A sample as the region stores it. */
export interface StoredSample {
  /** The sample's first revision. Never used twice. */
  number: number;
  /** Grows with each change in the region. */
  revision: number;
  id: string;
  /** null where the model keeps no inputs. */
  instance: Instance | null;
  label: string;
  source: LabelSource;
  split: Split;
  fold: number;
  groupKey: string;
  /** Recorded probability that the question is labelled; null where none was recorded: such a sample never certifies. */
  inclusionProbability: number | null;
  /**
   * Whether a rule accepted the question; null where it was never asked, and where candidates restricted it: then it has an
   * inclusion probability.
   */
  accepted: boolean | null;
  /** The caller who owns the question; null is an admin. */
  owner: string | null;
  at: number;
  labelledAt: number;
  /** The id of the token that gave the label; null where none did, or an earlier release did not record it. */
  labelledBy: string | null;
  /** Whether that token was trusted. Such a label trains within limits and never judges. */
  trusted: boolean;
}

/** What was forgotten of an owner. */
export interface ForgottenOwner {
  samples: number;
  /** The versions whose head had learned from it: the global head serves them until the retrain that has been started ends. */
  bases: number[];
}

/** What labels a region has from whom. */
export interface LabelInfluence {
  /** Trusted labels, by truth or by people, in `train`: what the limits are relative to. */
  evidence: number;
  /** Samples whose label is not trusted. */
  untrusted: number;
  limits: UntrustedLimits;
  /** Labels refused today (UTC) because of the limits on untrusted tokens. */
  refusedToday: number;
  /** Tokens with the most labels, the first ones first; null is unknown. */
  owners: { owner: string | null; trusted: boolean; samples: number }[];
}

/** The id of a forgotten sample. */
export interface ForgottenSample {
  id: string;
  revision: number;
}

/** Stands for all ids of a region in `ForgottenSample.id`. */
export const wholeRegion = "";

/** A page of the samples that changed after a revision, and the revision to continue from. */
export interface SampleChanges {
  samples: ChangedSample[];
  forgotten: ForgottenSample[];
  revision: number;
  isLast: boolean;
  /** The epoch of the object's state; absent in the reply of an object of an earlier release. */
  epoch?: string;
}

/** What the region counts, its open questions, and whether the next rung is called. */
export interface RegionActivity {
  region: string;
  versions: VersionCounts[];
  open: number;
  breaker: "closed" | "open";
  /** Whether the rungs above answer; absent where they were not asked since the object woke, or too few calls failed. */
  above?: "answers" | "fails";
  /** The newest stored questions; absent of an object of an earlier release. */
  recent?: QuestionBrief[];
  /** On a node alone: the questions that wait for the rung above, and the revision of the last sample that changed. */
  backlog?: number;
  revision?: number;
}

/** What a region tells the registry, for looks at all regions. It has totals: a later one replaces an earlier one. */
export interface RegionReport {
  /** The version that `state` is about. */
  base: number;
  activity: RegionActivity;
  /** Null where it is too large for a report; then `brief` is there, except of an object of an earlier release. */
  state: RegionSummary | null;
  brief?: RegionBrief;
}

/** The certified radius of the semantic cache on a base version (null: off), and the report of the last attempt. */
export interface SemanticCacheState {
  radius: number | null;
  report: Pick<RadiusReport, "reason"> & Partial<RadiusReport>;
}

/** The result of a drift check. */
export interface DriftReport extends Partial<DriftTest> {
  /** Data time of the check, ms since 1970. */
  at: number;
  alarm: boolean;
  /** The reference: the same season of earlier years, or everything before the last month. */
  against: "season" | "before" | "nothing";
  recent: number;
  reference: number;
}

/** The state of a region for the version that serves it. */
export interface RegionSummary {
  certificate: CertificateState | null;
  rule: Rule | null;
  escalation: RegionEscalation | null;
  /** The rungs above that we don't own; absent without any. */
  above?: ExternalRungState[];
  /** What the rungs with a price cost in this month; absent without any. */
  spending?: RegionSpending;
  semanticCache: SemanticCacheState | null;
  drift: DriftReport | null;
  archived: number;
  bytes: number;
  region: string;
  headManifest: HeadManifest | null;
  questions: { total: number; open: number };
  samples: Record<Split, number>;
  /** Absent in releases that trusted every label. */
  influence?: LabelInfluence;
  /** Absent without contributions. */
  contributions?: { contributors: number; labels: number };
  newestSampleAt: number | null;
  breaker: "closed" | "open";
  retrainDueAt: number | null;
  lastRun: Run | null;
}

/** A page of what a region of a node learned on site, as the rung above is told it. */
export interface LabelsForAbove {
  /** The region that they have above. */
  region: string;
  labels: { id: string; label: string; source: "truth" | "human"; instance: Instance | null; at: number }[];
  /** The ids above of what was forgotten here. */
  forgotten: string[];
  revision: number;
  isLast: boolean;
  epoch?: string | undefined;
}

/** What sums that may be contributed have to keep to. */
export interface SumsLimits {
  /** Labels of a class, in all and since the sums that were sent before. */
  minLabels: number;
  /** The revision up to which samples went up. */
  sentThrough: number;
  /** What the sums that were sent last had, for each backbone. */
  sent: { backbone: string; classes: ClassTotal[] }[];
}

/** The sums that a region of a node may contribute; null where they are of too few labels. */
export interface SumsForAbove {
  /** The region that they have above. */
  above: string;
  backbone: string;
  names: string[];
  labels: number;
  /** Grows where something is forgotten. */
  forgotten: number;
  classes: ClassTotal[];
  /** How they differ from those that were sent before on this backbone. */
  change: ChangeOfSums;
  sums: ArrayBuffer | null;
}

/** A contribution whose sums were checked. Its classes are those of the model, in order, then its open labels. */
export interface CheckedContribution {
  revision: number;
  backbone: string;
  width: number;
  classes: number;
  openLabels: string[];
  /** Whether its token is trusted: retrains learn from no other. */
  trusted: boolean;
  /** float64. */
  sums: ArrayBuffer;
}

/** Why a contribution is not stored. `stale`: one with this revision is, or was withdrawn. */
export type ContributionRefusal =
  | { kind: "stale"; revision: number }
  | { kind: "labels-full"; max: number }
  | { kind: "limited"; limit: ReachedLimit };

/** The sums of all contributions, over the model's labels and then the open ones. */
export interface OpenTeaching {
  revision: number;
  backbone: string;
  labels: string[];
  counts: number[];
  sums: ArrayBuffer;
}

/** What a region does for the edge, the registry and the review queue. */
export interface RegionApi {
  /** Stores escalated questions, each once, and answers those that the semantic cache or the rungs above answer in time. */
  ask(base: number, questions: Question[], hop: Hop): Promise<Result<RegionReply, AskRefusal>>;
  /** Stores questions that the edge answered, each once: the first answer to an id stays. */
  keep(base: number, incoming: IncomingQuestion[], hop: Hop): Promise<Result<RegionReply, AskRefusal>>;
  /** Stores the questions of several requests, each request as `keep` does. */
  keepEach(base: number, calls: KeepCall[]): Promise<Result<RegionReply, AskRefusal>[]>;
  /**
   * Returns a question's answer to its owner (null: an admin). Waits up to `waitMs` for an open one.
   * @param waitsMax how many of its owner's reads may wait at a time; any number unless given
   */
  read(id: string, owner: string | null, waitMs: number, waitsMax?: number): Promise<Result<Answer, ReadRefusal>>;
  /** Returns the answers to questions of an owner (null: an admin); those of others and unknown ones are left out. */
  readAll(ids: readonly string[], owner: string | null): Answer[];

  /** Returns everything that is recorded of a question; null for an unknown one. */
  way(id: string): QuestionWay | null;
  /** Lists stored questions that pass a filter, the newest first, before a row number (null: all). */
  questionPage(filter: QuestionFilter, before: number | null, limit: number): QuestionPage;

  /** Records true labels: all of them or none. */
  recordTruths(base: number, labels: NewLabel[], context: LabelContext): Promise<Result<LabelResult[], LabelRefusal>>;
  /** Records a person's label. The same label again changes nothing. */
  recordHumanLabel(label: HumanLabel): Promise<void>;
  /** Closes a question that no person can answer: its caller receives the provisional answer. */
  closeUnanswered(id: string): Promise<void>;

  /**
   * Starts a retrain on the samples up to data time `at` and waits up to `waitMs` for its end. Labels of `acceptedOwners` may
   * decide its outcome although they are not trusted.
   */
  startRetrain(base: number, at: number, waitMs: number, acceptedOwners?: readonly string[]): Promise<Run>;
  /** Trains the region's head for a new version. Returns true once that is done, or where it is not needed. */
  prepare(version: number): boolean;
  /** Lists the latest retrains, the newest first. */
  runs(): Run[];
  /** Takes the region's head and rule from the registry. An older revision changes nothing. */
  setHead(base: number, pointer: HeadPointer): void;
  /** Lists the region's head and rule on each version, as the registry last sent them. */
  headPointers(): { base: number; pointer: HeadPointer }[];

  /** Writes the blob of the region's head on a version again, where it is missing or corrupt; false where it can't. */
  repairHeads(base: number): Promise<boolean>;

  /** Starts to compare the versions of a canary, and returns the comparison so far. */
  compareCanary(pair: CanaryPair): Promise<CanaryReport>;
  /** Deletes the comparison of a watch that has ended. */
  endCanary(watch: number): void;

  /** Forgets a question for its owner (null: an admin). Retrains in progress start over without it. */
  forgetQuestion(id: string, owner: string | null): Promise<Result<null, ForgetRefusal>>;
  /**
   * Forgets every sample that a token owns or has labelled, also archived ones: sums are as if they had never come. What they
   * moved starts over: threshold, certificate, semantic cache, comparison of the rungs, and the head, which is trained again.
   */
  forgetOwner(owner: string): Promise<ForgottenOwner>;
  /** Forgets questions, samples and retrains. The registry takes the heads out of use. */
  forget(): Promise<void>;

  /**
   * Returns a page of the samples that changed, and of the ids that were forgotten, after a revision. A revision of another
   * epoch says nothing of this object's state: the page is the first one then.
   */
  samplesSince(revision: number, epoch?: string): Promise<SampleChanges>;
  /** Stores sums of a place below under its token and its id, in place of those before. */
  contribute(
    base: number,
    owner: string,
    id: string,
    given: CheckedContribution,
  ): Promise<Result<Contributed, ContributionRefusal>>;
  /** Removes a contribution exactly; null where there has been none. */
  withdraw(base: number, owner: string, id: string): Promise<Contributed | null>;
  /** Lists contributions, the last ones first. */
  contributions(): Contribution[];
  /** Returns the sums of all contributions on a base version's backbone. */
  openSums(base: number): Promise<OpenTeaching>;
  /** Returns the sums over all of train and of the contributions that count, on a base version's backbone. */
  sums(base: number): Promise<{ labels: number; backbone: string; bytes: ArrayBuffer }>;
  /** Lists samples whose label may be wrong: a head that has not learned from them disagrees. */
  suspects(base: number, limit: number): Promise<Suspects>;
  /** Sends samples to the review queue, all of them or none: people check their labels. Those that are there stay as they are. */
  reviewSuspects(ids: readonly string[]): Promise<Result<SentSuspects, SuspectRefusal>>;
  counts(): RegionActivity;
  /** Returns a page of what was learned on this site after a revision; null while no version serves the region. */
  labelsForAbove(revision: number, epoch?: string): Promise<LabelsForAbove | null>;
  /** Returns the sums of what was learned on this site; null while no version serves the region. */
  sumsForAbove(limits: SumsLimits): Promise<SumsForAbove | null>;
  /** Asks the rung above at once about what has waited while it could not be reached. */
  escalateNow(): void;
  state(base: number): Promise<RegionSummary>;
}
