import { type CanaryState, type PairObstacle, pairObstacles } from "./contract/index.ts";

/** A canary that is watched, with sums over the regions. */
export type WatchedCanary = Pick<CanaryState, "verdict"> & { unpaired: Record<PairObstacle, number> };

/** Sums what the regions say of a canary; null where none is watched. */
export function watchedCanary(canary: CanaryState | null): WatchedCanary | null {
  if (canary?.outcome !== null) return null;
  const { verdict, regions } = canary;
  const sumOf = (reason: PairObstacle) => regions.reduce((sum, { unpaired }) => sum + unpaired[reason], 0);
  const sums = pairObstacles.map((reason) => [reason, sumOf(reason)]);
  return { verdict, unpaired: Object.fromEntries(sums) as WatchedCanary["unpaired"] };
}
