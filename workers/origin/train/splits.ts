import { createHash, createHmac } from "node:crypto";
import { canonicalJson } from "#core/canonical.ts";
import {
  blockOf,
  calibrationGroups,
  divideGroups,
  groupKeyOf,
  nextBlockOf,
  splitAt,
  splitText,
  textCuts,
  usualCuts,
  wholeGroups,
} from "#core/confidence/splits.ts";
import type { Split, SplitCuts, Splits } from "#core/contract/index.ts";
import type { Recipe } from "../recipes/index.ts";
import { hasNgrams } from "../recipes/text-input.ts";
import { isWithoutRows } from "../recipes/without-rows.ts";
import type { WeightedRow } from "./dataset.ts";

const dayMs = 24 * 3600_000;

/** The parts that rows are divided into: the splits, and the latest rows, which only test. */
export type Part = Split | "latest";

/** The rows of each part, with the group key of each. */
export interface RowsBySplit extends Record<Part, WeightedRow[]> {
  groups: Record<Part, string[]>;
  splits: Splits;
  report: SplitReport;
}

/** How rows were split, for people. */
export interface SplitReport {
  /** The number of groups, and of those that calibrate. */
  groups: number;
  calibrationGroups: number;
  /** The blocks of time that only test, and the day on which they begin; null without any. */
  latest: { blocks: number; from: string } | null;
  /** Rows left out: between two splits, since their labels reach into the next block; equal to a training row. */
  inGaps: number;
  duplicates: number;
  /** Why nothing can be certified on these rows; null where it can. */
  uncertifiable: string | null;
}

/** Without rows of its own a version certifies nothing: the regions' labels do. */
const samplesCuts: SplitCuts = { train: 0.8, validation: 1 };
/** Rows of which each has a group of its own are counted one by one only up to this many. */
const countedRows = 2_000;
/** The blocks of time at the end that only test: 15% of all, within these bounds. 8 seldom prove what 16 do. */
const latestBlocks = { least: 8, most: 16, share: 0.15 };
/** The blocks of time by which the latest rows are told where groups are not blocks. */
const usualBlockDays = 7;
/** Where more of calibration than this equals a training row, few different rows are possible: they are no duplicates. */
const duplicatesMaxShare = 0.5;

/** Names a row of a recipe's own data by its place. */
export function rowId({ name }: Recipe, place: number): string {
  return `${name}-${place}`;
}

/** The key by which a recipe's rows, and the samples of its regions, are split. */
function splitKeyOf({ name, training }: Recipe): string {
  return `recipe ${name} ${training.seed}`;
}

/**
 * Assigns rows to train, validation and calibration by their group keys alone, and the last blocks of time to a part that
 * only tests. The same rows always get the same splits; so do samples of regions with the same keys.
 */
export function assignSplits(recipe: Recipe, rows: readonly WeightedRow[]): RowsBySplit {
  const { groupBy } = recipe.policy;
  const key = splitKeyOf(recipe);
  const gapDays = groupBy.by === "time" ? recipe.labelDelayDays : 0;
  const keys = new KeyedRows(recipe, rows, key);
  const groups = keys.count();
  const latest = recipe.isTimed ? latestPart(recipe, rows, groups) : null;
  const isLatest = ({ at }: Pick<WeightedRow, "at">) => latest !== null && at >= latest.from && at < latest.to;
  const earlier = latest ? rows.flatMap((row, i) => (isLatest(row) ? [] : [i])) : rows.map((_, i) => i);
  const { input } = recipe.document;
  const isFromAbove = isWithoutRows(recipe.document);
  const usual = isFromAbove ? samplesCuts : input && hasNgrams(input) ? textCuts : usualCuts;
  const division = keys.divide(earlier, usual);
  const isByContent = groups < wholeGroups && groupBy.by !== "question" && groupBy.by !== "content";
  const cuts = isByContent || isFromAbove ? usual : division.cuts;
  const splits: Splits = { key, cuts };
  const found: RowsBySplit = {
    ...{ train: [], validation: [], calibration: [], latest: [] },
    groups: { train: [], validation: [], calibration: [], latest: [] },
    splits,
    report: {
      groups,
      calibrationGroups: isByContent ? 0 : division.calibration,
      latest: latest && { blocks: latest.blocks, from: new Date(latest.from).toISOString().slice(0, 10) },
      inGaps: 0,
      duplicates: 0,
      uncertifiable: isFromAbove ? "the recipe has no rows" : uncertifiable(groups, isByContent, division.isEnough),
    },
  };
  for (const [i, row] of rows.entries()) {
    const part: Part =
      isFromAbove && isAudit(row)
        ? "validation"
        : isLatest(row)
          ? "latest"
          : isByContent
            ? keys.splitByContent(i, cuts)
            : keys.splitOf(i, cuts);
    const next = isByContent ? null : nextBlockOf(groupBy, row.at, gapDays);
    const reaches =
      next === null ? part : isLatest({ at: row.at + gapDays * dayMs }) ? "latest" : keys.splitOfKey(next, cuts);
    if (reaches !== part) {
      found.report.inGaps++;
      continue;
    }
    // The origin's labels would judge their own. Where there are no others, they only select and predict.
    if (row.source === "origin" && part !== "train" && !isFromAbove) continue;
    if (row.isUntrusted && part !== "train") continue;
    found[part].push(row);
    // Nothing reads the groups of training rows.
    if (part !== "train")
      found.groups[part].push(part === "latest" ? blockOf(latest?.days ?? usualBlockDays, row.at) : keys.keyOf(i));
  }
  return isByContent || groupBy.by === "content" ? found : withoutDuplicates(found);
}

