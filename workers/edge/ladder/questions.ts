import type { ClassifyManifest, Draft, Question } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { indexIn } from "#core/http/issues.ts";
import { refuseRepeated } from "#core/http/repeated.ts";
import { encodeIdPart, mintId, parseId } from "#core/ids.ts";
import { type Call, isAdmin, ownerOf } from "../call.ts";
import { type PlacedRegion, placeDrafts } from "./regions.ts";

/** The header with the id of a request. A retry carries the same id. */
export const requestHeader = "x-upriver-request";

/** Complete questions, and the warning of each about its region. */
interface CompleteQuestions {
  questions: Question[];
  warnings: (string | null)[];
}

/** Completes drafts with id, region and time. Checks all of them before any is asked. */
export async function completeQuestions(
  call: Call,
  manifest: ClassifyManifest,
  drafts: readonly Draft[],
): Promise<CompleteQuestions> {
  const placed = await placeDrafts(call, manifest, drafts);
  // A retry gets the same ids. With an idempotency key the answer is stored as well, at whichever rung it is given.
  const { headers } = call.request;
  const key = headers.get("idempotency-key") ?? headers.get(requestHeader);
  const unique = key === null ? undefined : await sha256Hex(`${ownerOf(call)}|${key}`);
  const questions = drafts.map((draft, i) => {
    const index = indexIn(drafts, i);
    const { region } = placed[i] as PlacedRegion;
    if (draft.at !== undefined && !isAdmin(call)) {
      throw new FaultError({ kind: "forbidden", needs: "scope 'admin', to give questions a data time" });
    }
    const id = draft.id ?? mintId({ model: manifest.model, region }, unique && `${unique.slice(0, 32)}.${i}`);
    checkId(id, manifest.model, region, index);
    return { ...draft, id, region, at: draft.at ?? Date.now() };
  });
  refuseRepeated(questions.map(({ id }) => id));
  return { questions, warnings: placed.map(({ warning }) => warning) };
}

function checkId(id: string, model: string, region: string, index: number | undefined): void {
  const address = parseId(id);
  if (address.ok && address.value.model === model && address.value.region === region) return;
  const expected = `an id of the form ${encodeIdPart(model)}~${encodeIdPart(region)}~{unique}`;
  throw new FaultError({ kind: "invalid", errors: [{ index, path: "id", expected, received: `'${id}'` }] });
}
