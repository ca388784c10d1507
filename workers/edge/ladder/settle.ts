import { isAudited, opinionShareOf } from "#core/confidence/audit.ts";
import { splitSecretsOf } from "#core/confidence/split-secret.ts";
import type { Answer, ClassifyManifest, Question } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { type LogEvent, type LogLine, logLine, outcomeOf } from "#core/log.ts";
import { restricts } from "#core/rung/candidates.ts";
import { hasRungAbove, type Settings } from "#core/rung/external/endpoint.ts";
import { type Hop, type Reply, RungUnavailableError, SaturatedError } from "#core/rung/rung.ts";
import type { Call } from "../call.ts";
import { RegionRung } from "./region-rung.ts";

/** A question with the edge's reply to it. */
export interface Attempt {
  index: number;
  question: Question;
  edge: Reply;
}

/** An answer with its place in the batch. The edge counts the answers it gave; the region counts the others. */
export type PlacedAnswer = { index: number; answer: Answer; isHere: boolean };

/** How questions are asked. */
export interface Asked {
  hop: Hop;
  /** Whether the edge's answer is taken at any confidence. */
  takeAll: boolean;
  /** Whether the caller is a rung. */
  isHop: boolean;
  /** Whether these are all questions of the request. */
  isWhole: boolean;
}

/** Escalates what the edge did not accept, and keeps what the policy wants of the rest. */
export async function settle(
  call: Call,
  manifest: ClassifyManifest,
  attempts: readonly Attempt[],
  asked: Asked,
): Promise<PlacedAnswer[]> {
  const { takeAll, hop } = asked;
  const hasRegion = manifest.policy.ladder.includes("region");
  const groups = Map.groupBy(attempts, ({ question }) => question.region);
  const isWhole = asked.isWhole && groups.size === 1;
  const settled = await Promise.all(
    [...groups].map(async ([region, group]) => {
      const up = group.filter(({ edge }) => hasRegion && !edge.answer.accepted && !takeAll);
      const down = group.filter(({ edge }) => !hasRegion || edge.answer.accepted || takeAll);
      if (call.node.logAnswers === "all") {
        logLine(logLineOf(call, "answered", down), outcomeOf(down.map(({ edge }) => edge.answer)));
      }
      if (!hasRegion) return down.map(placeEdgeAnswer);
      const rung = new RegionRung(call, manifest.model, manifest.version, region);
      const escalated = escalate(call, manifest, rung, up, { ...asked, isWhole });
      return (await Promise.all([escalated, keepAnswers(call, manifest, rung, down, hop)])).flat();
    }),
  );
  return settled.flat();
}

async function escalate(
  call: Call,
  manifest: ClassifyManifest,
  rung: RegionRung,
  attempts: readonly Attempt[],
  asked: Asked,
): Promise<PlacedAnswer[]> {
  if (attempts.length === 0) return [];
  const questions = attempts.map(withInference);
  const startedAt = Date.now();
  try {
    const replies = await rung.ask(questions, asked.hop);
    if (call.node.logAnswers !== "off") {
      const line = logLineOf(call, "escalated", attempts);
      logLine({ ...line, ms: Date.now() - startedAt }, outcomeOf(replies.map(({ answer }) => answer)));
    }
    return mergeReplies(attempts, replies, false);
  } catch (error) {
    if (mustRefuse(call, manifest, error, asked)) throw refusalOf(error);
    if (!(error instanceof SaturatedError) && !isLimited(error)) {
      logLine(logLineOf(call, "region-unavailable", attempts), { reason: String(error) }, console.error);
    }
    return attempts.map(degraded);
  }
}

/**
 * Tells whether a request is refused whose region takes no question now. A rung asks again, and a key wants a stored answer. A
 * limit, and a recipe that wants no degraded answers, refuse only where nothing else of the request was stored.
 */
function mustRefuse({ request }: Call, { policy }: ClassifyManifest, error: unknown, asked: Asked): boolean {
  if (!(error instanceof RungUnavailableError) && !isLimited(error)) return true;
  if (asked.isHop || request.headers.has("idempotency-key")) return true;
  const wantsRefusal = isLimited(error) || (error instanceof SaturatedError && policy.whenSaturated === "refuse");
  return asked.isWhole && wantsRefusal;
}

