import { accepts } from "../../core/confidence/rule.ts";
import type { Inference, Instance, Question } from "../../core/contract/index.ts";
import { quantise } from "../../core/head/embedding.ts";
import { mintId } from "../../core/ids.ts";
import { readAmong, restricts, withTop } from "../../core/rung/candidates.ts";
import { type Hop, InvalidQuestionsError, type Reply } from "../../core/rung/rung.ts";
import { DeviceError } from "./errors.ts";
import type { Lessons } from "./lessons.ts";
import { instanceOf } from "./pictures.ts";
import type { Served } from "./served.ts";
import type { DeviceAnswer, DeviceAskOptions, DeviceInput } from "./types.ts";

const untaught = { head: null, open: null, labels: [] };
const hop: Hop = { owner: "device", remainingMs: 0, via: [], trace: false };

const unproven = (reason: string) => ({ status: "pending" as const, reason, labels: 0, labelsNeeded: null });
const ofOwnHead = unproven("the device's own head answered, which has no certificate");
const ofOpenLabels = unproven("the answer is among labels that others contributed, which have no certificate");

/** A question with the device's answer to it, and what it computed. */
export interface Answered {
  question: Question;
  answer: DeviceAnswer;
  inference: Inference;
  /** Whether the head below answers it by itself. */
  isKnownBelow: boolean;
}

/** Answers questions by the version that serves, corrected by what the device was taught. Throws `DeviceError` for faults in them. */
export async function answer(
  { rung, manifest, regional, network, rule }: Served,
  lessons: Pick<Lessons, "head" | "open" | "labels">,
  questions: readonly Question[],
): Promise<Answered[]> {
  const replies = await rung.ask(questions, hop).catch((error: unknown) => {
    throw error instanceof InvalidQuestionsError ? invalid(error) : error;
  });
  return replies.map((reply, i) => {
    const question = questions[i] as Question;
    const inference = (reply.inference as NonNullable<Reply["inference"]>)();
    const below: DeviceAnswer = { ...reply.answer, rung: "device" };
    const given = lessons.head || lessons.open ? corrected(inference) : below;
    return {
      ...{ question, inference },
      answer: withTop(given as never, question.top) as DeviceAnswer,
      isKnownBelow: reply.answer.accepted && given.label === reply.answer.label,
    };

    function corrected({ embedding, scores }: Inference): DeviceAnswer {
      const { labels, head, open } = lessons;
      const { step } = manifest.thin.backbone.embedding;
      const vector = quantise(embedding, step);
      const extended = open?.extend(scores, vector) ?? scores;
      const own = head?.correct(extended, vector) ?? extended;
      const reading = regional.head?.manifest.reading ?? network.spec.reading;
      const said = readAmong({ ...manifest, labels }, own, question.candidates, reading);
      const mayAnswer = rule.certificate !== null || manifest.policy.uncertified === "answer";
      const accepted = mayAnswer && said.confidence > 0 && accepts(rule, said.confidence, said.label);
      const unproved = { ...below, ...said, accepted, certificate: null };
      return head
        ? { ...unproved, uncertified: ofOwnHead, personal: true }
        : { ...unproved, uncertified: ofOpenLabels };
    }
  });
}

/** Makes a question of the device's region of what it is asked about. Its id makes it one question at every rung. */
export async function questionOf(
  { serving: { model, region }, manifest }: Served,
  input: DeviceInput,
  { candidates, top }: DeviceAskOptions = {},
): Promise<Question> {
  const instance = await instanceOf(input, manifest.thin.input);
  const chosen = { ...(candidates ? { candidates } : {}), ...(top === undefined ? {} : { top }) };
  return { id: mintId({ model, region }), region, instance, at: Date.now(), ...chosen };
}

/** Embeds an instance by a version's backbone. Throws `DeviceError` for faults in it. */
export async function embeddingOf(served: Served, instance: Instance): Promise<Int16Array<ArrayBuffer>> {
  const [answered] = await answer(served, untaught, [await questionOf(served, instance)]);
  return quantise((answered as Answered).inference.embedding, served.manifest.thin.backbone.embedding.step);
}

/** Leaves out the candidates that only the device knows; null where no other is left, so that nobody above can choose. */
export function withKnownCandidates(question: Question, labels: readonly string[]): Question | null {
  const { candidates, top, ...rest } = question;
  const limit = top === undefined ? {} : { top: Math.min(top, labels.length) };
  if (!restricts(labels, candidates)) return { ...rest, ...limit };
  const known = candidates.filter((label) => labels.includes(label));
  return known.length > 0 ? { ...rest, ...limit, candidates: known } : null;
}

/** Shortens the numbers of an inference that is sent, to the digits that make the same float32. */
export function shortened({ embedding, scores, ...rest }: Inference): Inference {
  const shortest = (value: number) => Number(value.toPrecision(9));
  return { ...rest, embedding: embedding.map(shortest), scores: scores.map(shortest) };
}

function invalid({ faults }: InvalidQuestionsError): DeviceError {
  const listed = faults
    .slice(0, 5)
    .map(({ path, expected, received }) => `${path || "instance"}: ${received}, where ${expected} was expected`);
  return new DeviceError(`The instance does not match the model's input: ${listed.join("; ")}.`);
}
