import type { BudgetGrant, BudgetReport } from "#core/budget/lease.ts";
import type { GroupPlan, GroupSums } from "#core/confidence/group.ts";
import type {
  AddedWebhook,
  Alerts,
  CanaryPlan,
  CanaryState,
  CertificateState,
  Counts,
  HeadManifest,
  HeadPointer,
  HistoryEvent,
  Manifest,
  ModelPointer,
  ModelSpending,
  QuestionBrief,
  RegionCounts,
  RegionHead,
  Rule,
  SeriesRange,
  VersionCounts,
  VersionList,
  WebhookOrder,
} from "#core/contract/index.ts";
import type { RegionTotals } from "#core/region-totals.ts";
import type { Result } from "#core/result.ts";
import type { RateLimit, Turns } from "#core/rung/external/rate-limit.ts";
import type { WatchedCanary } from "#core/watched-canary.ts";
import type { RegionReport } from "../region/api.ts";

/** A version as the registry lists it. */
export type RegisteredVersion = Omit<VersionList["versions"][number], "preparing">;

/** A canary to start, and the plan by which it is promoted or rolled back. */
export interface WatchOrder {
  version: number;
  share: number;
  plan: CanaryPlan;
  deadlineMs: number;
}

/** What an isolate answered at the edge since its last batch. It is sent again until it is acknowledged. */
export interface CountBatch {
  isolate: string;
  /** Grows by one with each batch of an isolate: the registry adds a batch once. */
  sequence: number;
  rows: RegionCounts[];
}

/** What the registry replies to a region's report. */
export interface ReportReceipt {
  /** The version that serves the region; null while none does. */
  base: number | null;
  /** How long the region waits until its next report, at least. */
  everyMs: number;
  /** How long after it the last changes before a pause are reported. */
  trailingMs: number;
}

/** Which regions a look shows. */
export interface LookRequest {
  /** The regions that the token may use; null for all. */
  only: string[] | null;
  /** Regions to list one by one: by name, after one; those that registered first; or those that need most. None by default. */
  list?: { by: "name"; after: string; limit: number } | { by: "age"; limit: number } | { by: "need"; limit: number };
  /** The group of all regions, where they are one: the version that it is about, and its plan. */
  group?: { base: number } & Pick<GroupPlan, "targetRisk" | "delta">;
  /** The month's budget in US dollars, null for none, where rungs with a price are counted. */
  budget?: { usdPerMonth: number | null };
}

/** What regions have reported since a time: how a node knows where something waits to go up. */
export interface RegionNews {
  /** Questions that wait for the rung above, of all regions. */
  backlog: number;
  /** Regions whose report is of that time or later, with the revision of the last sample that changed there. */
  regions: { region: string; at: number; revision: number }[];
}

/** A region in a look. */
export interface SeenRegion {
  region: string;
  /** When its last report came, ms since 1970, and what it said; null before the first. */
  asOf: number | null;
  report: RegionReport | null;
  /** What the edge answered by itself. */
  edge: VersionCounts[];
}

/** What a model's registry knows at one moment. */
export interface RegistryLook {
  pointer: ModelPointer;
  /** The canary that is watched, with sums over its regions; null without one. */
  canary: WatchedCanary | null;
  /** What the labels of all regions prove together, and what rungs with a price cost; null where that is not asked. */
  group: CertificateState | null;
  spending: ModelSpending | null;
  /** Sums over all regions that the request is about, and the edge. */
  totals: RegionTotals;
  /** When the last report came, ms since 1970; null before the first. */
  asOf: number | null;
  regions: SeenRegion[];
  /** The name after which the next page starts; null on the last one. */
  next: string | null;
  /** How many regions have not reported; absent in the reply of an earlier release. */
  missing?: number;
  /** Regions that have not reported, and those that stopped asking the rung above: some of them by name. */
  unanswered: string[];
  breakersOpen: string[];
}

/** What was counted in a step of time, over all regions and versions. */
export interface CountedStep {
  /** When it begins, ms since 1970. */
  at: number;
  counts: Counts;
}

/** The head that a region's questions are answered by (null: the global one), and whether its object lost its state since. */
export interface ServedHead {
  region: string;
  head: HeadManifest | null;
  isLost: boolean;
}

/** Why the registry refuses a request. */
export type RegistryRefusal =
  | { kind: "version-exists"; version: number }
  | { kind: "version-not-next"; version: number; next: number }
  | { kind: "version-unknown"; version: number; latest: number | null }
  | { kind: "canary-without-stable" }
  | { kind: "canary-is-stable"; version: number }
  | { kind: "no-previous-version" }
  | { kind: "webhooks-full"; max: number }
  | { kind: "registry-lost" }
  | { kind: "registry-not-behind"; latest: number; copied: number }
  | { kind: "no-copy"; reason: string }
  | { kind: "head-unknown"; region: string; base: number; number: number };

/** A registry that was restored. */
export interface RestoredRegistry {
  pointer: ModelPointer;
  /** How many versions, heads and regions it knows. */
  versions: number;
  heads: number;
  regions: number;
  /** When the copy was made, ms since 1970. */
  copiedAt: number;
}

