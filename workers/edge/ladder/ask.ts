import { classifying } from "#core/artefacts.ts";
import { isAudited, opinionShareOf } from "#core/confidence/audit.ts";
import { splitSecretsOf } from "#core/confidence/split-secret.ts";
import type { Answer, AskBody, ClassifyManifest, Question } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { indexIn } from "#core/http/issues.ts";
import { type LogEvent, type LogLine, logLine, outcomeOf } from "#core/log.ts";
import { choosable, restricts, withTop } from "#core/rung/candidates.ts";
import { checkedDrafts, draftsOf } from "#core/rung/drafts.ts";
import { hasRungAbove, type Settings } from "#core/rung/external/endpoint.ts";
import { type Hop, InvalidQuestionsError, type Reply, RungUnavailableError, SaturatedError } from "#core/rung/rung.ts";
import { classifierOf } from "../artefacts/models.ts";
import { type Call, ownerOf } from "../call.ts";
import { admitQuestions } from "../limits.ts";
import { countRequest, type Given } from "../metrics/count.ts";
import { createHop, isHop } from "./hop.ts";
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
  const hop = await createHop(call, body);
  const caller = body.caller ?? callerOf(call);
  // The stable version's policy lists the regions. The version that answers may differ by region.
  const stable = classifying(served);
  const judged = pinned === null ? stable : await classifierOf(call, pointer.model, pinned);
  const drafts = checkedDrafts(choosable(judged), body, draftsOf(body));
  await admitQuestions(call, drafts.length);
  const { questions, warnings } = await completeQuestions(call, stable, drafts, isHop(body));
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
    const asking = {
      hop,
      takeAll: body.accept === "always",
      isHop: isHop(body),
      isWhole: attempts.length === questions.length,
    };
    for (const { index, answer, isHere } of await settle(call, manifest, attempts, asking)) {
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

/** How questions are asked. */
interface Asked {
  hop: Hop;
  /** Whether the edge's answer is taken at any confidence. */
  takeAll: boolean;
  /** Whether the caller is a rung. */
  isHop: boolean;
  /** Whether these are all questions of the request. */
  isWhole: boolean;
}

async function settle(
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
    return mergeReplies(attempts, await rung.keep(kept(attempts), hop, true), true);
  }
  if (policy.keep === "audited") {
    const drawn: Attempt[] = [];
    const { draws } = splitSecretsOf(call.env.SPLIT_SECRET);
    for (const attempt of attempts) {
      if (await isAudited(draws, attempt.question.id, shareOf(attempt))) drawn.push(attempt);
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

/** Returns who a canary is sticky for: the token, or the address of a caller without one. */
export function callerOf(call: Call): string {
  return call.token?.id ?? call.request.headers.get("cf-connecting-ip") ?? ownerOf(call);
}
