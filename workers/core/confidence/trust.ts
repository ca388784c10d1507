/** Labels of one kind that a region takes from tokens that are not trusted. Each is a number of labels. */
export interface UntrustedLimits {
  /** Samples that they may have in the region together. */
  inAll: number;
  /** Samples that one of them may have. */
  ofOwner: number;
  /** Labels that they may give together in a day (UTC), corrections included. */
  perDay: number;
  /** Labels that one of them may give in a day. */
  ofOwnerPerDay: number;
}

/** How much of a limit is used. */
export type UntrustedUse = Record<keyof UntrustedLimits, number>;

/** The shares of a region's evidence: its trusted labels, by truth or by people, in `train`. */
const shares: UntrustedLimits = { inAll: 1 / 10, ofOwner: 1 / 20, perDay: 1 / 50, ofOwnerPerDay: 1 / 100 };
/** What a region takes however little evidence it has. Without trusted labels to judge by, no head is promoted. */
const least = 5;

/**
 * Limits the influence of labels whose token is not trusted: max(5, ⌊share · evidence⌋), with a tenth of the evidence for all of
 * them together and a twentieth for one, a fiftieth in a day and a hundredth for one in a day.
 * @param evidence the region's trusted labels, by truth or by people, in `train`
 */
export function untrustedLimits(evidence: number): UntrustedLimits {
  const limit = (share: number) => Math.max(least, Math.floor(share * evidence));
  return {
    inAll: limit(shares.inAll),
    ofOwner: limit(shares.ofOwner),
    perDay: limit(shares.perDay),
    ofOwnerPerDay: limit(shares.ofOwnerPerDay),
  };
}

/** The order in which limits are named: the ones that a wait does not lift first. */
const order = ["ofOwner", "inAll", "ofOwnerPerDay", "perDay"] as const;

/** Returns the first limit that a use exceeds; null where it exceeds none. */
export function exceededLimit(limits: UntrustedLimits, use: UntrustedUse): keyof UntrustedLimits | null {
  return order.find((name) => use[name] > limits[name]) ?? null;
}

/**
 * Chooses which untrusted labels train, of those in the order in which they came: the first of each owner up to `ofOwner`, and
 * the first of all up to `inAll`.
 */
export function withinLimits<T>(labels: readonly T[], ownerOf: (label: T) => string, limits: UntrustedLimits): T[] {
  const taken = new Map<string, number>();
  const chosen: T[] = [];
  for (const label of labels) {
    const owner = ownerOf(label);
    const own = taken.get(owner) ?? 0;
    if (chosen.length >= limits.inAll) break;
    if (own >= limits.ofOwner) continue;
    taken.set(owner, own + 1);
    chosen.push(label);
  }
  return chosen;
}
