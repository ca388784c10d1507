import * as z from "zod";
import type { ClassifyManifest, Draft, Question } from "#core/contract/index.ts";
import { hmacHex, sha256Hex } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { type InvalidField, indexIn } from "#core/http/issues.ts";
import { refuseRepeated } from "#core/http/repeated.ts";
import { encodeIdPart, mintId, parseId, secretUnique } from "#core/ids.ts";
import { type Call, ownerOf } from "../call.ts";
import { isRung } from "./hop.ts";
import { type PlacedRegion, placeDrafts } from "./regions.ts";

/** The header with the id of a request. A retry carries the same id. */
export const requestHeader = "x-upriver-request";
const uuidSchema = z.uuid();

/** Complete questions, and the warning of each about its region. */
interface CompleteQuestions {
  questions: Question[];
  warnings: (string | null)[];
}

/**
 * Completes drafts with id, region and time. Checks all of them before any is asked. What only a rung may say of its questions
 * (their time, inference and audit) is left out of a hop with a token that is no rung's.
 *
 * @param isHop whether the caller is a rung, believed or not
 */
export async function completeQuestions(
  call: Call,
  manifest: ClassifyManifest,
  given: readonly Draft[],
  isHop = false,
): Promise<CompleteQuestions> {
  refuseAnonymousNames(call, given);
  const isBelieved = isRung(call);
  const drafts = isBelieved ? given : given.map(({ inference: _, audit: __, ...draft }) => draft);
  const placed = await placeDrafts(call, manifest, drafts);
  const uniqueOf = await uniquesOf(call);
  const questions = drafts.map((draft, i) => {
    const index = indexIn(drafts, i);
    const { region } = placed[i] as PlacedRegion;
    if (draft.at !== undefined && !isBelieved && !isHop) {
      throw new FaultError({ kind: "forbidden", needs: "scope 'admin' or 'rung', to give questions a data time" });
    }
    const at = isBelieved && draft.at !== undefined ? draft.at : Date.now();
    if (draft.id !== undefined) checkId(draft.id, manifest.model, region, index);
    const id = draft.id ?? mintId({ model: manifest.model, region }, uniqueOf(i));
    return { ...draft, id, region, at };
  });
  // An id that is made here is made once.
  if (drafts.some(({ id }) => id !== undefined)) refuseRepeated(questions.map(({ id }) => id));
  return { questions, warnings: placed.map(({ warning }) => warning) };
}

// The id of an anonymous question is the secret that reads it: no caller may know or choose the id of another's question.
function refuseAnonymousNames({ token, request }: Call, drafts: readonly Draft[]): void {
  if (token !== null) return;
  const refuse = (error: InvalidField) => {
    const next = `A random UUID in the header ${requestHeader} makes a retry the same question.`;
    throw new FaultError({ kind: "invalid", errors: [error], next });
  };
  const expected = "absent without a token: the edge chooses the ids of anonymous questions";
  const key = request.headers.get("idempotency-key");
  if (key !== null) refuse({ path: "idempotency-key", expected, received: `'${key.slice(0, 100)}'` });
  const i = drafts.findIndex(({ id }) => id !== undefined);
  const draft = drafts[i];
  if (draft) refuse({ index: indexIn(drafts, i), path: "id", expected, received: `'${draft.id}'` });
}

/** Returns the last part of each question's id. A retry gets the same ones. */
export async function uniquesOf(call: Call): Promise<(index: number) => string | undefined> {
  const { headers } = call.request;
  const request = headers.get(requestHeader);
  if (call.token === null) {
    if (!uuidSchema.safeParse(request).success) return secretUnique;
    const address = headers.get("cf-connecting-ip") ?? "";
    const secret = await hmacHex(call.env.SPLIT_SECRET, `anonymous|${address}|${request}`);
    return (index) => `${secret}.${index}`;
  }
  // With an idempotency key the answer is stored as well, at whichever rung it is given.
  const key = headers.get("idempotency-key") ?? request;
  if (key === null) return () => undefined;
  const unique = await sha256Hex(`${ownerOf(call)}|${key}`);
  return (index) => `${unique.slice(0, 32)}.${index}`;
}

function checkId(id: string, model: string, region: string, index: number | undefined): void {
  const address = parseId(id);
  if (address.ok && address.value.model === model && address.value.region === region) return;
  const expected = `an id of the form ${encodeIdPart(model)}~${encodeIdPart(region)}~{unique}`;
  throw new FaultError({ kind: "invalid", errors: [{ index, path: "id", expected, received: `'${id}'` }] });
}
