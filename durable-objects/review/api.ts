import type { FlaggedQuestion, ReviewQuestion } from "#core/contract/index.ts";
import type { Result } from "#core/result.ts";

/** How many questions one lease or one list of flagged questions has at most. */
export const reviewMaxQuestions = 100;

/** A question that a region puts into the queue, with the trace context in which it was asked. */
export interface NewReviewQuestion extends Omit<ReviewQuestion, "queuedAt" | "leaseUntil"> {
  traceparent?: string | null;
  /** Who is limited in how many questions wait for people, and to how many; nobody unless given. */
  owner?: string;
  ownerMax?: number;
}

/** Who wants to lease questions, from which regions (null: all), how many, and for how long. */
export interface LeaseRequest {
  holder: string;
  regions: string[] | null;
  limit: number;
  leaseMs: number;
}

/** The token that gives a label, and whether it is trusted. */
export interface LabelGiver {
  labelledBy: string;
  trusted: boolean;
}

/** Why a question is not answered, skipped or flagged. */
export type ReviewRefusal =
  | { kind: "unknown" }
  /** Its caller does not take the label. */
  | { kind: "not-a-candidate"; label: string; candidates: string[] }
  /** Another holder leases it. */
  | { kind: "leased" }
  /** The caller does not lease it. */
  | { kind: "not-leased" }
  | { kind: "answered"; label: string }
  | { kind: "flagged"; reason: string };

/** What a model's review queue does for the edge and the regions. */
export interface ReviewApi {
  /**
   * Adds questions to the queue. A question that is already in it stays as it is. Returns the ids of those that it did not take,
   * since their owner has as many in it as it may; an earlier version returns nothing and takes all.
   */
  enqueue(questions: NewReviewQuestion[]): string[] | undefined;
  /** Leases the oldest questions that no one else holds to one holder. */
  lease(request: LeaseRequest): ReviewQuestion[];
  /**
   * Records a person's label and delivers it to the question's region. The same person may correct it for a while. A
   * flagged question may still be labelled. A label outside the question's candidates is refused. Without a giver, as from an
   * earlier release, the label is trusted.
   */
  answer(id: string, label: string, holder: string, giver?: LabelGiver): Promise<Result<null, ReviewRefusal>>;
  /** Ends the holder's lease: others may lease the question at once, the holder gets other questions first. */
  skip(id: string, holder: string): Result<null, ReviewRefusal>;
  /** Removes from the queue a question that a person can't answer; its caller receives the provisional answer. */
  flag(id: string, reason: string, holder: string): Promise<Result<null, ReviewRefusal>>;
  /** Lists flagged questions without a label, the newest first. */
  flagged(regions: string[] | null): FlaggedQuestion[];
  /** Removes questions whose answer has become known, except those with a label from here. */
  withdraw(ids: string[]): void;
  /** Deletes questions, with or without a label. */
  forget(ids: string[]): void;
  /** Deletes a region's questions, with or without a label. */
  forgetRegion(region: string): void;
  /** Counts the questions that wait for a person, of some regions or of all. */
  size(regions?: string[] | null): number;
}