/** What a model's registry does for the edge and the regions. */
export interface RegistryApi {
  /** Stores a signed and checked manifest as the next version. The same manifest again changes nothing. */
  publish(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>>;
  /** Stores a version of the rung above, whose signature and blobs were checked, under its number there. */
  take(manifest: Manifest): Promise<Result<RegisteredVersion, RegistryRefusal>>;
  /** Moves the pointer: for all callers (`share` null), or for a share of them as a canary. */
  rollout(version: number, share: number | null): Result<ModelPointer, RegistryRefusal>;
  /** Starts a canary that is promoted or rolled back by questions that both versions answer. */
  rolloutWatched(order: WatchOrder): Result<ModelPointer, RegistryRefusal>;
  /** Ends a canary; without one, returns to the previous stable version and the heads it had. */
  rollback(): Result<ModelPointer, RegistryRefusal>;
  /**
   * Rebuilds an empty registry from its copy in R2, with heads and history; refuses where it has a state that is not behind
   * the copy. Revisions go on above all that were copied.
   */
  restore(): Promise<Result<RestoredRegistry, RegistryRefusal>>;
  /** Returns the canary that is watched, or the last one; null where there never was one. */
  canary(): CanaryState | null;
  pointer(): ModelPointer;
  /** Returns the jurisdiction that the platform keeps the object in; null without one. */
  jurisdiction(): string | null;
  list(): VersionList & {
    /** Absent of an object of an earlier release. */
    pointer?: ModelPointer;
  };

  /** Claims the next scheduled training: true for one caller a period. */
  claimTraining(everyMs: number, at: number): boolean;
  /** Ends a claim: the training was requested at `at`, or null where the request was not accepted. */
  endTrainingClaim(at: number | null): void;

  headPointer(base: number, region: string): HeadPointer;
  /** Returns the head pointers of several regions on a base version, in their order. */
  headPointersAt(base: number, regions: string[]): HeadPointer[];
  /** Lists the known regions with the heads that serve them now. */
  servedHeads(): ServedHead[];
  /** Returns the number of a region's next head on a base version. Numbers are never used twice. */
  nextHeadNumber(base: number, region: string): number;
  /** Makes a head the region's current one. The same head again changes nothing. */
  publishHead(head: HeadManifest): HeadPointer;
  /** Stores a region's accept rule. */
  setRule(base: number, region: string, rule: Rule): HeadPointer;
  /**
   * Takes what a region has counted for its group's certificate. Returns the number of the group's window: a region that
   * counts for an earlier one starts over. What an object counted before it lost its state (another `epoch`) stays counted.
   */
  addGroupSums(base: number, region: string, sums: GroupSums, plan: GroupPlan, epoch?: string): number;
  /** Returns what the labels of all regions prove together; null before the first. */
  groupState(base: number, plan: Pick<GroupPlan, "targetRisk" | "delta">): CertificateState | null;
  /**
   * Returns a region to its previous head, or to the one with this number; null is the global head. With `forgetsRule` also to
   * the head's own rule.
   */
  rollbackHead(
    base: number,
    region: string,
    number?: number | null,
    forgetsRule?: boolean,
  ): Result<HeadPointer, RegistryRefusal>;
  /** Lists every head that a region ever had, and what was done with them. */
  regionHistory(region: string): { heads: RegionHead[]; history: HistoryEvent[] };

  /** Adds what an isolate answered at the edge. The same batch again changes nothing. */
  addCounts(batch: CountBatch): void;
  /** Returns what the edge answered by itself, by region and version. */
  counts(): RegionCounts[];

  /**
   * Takes a region's report in place of the one before; null where the region has not registered. A report may be lost, and
   * may come twice.
   */
  report(region: string, report: RegionReport): ReportReceipt | null;
  /** Lists the newest questions that the regions have stored (null: all regions), as they reported them. */
  recentQuestions(regions: string[] | null): QuestionBrief[];
  /** Returns what was counted over time, from the oldest step that is known. */
  series(range: SeriesRange): CountedStep[];
  /** Returns what regions have reported since a time (ms since 1970), without asking any. */
  news(since: number): RegionNews;
  /** Returns what is known of all regions together, and of some of them, without asking any. */
  look(request: LookRequest): RegistryLook;

  /** Lists the last alerts, and the webhooks. */
  alerts(): Alerts;
  /** Adds a webhook for a token. Its secret is not shown again. */
  addWebhook(order: WebhookOrder, createdBy: string): Result<AddedWebhook, RegistryRefusal>;
  /** Removes a webhook, with what waits for it; false for an unknown one. */
  removeWebhook(id: string): boolean;
  /** Sends a test to a webhook. Returns the id of the alert; null for an unknown webhook. */
  testWebhook(id: string): string | null;

  /** Takes up to `wanted` turns at an external rung with a rate limit, over all regions. */
  takeTurns(rung: string, wanted: number, limit: RateLimit): Turns;

  /**
   * Takes a region's report of what rungs with a price cost, and leases it a part of the month's budget (US dollars; null for
   * none). The same report again changes nothing.
   */
  takeBudgetReport(region: string, report: BudgetReport, usdPerMonth: number | null): BudgetGrant;
  /** Returns what all regions have spent in this month (UTC). */
  spending(usdPerMonth: number | null): ModelSpending;

  /** Opens regions for a token, at most `perDay` new ones in a day (UTC); returns those of the names that are open. */
  openRegions(names: string[], token: string, perDay: number): string[];
  /** Returns those of the names that are open. */
  openedOf(names: string[]): string[];
  /** Records that a region exists. Another `epoch` than before shows that its object lost its state. */
  registerRegion(region: string, epoch?: string): void;
  /** Lists a region's head and rule on each version. */
  headPointersOf(region: string): { base: number; pointer: HeadPointer }[];
  regions(): string[];
  /** Lists the regions that exist and those that were forgotten: a reader of samples needs both. */
  regionsEver(): string[];
  /** Takes a region's heads out of use and deletes what is known of it. */
  forgetRegion(region: string): void;
}
