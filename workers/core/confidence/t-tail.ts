import { incompleteBeta } from "./f-tail.ts";

/** Computes P(T ≤ t) for Student's T: I_x(d/2, 1/2)/2 at x = d/(d + t²) for t ≤ 0 (Abramowitz & Stegun 26.7.1). */
export function tTail(t: number, degrees: number): number {
  const outside = incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  return t <= 0 ? outside : 1 - outside;
}
