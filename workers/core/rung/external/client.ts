import type { Answer, ExternalKind, ExternalRung, Price, Question } from "../../contract/index.ts";
import { argMax } from "../../head/head.ts";
import { withinCandidates } from "../candidates.ts";
import { type Hop, nextRungTimeoutMs, type Reply, type Rung, RungUnavailableError } from "../rung.ts";
import { stampHeaders } from "../stamp.ts";
import { viaHeader, writeVia } from "../via.ts";
import type { Adapter, Scored, Send } from "./adapter.ts";
import { type Calibration, calibrated, noCalibration } from "./calibration.ts";
import { askOpenInference } from "./open-inference.ts";
import { askOpenAiChat } from "./openai-chat.ts";
import { askOpenAiDecisions } from "./openai-decisions.ts";
import { askOwnProtocol } from "./own-protocol.ts";
import { askSystemOne, askWorkersAi } from "./system-one.ts";
import { noAnswer, postJson } from "./transport.ts";
import { type AiBinding, runAi } from "./workers-ai-binding.ts";

const adapters: Record<ExternalKind, Adapter> = {
  "system-one": askSystemOne,
  "openai-decisions": askOpenAiDecisions,
  "openai-chat": askOpenAiChat,
  "workers-ai": askWorkersAi,
  "open-inference": askOpenInference,
  http: askOwnProtocol,
};

/** Questions that are asked at a time: an object may open six connections. */
const atOnce = 4;
/** Labels that must have calibrated a rung, unless its recipe says otherwise. */
const defaultMinLabels = 30;

/** What a rung that we don't own is asked with. */
export interface ExternalRungOptions {
  rung: ExternalRung;
  model: string;
  labels: readonly string[];
  /** The error rate allowed among accepted answers. */
  targetRisk: number;
  /** Where it is, where that is not a binding. */
  endpoint: { url: string; key: string | null } | null;
  /** The binding of Workers AI, where there is one. */
  ai?: AiBinding | null;
  /** What our labels say of its scores. */
  calibration?: Calibration;
  fetch?: typeof fetch;
}

/** An answer of a rung that we don't own. */
export interface ExternalReply extends Reply {
  /** Its scores as they came, in the order of the labels: calibration learns from these. */
  given: number[];
  /** What the answer cost, in US dollars; 0 without a price. */
  usd: number;
  inputTokens: number | null;
}

/**
 * A rung that we don't own, behind the interface of ours. Its scores are calibrated on our labels, and it accepts by their
 * confidence once there are enough: it has no certificate. Each question is a request.
 */
export class ExternalRungClient implements Rung {
  readonly name = "origin";
  private readonly options: ExternalRungOptions;

  constructor(options: ExternalRungOptions) {
    this.options = options;
  }

  async ask(questions: readonly Question[], hop: Hop): Promise<Reply[]> {
    const replies = await this.askEach(questions, hop);
    const failed = replies.find((reply) => reply instanceof RungUnavailableError);
    if (failed) throw failed;
    return replies as Reply[];
  }

  /** Asks about each question: what one of them meets does not lose the answers to others. Never throws for a rung's fault. */
  async askEach(questions: readonly Question[], hop: Hop): Promise<(ExternalReply | RungUnavailableError)[]> {
    const replies: (ExternalReply | RungUnavailableError)[] = [];
    const deadline = Date.now() + hop.remainingMs;
    let stopped: RungUnavailableError | null = null;
    for (let i = 0; i < questions.length; i += atOnce) {
      const some = questions.slice(i, i + atOnce);
      const left: Hop = { ...hop, remainingMs: deadline - Date.now() };
      const asked = await Promise.all(some.map((question) => stopped ?? this.askOne(question, left)));
      replies.push(...asked);
      // A rung that is limited or broken is not asked again for the rest of the batch.
      stopped ??= asked.find((one) => one instanceof RungUnavailableError && stops(one)) as RungUnavailableError | null;
    }
    return replies;
  }

  private async askOne(question: Question, hop: Hop): Promise<ExternalReply | RungUnavailableError> {
    const { rung, labels } = this.options;
    const deadlineMs = rung.deadlineMs ?? nextRungTimeoutMs;
    const remainingMs = Math.floor(Math.min(deadlineMs, hop.remainingMs));
    if (remainingMs < 1) return noAnswer("late", `no time is left to ask ${rung.name}`);
    const signal = AbortSignal.timeout(remainingMs);
    try {
      const asked = { rung, labels, question, hop: { ...hop, remainingMs } };
      const scored = await adapters[rung.kind](asked, this.senderOf(signal, hop));
      return this.replyOf(question, scored, hop.trace);
    } catch (error) {
      if (!(error instanceof RungUnavailableError)) throw error;
      // The caller's deadline came before the rung's own.
      const why = signal.aborted && error.why === "failed" && remainingMs < deadlineMs ? "late" : error.why;
      const { retryAfterMs, message } = error;
      return new RungUnavailableError(`${rung.name} did not answer: ${message}`, { why, retryAfterMs, cause: error });
    }
  }

  private senderOf(signal: AbortSignal, hop: Hop): Send {
    const { endpoint, ai, fetch: send } = this.options;
    if (this.options.rung.kind === "workers-ai") {
      if (!ai) throw noAnswer("failed", "this Worker has no binding AI");
      return (model, body) => runAi(ai, model, body, signal);
    }
    if (!endpoint) throw noAnswer("failed", "its key is not set");
    // Behind another's protocol there may be a node of ours again.
    const passed = { [viaHeader]: writeVia(hop.via), ...stampHeaders(hop) };
    return (path, body, headers = {}) => {
      const at = { ...endpoint, headers: { ...passed, ...headers }, ...(send ? { fetch: send } : {}) };
      return postJson(at, path, body, signal);
    };
  }

  private replyOf(
    question: Question,
    { scores, model: by, inputTokens, isVote }: Scored,
    trace: boolean,
  ): ExternalReply {
    const { rung, model, labels, targetRisk, calibration = noCalibration() } = this.options;
    const version = `${rung.name}/${by}${isVote ? ":votes" : ""}`;
    const ours = calibrated(calibration, scores);
    const best = argMax(ours);
    const confidence = ours[best] as number;
    const isCalibrated = calibration.labels >= (rung.minLabels ?? defaultMinLabels);
    const answer: Answer = {
      id: question.id,
      model,
      region: question.region,
      status: "answered",
      label: labels[best] as string,
      scores: Object.fromEntries(labels.map((label, i) => [label, ours[i] as number])),
      confidence,
      accepted: isCalibrated && confidence >= (rung.threshold ?? 1 - targetRisk),
      rung: this.name,
      version,
      certificate: null,
    };
    const within = withinCandidates(answer, labels, question.candidates);
    return {
      answer: trace ? { ...within, trace: [{ head: rung.name, version, scores: ours }] } : within,
      given: scores,
      usd: usdOf(rung.price, inputTokens),
      inputTokens,
    };
  }
}

function stops({ why }: RungUnavailableError): boolean {
  return why === "failed" || why === "late" || why === "rate-limited" || why === "allowance";
}

function usdOf({ usdPerQuestion = 0, usdPerMillionInputTokens = 0 }: Price = {}, tokens: number | null): number {
  return usdPerQuestion + (usdPerMillionInputTokens * (tokens ?? 0)) / 1e6;
}
