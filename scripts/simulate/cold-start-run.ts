import type { UpriverClient } from "#client/index.ts";
import { classifying } from "#core/artefacts.ts";
import { isAudited } from "#core/confidence/audit.ts";
import type { Answer } from "#core/contract/index.ts";
import { mintId } from "#core/ids.ts";
import type { Row } from "#origin/recipes/index.ts";
import { onlyRegion } from "#origin/recipes/resolve.ts";
import type { LocalLadder } from "../local/ladder.ts";
import { patiently } from "../local/patience.ts";

/** What became of some questions. */
export interface Block {
  asked: number;
  /** Answered and accepted at the edge. */
  edge: number;
  accepted: number;
  /** Wrong answers among the accepted ones. */
  wrong: number;
  /** Questions that the rung above answered: each costs its price. */
  above: number;
}

/** The result of a run. */
export interface ColdRun {
  /** Blocks of 1,000 questions; the last may be shorter. */
  blocks: Block[];
  /** What each training led to. */
  trainings: string[];
  certificate: string;
  seconds: number;
}

interface ColdModel {
  model: string;
  /** Draws the audits, as the region does. */
  splitSecret: string;
  usdPerQuestion: number;
}

const blockSize = 1_000;
const batchSize = 25;
/** The cron runs after so many questions. */
const cronEvery = 250;
const auditShare = 0.03;
const hourMs = 3600_000;
const noBlock: Block = { asked: 0, edge: 0, accepted: 0, wrong: 0, above: 0 };

/** Asks questions in order. People audit a share of all questions, with true labels, one batch later. The cron runs each hour. */
export async function playCold(
  { client, credentials }: Pick<LocalLadder, "client" | "credentials">,
  { model, splitSecret, usdPerQuestion }: ColdModel,
  rows: readonly Row[],
  { onAsked, onTrained }: { onAsked: (done: number) => void; onTrained: (line: string) => void },
): Promise<ColdRun> {
  const startedAt = Date.now();
  const [asking, admin, publisher] = [client("ask"), client("admin"), client("publish")];
  const blocks: Block[] = [];
  const trainings: string[] = [];
  let block = { ...noBlock };
  let spent = 0;
  const open: { id: string; label: string }[] = [];
  let audits: { id: string; label: string }[] = [];
  for (let first = 0; first < rows.length; first += batchSize) {
    const batch = rows.slice(first, first + batchSize);
    const ids = batch.map((_, n) => mintId({ model, region: onlyRegion }, `q${first + n}`));
    const questions = batch.map(({ instance }, n) => ({ id: ids[n] as string, region: onlyRegion, instance }));
    const answers = await asking.askQuestions(model, questions);
    block.asked += batch.length;
    for (const [n, answer] of answers.entries()) {
      const { label } = batch[n] as Row;
      if (answer.status === "open") open.push({ id: answer.id, label });
      else countAnswer(block, answer, label);
    }
    // The edge keeps an audited question after it has answered.
    if (audits.length > 0) await admin.teachMany(model, { truths: audits });
    const isDrawn = await Promise.all(ids.map((id) => isAudited(splitSecret, id, auditShare)));
    audits = batch.flatMap(({ label }, n) => (isDrawn[n] ? [{ id: ids[n] as string, label }] : []));
    const done = first + batch.length;
    onAsked(done);
    if (done % cronEvery === 0) {
      const line = await trainByCron(publisher, credentials.edge, model, done);
      if (line !== null) {
        trainings.push(line);
        onTrained(line);
      }
    }
    if (done % blockSize > 0 && done < rows.length) continue;
    // On a busy machine the rung above may answer after its caller's deadline. What people answered meanwhile doesn't count.
    for (const { id, label } of open.splice(0)) {
      const answer = await asking.question(id);
      if (answer.status === "answered" && answer.rung === "origin") countAnswer(block, answer, label);
    }
    const answered = await answeredAbove(admin, model, usdPerQuestion);
    blocks.push({ ...block, above: answered - spent });
    onTrained(JSON.stringify(blocks.at(-1)));
    spent = answered;
    block = { ...noBlock };
  }
  const seconds = (Date.now() - startedAt) / 1_000;
  return { blocks, trainings, certificate: await describeCertificate(admin, model), seconds };
}

function countAnswer(block: Block, { accepted, rung, label }: Answer, truth: string): void {
  if (!accepted) return;
  block.accepted++;
  if (rung === "edge") block.edge++;
  if (label !== truth) block.wrong++;
}

/** Adds blocks up. */
export function total(blocks: readonly Block[]): Block {
  return blocks.reduce(
    (sum, { asked, edge, accepted, wrong, above }) => ({
      asked: sum.asked + asked,
      edge: sum.edge + edge,
      accepted: sum.accepted + accepted,
      wrong: sum.wrong + wrong,
      above: sum.above + above,
    }),
    noBlock,
  );
}

/** Runs the Worker's cron an hour later than before, and waits for the training; null where it waits for more samples. */
async function trainByCron(client: UpriverClient, edge: string, model: string, done: number): Promise<string | null> {
  const url = new URL("/cdn-cgi/local/scheduled", edge);
  url.searchParams.set("time", String(Date.now() + done * hourMs));
  await (await fetch(url)).text();
  const [latest] = await client.trainings(model);
  if (!latest) return null;
  let training = latest;
  while (training.endedAt === null) {
    training = await patiently(() => client.training(model, latest.id, { waitSeconds: 2 }));
  }
  const { state, version, samples, reason, verdict } = training;
  if (state === "failed") throw new Error(`The training at the origin failed: ${reason}`);
  if (state === "refused" && verdict === null) return null;
  const rule = version === null ? null : classifying(await client.manifest(model, version)).thin.rule;
  const started = rule === null ? `refused: ${reason}` : `version ${version}, threshold ${rule.threshold.toFixed(3)}`;
  return `after ${done} questions, ${samples?.known} samples: ${started}`;
}

async function answeredAbove(client: UpriverClient, model: string, usdPerQuestion: number): Promise<number> {
  const states = await client.regions(model, { fresh: true });
  const usd = states.flatMap(({ above = [] }) => above).reduce((sum, rung) => sum + rung.usd, 0);
  return Math.round(usd / usdPerQuestion);
}

async function describeCertificate(client: UpriverClient, model: string): Promise<string> {
  const [region] = await client.regions(model, { fresh: true });
  const state = region?.certificate;
  if (!state) return "none yet: no question was accepted at the edge";
  const { status, labels, mean, bound, reason } = state;
  return `${status}, ${labels} labels, error ${mean?.toFixed(3) ?? "–"}, bound ${bound.toFixed(3)}: ${reason}`;
}
