import type { ModelOptions } from "./model.ts";

const never = 1.01;

/** The models that the tests' origin knows, by name: what makes each of them special. */
export const originModels: Record<string, ModelOptions> = {
  /** The edge is always sure. */
  easy: { threshold: 0 },
  /** The edge never is, the origin always. */
  hard: { threshold: never, fullThreshold: 0 },
  /** Nobody is. */
  open: { threshold: never, fullThreshold: never },
  /** Nobody is, until a version comes whose edge is. */
  growing: { threshold: never, fullThreshold: never },
  /** Nobody is, and there is no person either. */
  lone: { threshold: never, fullThreshold: never, policy: { ladder: ["edge", "region", "origin"] } },
  /** The origin fails when the tests say so. */
  shaky: { threshold: never, fullThreshold: 0 },
  /** Everything is kept, and every truth comes. */
  kept: { threshold: 0, policy: { keep: "all", truth: "complete" } },
};