// The edge had accepted it: only audits show how wrong it is there.
function isAudit({ inclusionProbability = 1 }: WeightedRow): boolean {
  return inclusionProbability < 1;
}

function uncertifiable(groups: number, isByContent: boolean, isEnough: boolean): string | null {
  if (isByContent) {
    return `the rows are in ${groups} groups, fewer than ${wholeGroups}, so that they were split by content, which certifies nothing`;
  }
  return isEnough
    ? null
    : `the rows are in ${groups} groups, and at least ${2 * calibrationGroups} are needed: ${calibrationGroups} to calibrate, as many to train`;
}

/**
 * The last blocks of time, where enough groups are left without them; null where not. They are the last of the recipe's own
 * rows: what regions have labelled since trains at once, or no version would know what its regions learned last.
 */
function latestPart(
  { policy: { groupBy } }: Recipe,
  rows: readonly WeightedRow[],
  groups: number,
): { from: number; to: number; blocks: number; days: number } | null {
  const days = groupBy.by === "time" ? groupBy.days : usualBlockDays;
  const own = rows.filter(({ source = "base" }) => source === "base");
  const blocks = [...new Set(own.map(({ at }) => Number(blockOf(days, at))))].sort((a, b) => a - b);
  const { least, most, share } = latestBlocks;
  const wanted = Math.min(most, Math.max(least, Math.ceil(share * blocks.length)));
  const left = groupBy.by === "time" ? blocks.length - wanted : groups;
  if (left < 2 * calibrationGroups || blocks.length < 2 * wanted) return null;
  const startOf = (block: number) => block * days * dayMs;
  const [first, last] = [blocks.at(-wanted) as number, blocks.at(-1) as number];
  return { from: startOf(first), to: startOf(last + 1), blocks: wanted, days };
}

/** Leaves out of calibration what equals a training row, and counts it. */
function withoutDuplicates(found: RowsBySplit): RowsBySplit {
  const trained = new Set(found.train.map(fingerprintOf));
  const isKept = found.calibration.map((row) => !trained.has(fingerprintOf(row)));
  const duplicates = isKept.filter((kept) => !kept).length;
  if (duplicates === 0 || duplicates > duplicatesMaxShare * isKept.length) return found;
  return {
    ...found,
    calibration: found.calibration.filter((_, i) => isKept[i]),
    groups: { ...found.groups, calibration: found.groups.calibration.filter((_, i) => isKept[i]) },
    report: { ...found.report, duplicates },
  };
}

// 53 bits of FNV-1a in two lanes: two of a million rows collide once in ten thousand data sets.
function fingerprintOf({ instance, label, region }: WeightedRow): number {
  const text = `${region}|${label}|${JSON.stringify(instance)}`;
  let [low, high] = [0x811c9dc5, 0x1b873593];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b);
  }
  return (low >>> 0) + (high >>> 11) * 2 ** 32;
}

/** Hashes an instance as regions do. */
export function contentOf(instance: WeightedRow["instance"]): string {
  return createHash("sha256").update(canonicalJson(instance)).digest("hex");
}

/** Rows with their group keys, and the number of each key in [0, 1). */
class KeyedRows {
  private readonly recipe: Recipe;
  private readonly rows: readonly WeightedRow[];
  private readonly key: string;
  private readonly units = new Map<string, number>();
  private readonly isSingle: boolean;

  constructor(recipe: Recipe, rows: readonly WeightedRow[], key: string) {
    this.recipe = recipe;
    this.rows = rows;
    this.key = key;
    const { by } = recipe.policy.groupBy;
    this.isSingle = by === "question" || by === "content";
  }

  keyOf(row: number): string {
    const { id = rowId(this.recipe, row), at } = this.rows[row] as WeightedRow;
    const { groupBy } = this.recipe.policy;
    const self = this;
    return groupKeyOf(groupBy, {
      ...{ id, at },
      // An instance is computed only where the key is in it.
      get instance() {
        return (self.rows[row] as WeightedRow).instance;
      },
      get content() {
        return contentOf((self.rows[row] as WeightedRow).instance);
      },
    });
  }

  /** Counts groups; of many rows with a group each, it counts the rows. */
  count(): number {
    if (this.isSingle && this.rows.length > countedRows) return this.rows.length;
    return new Set(this.rows.map((_, row) => this.keyOf(row))).size;
  }

  divide(rows: readonly number[], usual: SplitCuts) {
    if (this.isSingle && rows.length > countedRows) {
      return { cuts: usual, calibration: Math.round((1 - usual.validation) * rows.length), isEnough: true };
    }
    return divideGroups(
      [...new Set(rows.map((row) => this.keyOf(row)))].map((key) => this.unitOf(key)),
      usual,
    );
  }

  splitOf(row: number, cuts: SplitCuts): Split {
    return this.splitOfKey(this.keyOf(row), cuts);
  }

  splitOfKey(key: string, cuts: SplitCuts): Split {
    return splitAt(this.unitOf(key), cuts).split;
  }

  splitByContent(row: number, cuts: SplitCuts): Split {
    return splitAt(unitOf(this.key, splitText(contentOf((this.rows[row] as WeightedRow).instance))), cuts).split;
  }

  private unitOf(key: string): number {
    const known = this.units.get(key);
    if (known !== undefined) return known;
    const unit = unitOf(this.key, splitText(key));
    if (!this.isSingle) this.units.set(key, unit);
    return unit;
  }
}

/** Equals `hmacUnit`, but does not wait for each of a million rows. */
export function unitOf(key: string, text: string): number {
  const mac = createHmac("sha256", key).update(text).digest();
  return (mac.readUInt32BE(0) * 2 ** 20 + (mac.readUInt32BE(4) >>> 12)) / 2 ** 52;
}
