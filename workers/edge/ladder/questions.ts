import type { ClassifyManifest, Draft, Question } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { indexIn } from "#core/http/issues.ts";
import { encodeIdPart, mintId, parseId } from "#core/ids.ts";
import { type Call, ownerOf } from "../call.ts";
import { isRung } from "./hop.ts";
import { type PlacedRegion, placeDrafts } from "./regions.ts";

/** The header with the id of a request. A retry carries the same id. */
export const requestHeader = "x-upriver-request";

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
  const isBelieved = isRung(call);
  const drafts = isBelieved ? given : given.map(({ inference: _, audit: __, ...draft }) => draft);
  const placed = await placeDrafts(call, manifest, drafts);
  // A retry gets the same ids. With an idempotency key the answer is stored as well, at whichever rung it is given.
  const { headers } = call.request;
  const key = headers.get("idempotency-key") ?? headers.get(requestHeader);
  const unique = key === null ? undefined : await sha256Hex(`${ownerOf(call)}|${key}`);
  const questions = drafts.map((draft, i) => {
    const index = indexIn(drafts, i);
    const { region } = placed[i] as PlacedRegion;
    if (draft.at !== undefined && !isBelieved && !isHop) {
      throw new FaultError({ kind: "forbidden", needs: "scope 'admin' or 'rung', to give questions a data time" });
    }
    const at = isBelieved && draft.at !== undefined ? draft.at : Date.now();
    const id = draft.id ?? mintId({ model: manifest.model, region }, unique && `${unique.slice(0, 32)}.${i}`);
    checkId(id, manifest.model, region, index);
    return { ...draft, id, region, at };
  });
  return { questions, warnings: placed.map(({ warning }) => warning) };
}

function checkId(id: string, model: string, region: string, index: number | undefined): void {
  const address = parseId(id);
  if (address.ok && address.value.model === model && address.value.region === region) return;
  const expected = `an id of the form ${encodeIdPart(model)}~${encodeIdPart(region)}~{unique}`;
  throw new FaultError({ kind: "invalid", errors: [{ index, path: "id", expected, received: `'${id}'` }] });
}
