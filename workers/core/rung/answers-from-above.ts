import * as z from "zod";
import { type Answer, answerSchema, type Question, type RungName, rungs } from "../contract/index.ts";
import { fieldsOf, noAnswer } from "./external/transport.ts";
import type { Reply, RungUnavailableError } from "./rung.ts";

/** What an answer from above must be of. */
export interface Expected {
  model: string;
  labels: readonly string[];
  /** Whether a label is one of the model's, or a number of a model of numbers. */
  isLabel: (label: string) => boolean;
  /** Whether the model predicts numbers: then any other answer is of another task. */
  isOfNumbers?: boolean;
}

// A newer rung's answer has more fields.
const replySchema = z.object({ answers: z.array(z.object(answerSchema.shape)) });
const versionMaxChars = 256;

/** Bytes of a reply: what is not an answer, an answer without its scores, and a score beside its label. */
const bytes = { reply: 16 * 1024, answer: 4 * 1024, score: 64, traced: 8 } as const;

/** Returns how many bytes the answers to some questions may have. */
export function replyMaxBytesOf({ labels }: Pick<Expected, "labels">, questions: number, isTraced: boolean): number {
  const names = labels.reduce((sum, label) => sum + 6 * label.length + bytes.score, 0);
  return bytes.reply + questions * (bytes.answer + names * (isTraced ? bytes.traced : 1));
}

/**
 * Reads the answers of a rung of ours: one for each question, of the model that was asked, with finite scores of known labels.
 * An answer with a label that this version does not have is none. Throws `RungUnavailableError` for a reply that is no answer.
 */
export function answersFrom(
  reply: unknown,
  questions: readonly Question[],
  { model, labels, isLabel, isOfNumbers = false }: Expected,
): Map<string, Reply | RungUnavailableError> {
  const answers = listedIn(reply);
  if (answers.length !== questions.length) {
    throw noAnswer("failed", `it returned ${answers.length} answers to ${questions.length} questions`);
  }
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  const known = new Set(labels);
  return new Map(
    questions.map(({ id, region, candidates }): [string, Reply | RungUnavailableError] => {
      const answer = byId.get(id);
      if (!answer) throw noAnswer("failed", `it returned no answer to question '${id}'`);
      if (answer.model !== model) throw noAnswer("failed", "it answered for another model");
      const { confidence, scores, version, degraded, warnings: _, top: __, ...rest } = answer;
      if (!isShare(confidence) || !Object.values(scores).every(isShare))
        throw noAnswer("failed", "it returned scores that are not between 0 and 1");
      if (version.length > versionMaxChars) throw noAnswer("failed", "it returned a version with too long a name");
      // One that is open is stored there, although that rung can't reach the next one.
      if (degraded && answer.status !== "open") return [id, noAnswer("rate-limited", "it is saturated")];
      if (!isLabel(answer.label) && !candidates?.includes(answer.label)) {
        if (isOfNumbers) throw noAnswer("failed", "it predicts something else");
        return [id, noAnswer("declined", "its version has labels that this one has not")];
      }
      const isOurs = (label: string) => known.has(label) || candidates?.includes(label);
      const ours = Object.keys(scores).every(isOurs)
        ? scores
        : Object.fromEntries(Object.entries(scores).filter(([label]) => isOurs(label)));
      return [id, { answer: { ...rest, region, confidence, version, scores: ours } }];
    }),
  );
}

/** Returns the answers in a reply. */
function listedIn(reply: unknown): Answer[] {
  const { answers: listed } = fieldsOf(reply);
  if (Array.isArray(listed) && listed.every(isPlain)) return listed;
  const parsed = replySchema.safeParse(reply);
  if (!parsed.success) throw noAnswer("failed", `its reply is no list of answers: ${placeOf(parsed.error)}`);
  return parsed.data.answers;
}

const plainFields = new Set([
  ...["id", "model", "region", "status", "label", "scores", "confidence", "accepted", "rung", "version", "certificate"],
]);

/** Tells whether a value is an answer with the fields that each has, and no others: most are, and the schema takes longer. */
function isPlain(value: unknown): value is Answer {
  const answer = fieldsOf(value);
  const { id, model, region, status, label, scores, confidence, accepted, rung, version, certificate } = answer;
  return (
    Object.keys(answer).every((name) => plainFields.has(name)) &&
    [id, model, region, label, version].every((text) => typeof text === "string") &&
    (status === "answered" || status === "open") &&
    typeof scores === "object" &&
    scores !== null &&
    Object.values(scores).every((score) => typeof score === "number") &&
    !Array.isArray(scores) &&
    !Object.hasOwn(scores, "__proto__") &&
    typeof confidence === "number" &&
    typeof accepted === "boolean" &&
    rungs.includes(rung as RungName) &&
    certificate === null
  );
}

// Sums of float32 scores may be slightly above 1.
function isShare(score: number): boolean {
  return Number.isFinite(score) && score >= 0 && score <= 1.001;
}

function placeOf({ issues: [issue] }: z.ZodError): string {
  return issue ? `${issue.path.slice(0, 4).join(".") || "it"}: ${issue.code}` : "unreadable";
}
