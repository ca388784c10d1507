import { classifying } from "#core/artefacts.ts";
import { isAudited, opinionShareOf } from "#core/confidence/audit.ts";
import {
  type Answer,
  type AskBody,
  askTimeoutMs,
  type ClassifyManifest,
  type Question,
  viaMaxRungs,
} from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { indexIn } from "#core/http/issues.ts";
import { type LogEvent, type LogLine, logLine, outcomeOf } from "#core/log.ts";
import { choosable, restricts, withTop } from "#core/rung/candidates.ts";
import { checkedDrafts, draftsOf } from "#core/rung/drafts.ts";
import { hasRungAbove, type Settings } from "#core/rung/external/endpoint.ts";
import { type Hop, InvalidQuestionsError, type Reply, RungUnavailableError } from "#core/rung/rung.ts";
import { readVia } from "#core/rung/via.ts";
import { traceHeaders } from "#core/trace-context.ts";
import { classifierOf } from "../artefacts/models.ts";
import { type Call, ownerOf } from "../call.ts";
import { countRequest, type Given } from "../metrics/count.ts";
import { completeQuestions } from "./questions.ts";
import { RegionRung } from "./region-rung.ts";
import { loadExactly, loadVersion, type Resolved, versionFor } from "./version.ts";
import { describeInput, withWarnings } from "./warnings.ts";

/** A question with the edge's reply to it. */
interface Attempt {
  index: number;
  question: Question;
  edge: Reply;
}

/**
 * Asks the thin model, then the regions of the questions that it did not accept.
 * A `pinned` version answers every caller and region; otherwise the pointer decides.
 */
export async function ask(
  call: Call,
  { pointer, manifest: served }: Resolved,
  body: AskBody,
  pinned: number | null = null,
): Promise<Answer[]> {
  const startedAt = Date.now();
  const hop = createHop(call, body);
  const caller = body.caller ?? callerOf(call);
  // The stable version's policy lists the regions. The version that answers may differ by region.
  const stable = classifying(served);
  const judged = pinned === null ? stable : await classifierOf(call, pointer.model, pinned);
  const drafts = checkedDrafts(choosable(judged), body, draftsOf(body));
  const { questions, warnings } = await completeQuestions(call, stable, drafts);
  const versions = await Promise.all(questions.map(({ region }) => pinned ?? versionFor(pointer, caller, region)));
  const answers: Answer[] = [];
  const given: Given[] = [];
  for (const version of new Set(versions)) {
    const indexes = questions.flatMap((_, index) => (versions[index] === version ? [index] : []));
    const asked = indexes.map((index) => questions[index] as Question);
    const regions = [...new Set(asked.map(({ region }) => region))];
    const { manifest, rung } = await (pinned === null ? loadVersion : loadExactly)(call, pointer, version, regions);
    const replies = await rung.ask(asked, hop).catch((error) => {
      throw placeFaults(error, stable, questions, indexes);
    });
    const hereMs = Date.now() - startedAt;
    const attempts = replies.map((edge, i): Attempt => {
      return { index: indexes[i] as number, question: asked[i] as Question, edge };
    });
    for (const { index, answer, isHere } of await settle(call, manifest, attempts, hop, body.accept === "always")) {
      answers[index] = answer;
      given.push(countedAnswer(answer, manifest.version, isHere, isHere ? hereMs : Date.now() - startedAt));
    }
  }
  countRequest(
    call,
    pointer.model,
    {
      region: questions[0]?.region ?? "",
      base: versions[0] as number,
      unlisted: warnings.filter((warning) => warning !== null).length,
    },
    given,
  );
  return answers.map((answer, i) => {
    const question = questions[i] as Question;
    return withTop(withWarnings(stable, answer, question, warnings[i] ?? null), question.top);
  });
}

/** Names the invalid questions by their index in the whole batch. */
function placeFaults(
  error: unknown,
  manifest: ClassifyManifest,
  batch: readonly Question[],
  indexes: readonly number[],
): unknown {
  if (!(error instanceof InvalidQuestionsError)) return error;
  const errors = error.faults.map((fault) => ({ ...fault, index: indexIn(batch, indexes[fault.index] as number) }));
  return new FaultError({ kind: "invalid", errors, next: describeInput(manifest) });
}

function countedAnswer({ region, rung, status, accepted }: Answer, base: number, isHere: boolean, ms: number): Given {
  return {
    region,
    base,
    rung,
    outcome: status === "open" ? status : accepted ? "accepted" : "not-accepted",
    isHere,
    ms,
  };
}

/** An answer with its place in the batch. The edge counts the answers it gave; the region counts the others. */
type PlacedAnswer = { index: number; answer: Answer; isHere: boolean };

