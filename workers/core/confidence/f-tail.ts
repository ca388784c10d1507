const precision = 1e-15;
const tiny = 1e-300;
const halvings = 100;

/** Computes P(F > f) for F with d1 and d2 degrees of freedom: I_x(d2/2, d1/2) at x = d2/(d2 + d1·f) (Abramowitz & Stegun 26.6.2). */
export function fTail(f: number, d1: number, d2: number): number {
  return f <= 0 ? 1 : incompleteBeta(d2 / (d2 + d1 * f), d2 / 2, d1 / 2);
}

/** Computes the f with P(F > f) = level for a level in (0, 1), by bisection. */
export function fQuantile(level: number, d1: number, d2: number): number {
  let high = 1;
  while (fTail(high, d1, d2) > level) high *= 2;
  let low = 0;
  for (let i = 0; i < halvings; i++) {
    const middle = (low + high) / 2;
    if (fTail(middle, d1, d2) > level) low = middle;
    else high = middle;
  }
  return high;
}

/** Computes the regularised incomplete beta function I_x(a, b), x in [0, 1], by its continued fraction (DLMF 8.17.22). */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  // The fraction converges fast only below the mean.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const logFront = logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  return Math.exp(logFront) / (a * betaFraction(x, a, b));
}

// 1 + d₁/(1 + d₂/(1 + …)), by Lentz's method as modified by Thompson & Barnett (Numerical Recipes, 5.2).
function betaFraction(x: number, a: number, b: number): number {
  const maxTerms = 1000 + 10 * Math.ceil(Math.sqrt(Math.max(a, b)));
  let value = 1;
  let c = 1;
  let d = 0;
  for (let i = 1; i <= maxTerms; i++) {
    const m = i >> 1;
    const pair = (a + i - 1) * (a + i);
    const term = i % 2 === 0 ? (m * (b - m) * x) / pair : (-(a + m) * (a + b + m) * x) / pair;
    d = 1 / (1 + term * d || tiny);
    c = 1 + term / c || tiny;
    value *= c * d;
    if (Math.abs(c * d - 1) < precision) break;
  }
  return value;
}

// ln Γ(x), x > 0: Γ(x + 1) = x·Γ(x) up to where Stirling's series (DLMF 5.11.1) is exact to float64.
function logGamma(x: number): number {
  let product = 1;
  let z = x;
  for (; z < 16; z++) product *= z;
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * z ** 2)) / z ** 2) / z ** 2) / z;
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - Math.log(product);
}
