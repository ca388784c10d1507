import type { AskBody, ClassifyManifest, Draft, Question } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { FaultError } from "#core/http/fault.ts";
import { indexIn } from "#core/http/issues.ts";
import { encodeIdPart, mintId, parseId } from "#core/ids.ts";
import { checkRegion, type RegionClues, regionOf } from "#core/region.ts";
import { type Call, isAdmin, ownerOf, requireRegion } from "../call.ts";
import { locationHintOf } from "../hints.ts";

/** The header with the id of a request. A retry carries the same id. */
export const requestHeader = "x-upriver-request";

/** Returns the drafts of a body: its `questions`, `instances` or `instance`. */
export function draftsOf(body: AskBody): Draft[] {
  if (body.questions) return body.questions;
  const instances = body.instances ?? (body.instance === undefined ? [] : [body.instance]);
  return instances.map((instance) => ({ instance }));
}

/** Completes drafts with id, region and time. Checks all of them before any is asked. */
export async function completeQuestions(
  call: Call,
  manifest: ClassifyManifest,
  drafts: readonly Draft[],
): Promise<Question[]> {
  const clues: RegionClues = {
    cf: locationHintOf(call.request.cf as IncomingRequestCfProperties | undefined),
    header: (name) => call.request.headers.get(name),
  };
  // A retry gets the same ids. With an idempotency key the answer is stored as well, at whichever rung it is given.
  const { headers } = call.request;
  const key = headers.get("idempotency-key") ?? headers.get(requestHeader);
  const unique = key === null ? undefined : await sha256Hex(`${ownerOf(call)}|${key}`);
  return drafts.map((draft, i) => {
    const index = indexIn(drafts, i);
    const region = regionOfDraft(call, manifest, draft, clues, index);
    requireRegion(call, region);
    if (draft.at !== undefined && !isAdmin(call)) {
      throw new FaultError({ kind: "forbidden", needs: "scope 'admin', to give questions a data time" });
    }
    const id = draft.id ?? mintId({ model: manifest.model, region }, unique && `${unique.slice(0, 32)}.${i}`);
    checkId(id, manifest.model, region, index);
    return { ...draft, id, region, at: draft.at ?? Date.now() };
  });
}

function regionOfDraft(
  call: Call,
  { policy }: ClassifyManifest,
  draft: Draft,
  clues: RegionClues,
  index: number | undefined,
): string {
  const { regions } = policy;
  // A caller with a token, such as another rung, may name the region of a question.
  if (draft.region === undefined || (call.token === null && regions.from !== "field")) {
    return regionOf(regions, draft.instance, clues);
  }
  const region = checkRegion(regions, draft.region);
  if (region.ok) return region.value;
  const error = { index, path: "region", expected: region.error, received: `'${draft.region}'` };
  throw new FaultError({ kind: "invalid", errors: [error] });
}

function checkId(id: string, model: string, region: string, index: number | undefined): void {
  const address = parseId(id);
  if (address.ok && address.value.model === model && address.value.region === region) return;
  const expected = `an id of the form ${encodeIdPart(model)}~${encodeIdPart(region)}~{unique}`;
  throw new FaultError({ kind: "invalid", errors: [{ index, path: "id", expected, received: `'${id}'` }] });
}