function refusalOf(error: unknown): unknown {
  if (!(error instanceof SaturatedError)) return error;
  return new FaultError({ kind: "saturated", retryAfterMs: error.retryAfterMs ?? 0 }, { cause: error });
}

function isLimited(error: unknown): boolean {
  return error instanceof FaultError && error.fault.kind === "limited";
}

/** The edge's answer to a question that its region did not take: provisional, and not stored. */
function degraded({ index, edge }: Attempt): PlacedAnswer {
  return { index, answer: { ...edge.answer, degraded: true }, isHere: true };
}

function logLineOf({ span }: Call, event: LogEvent, attempts: readonly Attempt[]): LogLine {
  const [first] = attempts;
  const { model = "", region = null } = first?.edge.answer ?? {};
  return { event, rung: "edge", model, region, span, ids: attempts.map(({ question }) => question.id) };
}

/** Stores what the policy keeps: all questions before the response; audited ones, and those for an opinion, after it. */
async function keepAnswers(
  call: Call,
  manifest: ClassifyManifest,
  rung: RegionRung,
  attempts: readonly Attempt[],
  hop: Hop,
): Promise<PlacedAnswer[]> {
  const kept = (some: readonly Attempt[]) =>
    some.map((attempt) => {
      const { question, edge } = attempt;
      return { ...keptOf(attempt), opinionShare: shareToKeep(call, manifest, edge.answer, question.candidates) };
    });
  if (keepsAll(call, manifest) || hop.trace) {
    if (attempts.length === 0) return [];
    return mergeReplies(attempts, await rung.keep(kept(attempts), hop, true), true);
  }
  if (manifest.policy.keep === "audited") {
    const drawn: Attempt[] = [];
    const { draws } = splitSecretsOf(call.env.SPLIT_SECRET);
    for (const attempt of attempts) {
      const { question, edge } = attempt;
      const share = shareToKeep(call, manifest, edge.answer, question.candidates);
      if (isAudited(draws, question.id, share)) drawn.push(attempt);
    }
    if (drawn.length > 0) call.later(rung.keep(kept(drawn), hop));
  }
  return attempts.map(placeEdgeAnswer);
}

/** Tells whether every question of a request is stored before its answer. */
export function keepsAll({ request }: Call, { policy }: ClassifyManifest): boolean {
  return policy.keep === "all" || request.headers.has("idempotency-key");
}

/** Returns the share of questions with such an answer that are kept: for a label, or for the opinion of the rung above. */
export function shareToKeep(
  { env }: Call,
  { policy, labels }: ClassifyManifest,
  answer: Answer,
  candidates?: readonly string[],
): number {
  // An opinion of a restricted answer would count in no certificate.
  if (!answer.accepted || restricts(labels, candidates)) return policy.auditShare;
  return opinionShareOf(policy, { ...answer, hasNextRung: hasRungAbove(policy, env as unknown as Settings) });
}

function keptOf({ question, edge }: Attempt) {
  const { trace: _, warnings: __, ...answer } = edge.answer;
  return { question: withInference({ question, edge }), answer };
}

function withInference({ question, edge }: Pick<Attempt, "question" | "edge">): Question {
  const inference = edge.inference?.();
  return inference ? { ...question, inference } : question;
}

function placeEdgeAnswer({ index, edge }: Attempt): PlacedAnswer {
  return { index, answer: edge.answer, isHere: true };
}

// Joins the scores that both rungs added to the trace, and adds the warnings of the edge.
function mergeReplies(attempts: readonly Attempt[], replies: readonly Reply[], isHere: boolean): PlacedAnswer[] {
  return attempts.map(({ index, edge }, i) => {
    const { answer } = replies[i] as Reply;
    const trace = edge.answer.trace && [...edge.answer.trace, ...(answer.trace ?? [])];
    const { warnings } = edge.answer;
    return { index, answer: { ...answer, ...(trace ? { trace } : {}), ...(warnings ? { warnings } : {}) }, isHere };
  });
}
