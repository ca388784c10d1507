import { classifying } from "#core/artefacts.ts";
import { isAudited } from "#core/confidence/audit.ts";
import { splitSecretsOf } from "#core/confidence/split-secret.ts";
import type { Answer, AskBody, ClassifyManifest, Question, Regions } from "#core/contract/index.ts";
import { idsIn } from "#core/ids.ts";
import { ignoredFields } from "#core/input/index.ts";
import { own } from "#core/own.ts";
import { extraColumnsOf } from "#core/rung/model-rung.ts";
import type { Rows, ScoredRows } from "#core/rung/rows.ts";
import type { Call } from "../call.ts";
import { admitQuestions } from "../limits.ts";
import { countRequest, type Given } from "../metrics/count.ts";
import { callerOf, countedAnswer, placeFaults } from "./ask.ts";
import { createHop } from "./hop.ts";
import { uniquesOf } from "./questions.ts";
import { placeDrafts } from "./regions.ts";
import { keepsAll, settle, shareToKeep } from "./settle.ts";
import { loadExactly, loadVersion, type Resolved, versionFor } from "./version.ts";
import { withWarnings } from "./warnings.ts";

/** The answers to a batch of one region. Those that the edge gave are made where they are asked for. */
export class RowAnswers {
  readonly scored: ScoredRows;
  /** The answers of questions that left the edge, by row. */
  readonly settled: ReadonlyMap<number, Answer>;
  private readonly rows: Rows;
  private readonly idOf: (row: number) => string;
  private readonly manifest: ClassifyManifest;
  private readonly warning: string | null;

  constructor(
    scored: ScoredRows,
    settled: ReadonlyMap<number, Answer>,
    asked: { rows: Rows; idOf: (row: number) => string; manifest: ClassifyManifest; warning: string | null },
  ) {
    this.scored = scored;
    this.settled = settled;
    this.rows = asked.rows;
    this.idOf = asked.idOf;
    this.manifest = asked.manifest;
    this.warning = asked.warning;
  }

  answerOf(row: number): Answer {
    return this.settled.get(row) ?? this.scored.answerOf(row, this.idOf(row));
  }

  /** The first question that is still open. */
  get open(): Answer | undefined {
    return [...this.settled].sort(([a], [b]) => a - b).find(([, { status }]) => status === "open")?.[1];
  }

  /** Writes `{"answers": […]}`. */
  toJson(): string {
    const extra = extraColumnsOf(this.manifest);
    let text = '{"answers":[';
    for (let row = 0; row < this.rows.count; row++) text += (row === 0 ? "" : ",") + this.textOf(row, extra);
    return `${text}]}`;
  }

  private textOf(row: number, extraColumns: readonly string[]): string {
    const instance = this.rows.instanceOf(row);
    const isPlain = this.warning === null && !this.settled.has(row);
    if (isPlain && ignoredFields(this.manifest.thin.input, instance, extraColumns).length === 0) {
      return this.scored.textOf(row, this.idOf(row));
    }
    return JSON.stringify(withWarnings(this.manifest, this.answerOf(row), { instance }, this.warning));
  }
}

/**
 * Answers a batch without options of its questions as `ask` does, by columns: what is the same for all is found once, and a
 * question is made only of a row that leaves the edge. Null where rows may be of several regions, or all are kept under a key.
 */
