import { elapsedMs } from "#core/clock.ts";
import { equalConstantTime } from "#core/hash.ts";
import type { Token } from "#core/tokens.ts";
import type { IssuedSecret, TokenSync, TokenUse } from "#objects/tokens/api.ts";

/** From this age on, the copy is read again in the background. */
export const refreshAfterMs = 20_000;
/** From this age on, a request waits for the copy to be read again: a revocation takes effect within 30 s. */
export const waitAfterMs = 25_000;
/** The longest wait for a read; then the copy at hand decides. */
export const readTimeoutMs = 2_000;
/** Reads of an isolate begin at least this far apart, however many unknown tokens it sees. */
export const readEveryMs = 2_000;
/** How long the copy serves while the tokens' object can't be reached. */
export const servesMs = 3600_000;

const hourMs = 3600_000;
/** Uses that one read takes along. */
const usesMax = 1_000;

/**
 * An isolate's copy of the issued tokens, by the hash of their secrets. It only decides: `issued.ts` reads. All times are
 * ms since 1970.
 */
export class TokenCopy {
  private secrets = new Map<string, IssuedSecret>();
  /** The revision of the copy; null before the first read. */
  revision: number | null = null;
  /** When the read began whose reply this is; null before the first. */
  private readAt: number | null = null;
  private triedAt = Number.NEGATIVE_INFINITY;
  private failedAt = Number.NEGATIVE_INFINITY;
  private isReading = false;
  private unsent = new Map<string, number>();
  private readonly sent = new Map<string, number>();
  private flushAt = Number.NEGATIVE_INFINITY;

  get size(): number {
    return this.secrets.size;
  }

  /** Finds the token with this hash, if its secret is valid now. A caller can't choose the hash by which the map is indexed. */
  find(sha256: string, now: number): Token | null {
    const known = this.secrets.get(sha256);
    if (!known || !equalConstantTime(known.token.sha256, sha256)) return null;
    return known.validUntil === null || known.validUntil > now ? known.token : null;
  }

  /** Whether a read is under way. One that is late counts as lost: the request that began it may have ended. */
  isBeingRead(now: number): boolean {
    return this.isReading && elapsedMs(this.triedAt, now) < readTimeoutMs;
  }

  /** Whether a read may begin. */
  mayRead(now: number): boolean {
    return elapsedMs(this.triedAt, now) >= readEveryMs;
  }

  /** Whether the copy should be read again in the background. */
  isDue(now: number): boolean {
    return this.ageAt(now) >= refreshAfterMs && this.mayRead(now);
  }

  /** Whether a known token must wait for a read. While reads fail, it does not. */
  isStale(now: number): boolean {
    return this.ageAt(now) >= waitAfterMs && elapsedMs(this.lastFailureAt(now), now) >= waitAfterMs;
  }

  /** Whether the copy is too old for any token. */
  isTooOld(now: number): boolean {
    return this.ageAt(now) >= servesMs;
  }

  /** Whether a token that the copy does not have is unknown; otherwise it may be new. */
  isCurrent(now: number): boolean {
    return this.ageAt(now) < readEveryMs;
  }

  /** Whether the copy can be relied on to know all tokens but the newest. */
  isRecent(now: number): boolean {
    return this.ageAt(now) < waitAfterMs + readTimeoutMs;
  }

  ageAt(now: number): number {
    return this.readAt === null ? Number.POSITIVE_INFINITY : elapsedMs(this.readAt, now);
  }

  /** Begins a read. Returns the uses that it takes along. */
  begin(now: number): TokenUse[] {
    this.failedAt = this.lastFailureAt(now);
    this.triedAt = now;
    this.isReading = true;
    const uses = [...this.unsent].slice(0, usesMax).map(([id, hour]) => ({ id, hour }));
    for (const { id, hour } of uses) {
      this.unsent.delete(id);
      this.sent.set(id, hour);
    }
    return uses;
  }

  /** Takes the reply to a read that began at `began`. */
  learn({ revision, secrets }: TokenSync, began: number): void {
    this.isReading = false;
    // A late reply to an earlier read; not one after the clock was put back.
    if (this.readAt !== null && began < this.readAt && this.readAt <= this.triedAt) return;
    // Without secrets the reply says only that the revision it was asked about is the present one.
    if (secrets) this.secrets = new Map(secrets.map((secret) => [secret.token.sha256, secret]));
    else if (revision !== this.revision) return;
    this.revision = revision;
    this.readAt = began;
  }

  /** Notes that a read failed: its uses go with the next one. */
  fail(uses: readonly TokenUse[], now: number): void {
    this.isReading = false;
    this.failedAt = now;
    for (const { id, hour } of uses) {
      this.sent.delete(id);
      this.unsent.set(id, Math.max(hour, this.unsent.get(id) ?? 0));
    }
  }

  /** Notes that a token was used. Returns whether the caller should send the uses, `flushMs` from now. */
  use(id: string, now: number, flushMs: number): boolean {
    const hour = Math.floor(now / hourMs) * hourMs;
    if (this.sent.get(id) === hour || this.unsent.get(id) === hour) return false;
    this.unsent.set(id, hour);
    if (now < this.flushAt && this.flushAt - now <= flushMs) return false;
    this.flushAt = now + flushMs;
    return true;
  }

  private lastFailureAt(now: number): number {
    const isLost = this.isReading && elapsedMs(this.triedAt, now) >= readTimeoutMs;
    return isLost ? this.triedAt + readTimeoutMs : this.failedAt;
  }
}
