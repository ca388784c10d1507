import type { Answer, ModelSpending, NodeRecord, NumberTask, RegionEscalation } from "./contract/index.ts";

const whole = new Intl.NumberFormat("en");
const none = "–";

/** Formats a number with thousands separators. */
export function count(n: number): string {
  return whole.format(n);
}

/** Formats a share as a percentage with one decimal. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return none;
  const text = `${(share * 100).toFixed(1)}%`;
  return text === "-0.0%" ? "0.0%" : text.replace("-", "−");
}

/** Names the share of numbers that are within the tolerance. */
export function withinText({ tolerance, unit }: Pick<NumberTask, "tolerance" | "unit">): string {
  return `within ${tolerance}${unit === undefined ? "" : ` ${unit}`}`;
}

/** Formats what an answer says: a label with its confidence, or a number with its unit, tolerance and interval. */
export function answerText({ label, confidence, tolerance, unit, interval, intervalCoverage }: Answer): string {
  if (tolerance === undefined) return `${label} (${percent(confidence)})`;
  const own = unit === undefined ? "" : ` ${unit}`;
  const between = interval ? `; ${percent(intervalCoverage)} of truths lie in ${interval[0]} to ${interval[1]}` : "";
  return `${label}${own} (within ${tolerance}: ${percent(confidence)}${between})`;
}

/** Formats a duration with its unit: ms, s, min, h or d. */
export function duration(ms: number | null): string {
  if (ms === null) return none;
  const units: [string, number][] = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
    ["s", 1_000],
  ];
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ["ms", 1];
  const value = ms / size;
  return `${value < 10 && unit !== "ms" ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** Formats US dollars: with cents below $10, and with three significant digits below $1,000. */
export function dollars(usd: number | null): string {
  if (usd === null) return none;
  return `$${usd < 10 ? usd.toFixed(2) : usd < 100 ? usd.toFixed(1) : count(Math.round(usd))}`;
}

/** Says whether escalation pays, and by which labels. */
export function escalationText(escalation: RegionEscalation): string {
  const { status, escalatesAll } = escalation;
  const name = status === "does-not-pay" ? "does not pay" : status;
  return `${name}${escalatesAll ? "" : ", a share is asked"} (${comparedText(escalation)})`;
}

/** Says by which labels the edge is compared with the rung above. */
export function comparedText({ counted, decidedBy }: RegionEscalation): string {
  const { pairs, aboveRight, edgeRight } = counted.pairs > 0 || !decidedBy ? counted : decidedBy;
  const right = (n: number) => percent(pairs === 0 ? null : n / pairs);
  return pairs === 0
    ? "no label yet"
    : `${count(pairs)} labels: rung above right on ${right(aboveRight)}, edge on ${right(edgeRight)}`;
}

/** Says what rungs with a price cost in a month, what is left out for that, and what was saved. */
export function spendingText({ month, usd, usdPerMonth, status, asked, leftOut, savedUsd }: ModelSpending): string {
  const of = usdPerMonth === null ? "" : ` of ${dollars(usdPerMonth)}`;
  const limit = {
    unlimited: "no budget",
    all: "it pays for every question",
    choosing: `${count(leftOut)} questions left out`,
    "used-up": `used up, ${count(leftOut)} questions left out`,
  };
  const saved = savedUsd === null ? "" : `; saves ${dollars(savedUsd)} against asking every question above`;
  return `${month}: ${dollars(usd)}${of} for ${count(asked)} questions above, ${limit[status]}${saved}`;
}

/** Formats a size in KiB or MiB. */
export function bytes(n: number): string {
  return n < 1024 ** 2 ? `${(n / 1024).toFixed(0)} KiB` : `${(n / 1024 ** 2).toFixed(1)} MiB`;
}

/** Names a version where its region is known: 1+2 for 1+osaka.2. */
export function shortVersion(version: string, region: string): string {
  return version.replace(`+${region}.`, "+");
}

/** Formats a time as date and minute, UTC. */
export function moment(at: number | string | null): string {
  return at === null ? none : `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Formats a time as a date, UTC. */
export function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Formats a number with three significant digits. */
export function three(n: number | null | undefined): string {
  return n === null || n === undefined ? none : n === 0 ? "0" : Number(n).toPrecision(3);
}

/** Formats a number with four decimals. */
export function four(n: number | null | undefined): string {
  return n === null || n === undefined ? none : n.toFixed(4);
}

/** How long a node that reports every 15 s may be silent before it counts as away. */
const nodeSilentMs = 60_000;

/** Says whether a node is there, at a time of the rung that it reports to. */
export function nodeStateOf({ enrolledAt, revokedAt, last }: NodeRecord, now: number): string {
  if (revokedAt !== null) return "revoked";
  if (enrolledAt === null) return "invited";
  if (last === null) return "enrolled";
  return now - last.at < nodeSilentMs ? "up" : "away";
}
