/** Computes P(X ≤ k) for X ~ Binomial(n, p), summing terms from their logarithms. */
export function binomialTail(k: number, n: number, p: number): number {
  if (k >= n) return 1;
  let logTerm = n * Math.log1p(-p);
  let sum = Math.exp(logTerm);
  for (let i = 1; i <= k; i++) {
    logTerm += Math.log((n - i + 1) / i) + Math.log(p) - Math.log1p(-p);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}