export async function askRows(
  call: Call,
  { pointer, manifest: served }: Resolved,
  rows: Rows,
  body: Pick<AskBody, "accept" | "caller">,
  pinned: number | null = null,
): Promise<RowAnswers | null> {
  const stable = classifying(served);
  if (!areOfOneRegion(stable.policy.regions, rows) || call.request.headers.has("idempotency-key")) return null;
  const startedAt = Date.now();
  const hop = await createHop(call, body);
  await admitQuestions(call, rows.count);
  const [placed] = await placeDrafts(call, stable, [{ instance: rows.instanceOf(0) }]);
  const { region, warning } = placed as NonNullable<typeof placed>;
  const idOf = rowIds(stable.model, region, await uniquesOf(call));
  const version = pinned ?? (await versionFor(pointer, body.caller ?? callerOf(call), region));
  const { manifest, rung } = await (pinned === null ? loadVersion : loadExactly)(call, pointer, version, [region]);
  const scored = scoredBy(() => rung.askRows(rows, region), stable, rows.count);
  const hereMs = Date.now() - startedAt;
  const takeAll = body.accept === "always";
  const leaving = await leavingRows(call, manifest, scored, { takeAll, idOf });
  const attempts = leaving.map((row) => {
    const question: Question = { instance: rows.instanceOf(row), id: idOf(row), region, at: startedAt };
    return { index: row, question, edge: scored.replyOf(row, question) };
  });
  const asking = { hop, takeAll, isHop: false, isWhole: true };
  const answers = attempts.length === 0 ? [] : await settle(call, manifest, attempts, asking);
  const given = answers.map(({ answer, isHere }) =>
    countedAnswer(answer, manifest.version, isHere, isHere ? hereMs : Date.now() - startedAt),
  );
  const unlisted = warning === null ? 0 : rows.count;
  given.push(...countedHere(scored, new Set(leaving), { region, base: manifest.version, ms: hereMs }));
  countRequest(call, pointer.model, { region, base: version, unlisted }, given);
  const settled = new Map(answers.map(({ index, answer }) => [index, answer]));
  return new RowAnswers(scored, settled, { rows, idOf, manifest: stable, warning });
}

function areOfOneRegion({ from, name = "region" }: Regions, { count, instanceOf }: Rows): boolean {
  if (from !== "field") return true;
  const keyOf = (row: number) => {
    const instance = instanceOf(row);
    return Array.isArray(instance) ? undefined : own(instance, name);
  };
  const first = keyOf(0);
  for (let row = 1; row < count; row++) if (keyOf(row) !== first) return false;
  return true;
}

/** Returns the id of each row, which is made when it is first asked for. */
function rowIds(model: string, region: string, uniqueOf: (row: number) => string | undefined): (row: number) => string {
  const ids: string[] = [];
  const mint = idsIn({ model, region });
  return (row) => {
    ids[row] ??= mint(uniqueOf(row));
    return ids[row] as string;
  };
}

function scoredBy(score: () => ScoredRows, manifest: ClassifyManifest, count: number): ScoredRows {
  try {
    return score();
  } catch (error) {
    throw placeFaults(error, manifest, { length: count }, (row) => row);
  }
}

/** Lists the rows that become questions: those that escalate, and those that are kept or logged. */
async function leavingRows(
  call: Call,
  manifest: ClassifyManifest,
  scored: ScoredRows,
  { takeAll, idOf }: { takeAll: boolean; idOf: (row: number) => string },
): Promise<number[]> {
  const { ladder, keep } = manifest.policy;
  const hasRegion = ladder.includes("region");
  if (call.node.logAnswers === "all" || (hasRegion && keepsAll(call, manifest))) return [...Array(scored.count).keys()];
  if (!hasRegion || (takeAll && keep !== "audited")) return [];
  const { draws } = splitSecretsOf(call.env.SPLIT_SECRET);
  const shares = new Map<boolean, number>();
  const leaving: number[] = [];
  for (let row = 0; row < scored.count; row++) {
    const isAccepted = scored.isAccepted(row);
    if (!isAccepted && !takeAll) {
      leaving.push(row);
      continue;
    }
    if (keep !== "audited") continue;
    const share = shares.get(isAccepted) ?? shareToKeep(call, manifest, scored.answerOf(row, ""));
    shares.set(isAccepted, share);
    if (share > 0 && isAudited(draws, idOf(row), share)) leaving.push(row);
  }
  return leaving;
}

function countedHere(
  scored: ScoredRows,
  leaving: ReadonlySet<number>,
  { region, base, ms }: { region: string; base: number; ms: number },
): Given[] {
  let accepted = 0;
  for (let row = 0; row < scored.count; row++) if (!leaving.has(row) && scored.isAccepted(row)) accepted++;
  const common = { region, base, rung: "edge", isHere: true, ms } as const;
  const others = scored.count - leaving.size - accepted;
  return [
    ...(accepted > 0 ? [{ ...common, outcome: "accepted", times: accepted } as const] : []),
    ...(others > 0 ? [{ ...common, outcome: "not-accepted", times: others } as const] : []),
  ];
}
