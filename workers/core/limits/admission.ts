import type { OwnerLimits } from "./limits.ts";
import { type Bucket, take } from "./token-bucket.ts";

/**
 * Questions that a region answers at a time. An object computes some 400 a second and has six connections to the rungs above,
 * which answer some 120 a second if each takes 50 ms: with more, an answer would take over a second.
 */
export const regionWaitingMax = 64;
/** Questions that wait to be escalated again. */
export const regionBacklogMax = 20_000;
/** New questions a minute: the platform gives an object a thousand requests a second. */
export const regionPerMinute = 60_000;
/** How long an edge answers by itself after a region has said that it is saturated. */
export const saturatedMs = 1_000;

/** A refusal of a region that is full; nothing of the call was stored. `isOwn`: only this caller is refused. */
export interface Saturated {
  kind: "saturated";
  retryAfterMs: number;
  isOwn: boolean;
}

/**
 * Decides whether a region takes questions now. It counts in memory those that are being answered, of each caller and of all. The
 * region's object has one, and each isolate of the edge one for each region that it asks.
 */
export class Admission {
  private readonly waiting = new Map<string, number>();
  private bucket: Bucket | undefined;

  /**
   * Admits questions of a caller, or returns why not. Each admission must be ended with `leave`. A caller without limits is
   * always admitted.
   *
   * @param backlog counts the questions that wait to be escalated again
   */
  enter(
    owner: string,
    questions: number,
    limits: Pick<OwnerLimits, "waitingQuestions"> | undefined,
    backlog: () => number,
    now: number,
  ): Saturated | null {
    const own = this.waiting.get(owner) ?? 0;
    if (limits) {
      const max = limits.waitingQuestions;
      // A batch of any size is admitted alone.
      if (own > 0 && own + questions > max) return { kind: "saturated", retryAfterMs: saturatedMs, isOwn: true };
      // A caller that has nothing waiting is still taken where others have filled the region.
      const room = own === 0 ? 2 * regionWaitingMax : regionWaitingMax;
      if (this.load(max) >= room || backlog() >= regionBacklogMax) {
        // The rest of the room is reserved for callers that have nothing waiting.
        return { kind: "saturated", retryAfterMs: saturatedMs, isOwn: own > 0 };
      }
      const { bucket, waitMs } = take(this.bucket, regionPerMinute, questions, now);
      this.bucket = bucket;
      if (waitMs > 0) return { kind: "saturated", retryAfterMs: Math.max(saturatedMs, waitMs), isOwn: false };
    }
    this.waiting.set(owner, own + questions);
    return null;
  }

  leave(owner: string, questions: number): void {
    const left = (this.waiting.get(owner) ?? 0) - questions;
    if (left > 0) this.waiting.set(owner, left);
    else this.waiting.delete(owner);
  }

  /** Whether nothing is waiting. */
  get isIdle(): boolean {
    return this.waiting.size === 0;
  }

  // One caller's batch counts as its share at most: it does not shut out the others.
  private load(shareMax: number): number {
    let sum = 0;
    for (const questions of this.waiting.values()) sum += Math.min(questions, shareMax);
    return sum;
  }
}