async function settle(
  call: Call,
  manifest: ClassifyManifest,
  attempts: readonly Attempt[],
  hop: Hop,
  takeAll: boolean,
): Promise<PlacedAnswer[]> {
  const hasRegion = manifest.policy.ladder.includes("region");
  const groups = Map.groupBy(attempts, ({ question }) => question.region);
  const settled = await Promise.all(
    [...groups].map(async ([region, group]) => {
      const up = group.filter(({ edge }) => hasRegion && !edge.answer.accepted && !takeAll);
      const down = group.filter(({ edge }) => !hasRegion || edge.answer.accepted || takeAll);
      if (call.node.logAnswers === "all") {
        logLine(logLineOf(call, "answered", down), outcomeOf(down.map(({ edge }) => edge.answer)));
      }
      if (!hasRegion) return down.map(placeEdgeAnswer);
      const rung = new RegionRung(call, manifest.model, manifest.version, region);
      return (await Promise.all([escalate(call, rung, up, hop), keepAnswers(call, manifest, rung, down, hop)])).flat();
    }),
  );
  return settled.flat();
}

async function escalate(call: Call, rung: RegionRung, attempts: readonly Attempt[], hop: Hop): Promise<PlacedAnswer[]> {
  if (attempts.length === 0) return [];
  const questions = attempts.map(withInference);
  const startedAt = Date.now();
  try {
    const replies = await rung.ask(questions, hop);
    if (call.node.logAnswers !== "off") {
      const line = logLineOf(call, "escalated", attempts);
      logLine({ ...line, ms: Date.now() - startedAt }, outcomeOf(replies.map(({ answer }) => answer)));
    }
    return mergeReplies(attempts, replies, false);
  } catch (error) {
    if (!(error instanceof RungUnavailableError)) throw error;
    // The region can't be reached: callers receive the edge's answer.
    logLine(logLineOf(call, "region-unavailable", attempts), { reason: error.message }, console.error);
    return attempts.map(placeEdgeAnswer);
  }
}

function logLineOf({ span }: Call, event: LogEvent, attempts: readonly Attempt[]): LogLine {
  const [first] = attempts;
  const { model = "", region = null } = first?.edge.answer ?? {};
  return { event, rung: "edge", model, region, span, ids: attempts.map(({ question }) => question.id) };
}

/** Stores what the policy keeps: all questions before the response; audited ones, and those for an opinion, after it. */
async function keepAnswers(
  call: Call,
  { policy, labels }: ClassifyManifest,
  rung: RegionRung,
  attempts: readonly Attempt[],
  hop: Hop,
): Promise<PlacedAnswer[]> {
  const isKeyed = call.request.headers.has("idempotency-key");
  const hasNextRung = hasRungAbove(policy, call.env as unknown as Settings);
  // An opinion of a restricted answer would count in no certificate.
  const shareOf = ({ edge: { answer }, question }: Attempt) =>
    answer.accepted && !restricts(labels, question.candidates)
      ? opinionShareOf(policy, { ...answer, hasNextRung })
      : policy.auditShare;
  const kept = (some: readonly Attempt[]) =>
    some.map((attempt) => ({ ...keptOf(attempt), opinionShare: shareOf(attempt) }));
  if (policy.keep === "all" || isKeyed || hop.trace) {
    if (attempts.length === 0) return [];
    return mergeReplies(attempts, await rung.keep(kept(attempts), hop), true);
  }
  if (policy.keep === "audited") {
    const drawn: Attempt[] = [];
    for (const attempt of attempts) {
      if (await isAudited(call.env.SPLIT_SECRET, attempt.question.id, shareOf(attempt))) drawn.push(attempt);
    }
    if (drawn.length > 0) call.later(rung.keep(kept(drawn), hop));
  }
  return attempts.map(placeEdgeAnswer);
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

// Joins the scores that both rungs added to the trace, and says what the edge has to say of its own.
function mergeReplies(attempts: readonly Attempt[], replies: readonly Reply[], isHere: boolean): PlacedAnswer[] {
  return attempts.map(({ index, edge }, i) => {
    const { answer } = replies[i] as Reply;
    const trace = edge.answer.trace && [...edge.answer.trace, ...(answer.trace ?? [])];
    const { warnings } = edge.answer;
    return { index, answer: { ...answer, ...(trace ? { trace } : {}), ...(warnings ? { warnings } : {}) }, isHere };
  });
}

function createHop(call: Call, body: AskBody): Hop {
  const { remainingMs = askTimeoutMs, via = readVia(call.request.headers), trace = false } = body;
  const passed = [...via, call.node.id];
  if (via.includes(call.node.id) || passed.length > viaMaxRungs) {
    throw new FaultError({ kind: "loop", via: passed, max: viaMaxRungs });
  }
  return {
    owner: ownerOf(call),
    remainingMs: Math.min(remainingMs, askTimeoutMs),
    via: passed,
    trace,
    ...traceHeaders(call.span),
  };
}

/** Returns who a canary is sticky for: the token, or the address of a caller without one. */
export function callerOf(call: Call): string {
  return call.token?.id ?? call.request.headers.get("cf-connecting-ip") ?? ownerOf(call);
}
