/** Deviations from the median, in units of the middle half's width, beyond which a value squashes the rest. */
const outlierWidths = 50;
const outlierShareMax = 0.001;
const skewForLog = 3;
const skewMinRows = 20;

/** The range beyond which values are so far out that they would squash the others; null where values hardly differ. */
export function fencesOf(sorted: Float64Array): [number, number] | null {
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
  const [low, high] = [at(0.25), at(0.75)];
  const width = high - low || at(0.95) - at(0.05);
  return width > 0 ? [low - outlierWidths * width, high + outlierWidths * width] : null;
}

/** Whether so few of a column's values lie beyond its fences that they are outliers, and not a second kind of value. */
export function areOutliers(outside: number, rows: number): boolean {
  return outside > 0 && outside <= Math.max(3, outlierShareMax * rows);
}

/** The range of all values but outliers; null when there are none. */
export function clipOf(sorted: Float64Array): [number, number] | null {
  const fences = fencesOf(sorted);
  if (!fences) return null;
  const inside = sorted.filter((value) => value >= fences[0] && value <= fences[1]);
  if (!areOutliers(sorted.length - inside.length, sorted.length)) return null;
  return [inside[0] as number, inside.at(-1) as number];
}

/** Whether values have a long tail to one side, so that a logarithm tells the small ones apart. */
export function isSkewed(values: Float64Array): boolean {
  if (values.length < skewMinRows || values.some((value) => value < 0)) return false;
  const mean = values.reduce((total, value) => total + value, 0) / values.length;
  const moment = (power: number) => values.reduce((total, value) => total + (value - mean) ** power, 0) / values.length;
  return moment(3) / moment(2) ** 1.5 > skewForLog;
}
