import { classifying } from "#core/artefacts.ts";
import type { Answer, AskBody, ClassifyManifest, Question } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { indexIn } from "#core/http/issues.ts";
import { choosable, withTop } from "#core/rung/candidates.ts";
import { checkedDrafts, draftsOf } from "#core/rung/drafts.ts";
import { InvalidQuestionsError } from "#core/rung/rung.ts";
import { classifierOf } from "../artefacts/models.ts";
import { type Call, ownerOf } from "../call.ts";
import { admitQuestions } from "../limits.ts";
import { countRequest, type Given } from "../metrics/count.ts";
import { createHop, isHop } from "./hop.ts";
import { completeQuestions } from "./questions.ts";
import { type Attempt, settle } from "./settle.ts";
import { loadExactly, loadVersion, type Resolved, versionFor } from "./version.ts";
import { describeInput, withWarnings } from "./warnings.ts";

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
      throw placeFaults(error, stable, questions, (i) => indexes[i] as number);
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
export function placeFaults(
  error: unknown,
  manifest: ClassifyManifest,
  batch: { readonly length: number },
  indexOf: (index: number) => number,
): unknown {
  if (!(error instanceof InvalidQuestionsError)) return error;
  const errors = error.faults.map((fault) => ({ ...fault, index: indexIn(batch, indexOf(fault.index)) }));
  return new FaultError({ kind: "invalid", errors, next: describeInput(manifest) });
}

/** Says how an answer is counted. */
export function countedAnswer(
  { region, rung, status, accepted }: Answer,
  base: number,
  isHere: boolean,
  ms: number,
): Given {
  return {
    region,
    base,
    rung,
    outcome: status === "open" ? status : accepted ? "accepted" : "not-accepted",
    isHere,
    ms,
  };
}

/** Returns who a canary is sticky for: the token, or the address of a caller without one. */
export function callerOf(call: Call): string {
  return call.token?.id ?? call.request.headers.get("cf-connecting-ip") ?? ownerOf(call);
}
