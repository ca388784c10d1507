import { leftMs } from "#core/clock.ts";
import type { ClassifyManifest, Draft } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { indexIn } from "#core/http/issues.ts";
import { checkRegion, isListed, mayOpen, type RegionChoice, type RegionClues, regionOf } from "#core/region.ts";
import { registryObject } from "#objects/stubs.ts";
import { type Call, ownerOf, requireRegion } from "../call.ts";
import { locationHintOf } from "../hints.ts";

/** A question's region, and what its caller should know about it. */
export interface PlacedRegion {
  region: string;
  warning: string | null;
}

/** How long a token that has opened all its regions is not asked about again. */
const cappedMs = 60_000;

/**
 * Determines the region of each draft. A key that is not listed opens a region where the model allows that, within the
 * token's limit; else the parent answers. Throws the fault for a region that the caller may not use or name.
 */
export async function placeDrafts(
  call: Call,
  manifest: ClassifyManifest,
  drafts: readonly Draft[],
): Promise<PlacedRegion[]> {
  const { regions } = manifest.policy;
  let location: ReturnType<typeof locationHintOf> | undefined;
  const clues: RegionClues = {
    // Read once, where it is needed: the runtime makes it again at each read.
    cf() {
      location ??= locationHintOf(call.request.cf as IncomingRequestCfProperties | undefined);
      return location;
    },
    header: (name) => call.request.headers.get(name),
  };
  const chosen = drafts.map((draft, i) => choose(call, manifest, draft, clues, indexIn(drafts, i)));
  const names = new Set(
    chosen.flatMap(({ unlisted }) => (unlisted !== null && mayOpen(regions, unlisted) ? unlisted : [])),
  );
  for (const name of names) requireRegion(call, name);
  const opened = names.size > 0 ? await openOf(call, manifest, [...names]) : new Set<string>();
  return chosen.map(({ region, unlisted }) => {
    const placed = unlisted !== null && opened.has(unlisted) ? unlisted : region;
    requireRegion(call, placed);
    return { region: placed, warning: placed === unlisted || unlisted === null ? null : warningOf(manifest, unlisted) };
  });
}

/** Whether a model has a region: it is listed, the parent, or opened. */
export async function hasRegion(call: Call, { model, policy }: ClassifyManifest, region: string): Promise<boolean> {
  if (isListed(policy.regions, region)) return true;
  if (!mayOpen(policy.regions, region)) return false;
  if (call.node.opened.has(keyOf(model, region))) return true;
  const [known] = await registryObject(call.env, model).openedOf([region]);
  if (known !== undefined) remember(call, model, [known]);
  return known !== undefined;
}

function choose(
  call: Call,
  { policy: { regions } }: ClassifyManifest,
  draft: Draft,
  clues: RegionClues,
  index: number | undefined,
): RegionChoice {
  // A caller with a token, such as another rung, may name the region of a question.
  if (draft.region === undefined || (call.token === null && regions.from !== "field")) {
    return regionOf(regions, draft.instance, clues);
  }
  if (!isListed(regions, draft.region) && mayOpen(regions, draft.region)) {
    return { region: regions.parent, unlisted: draft.region };
  }
  const region = checkRegion(regions, draft.region);
  if (region.ok) return { region: region.value, unlisted: null };
  const error = { index, path: "region", expected: region.error, received: `'${draft.region}'` };
  throw new FaultError({ kind: "invalid", errors: [error] });
}

/** Returns which of the names are open, and opens others while the token may. */
async function openOf(call: Call, { model, policy }: ClassifyManifest, names: readonly string[]): Promise<Set<string>> {
  const { opened, cappedUntil } = call.node;
  const open = new Set(names.filter((name) => opened.has(keyOf(model, name))));
  const unknown = names.filter((name) => !open.has(name));
  const token = ownerOf(call);
  const isCapped = leftMs(cappedUntil.get(`${model} ${token}`) ?? 0, cappedMs, Date.now()) > 0;
  if (unknown.length > 0 && !isCapped) {
    const perDay = policy.regions.open?.perTokenPerDay ?? 0;
    const found = await registryObject(call.env, model).openRegions(unknown, token, perDay);
    remember(call, model, found);
    for (const name of found) open.add(name);
    if (found.length < unknown.length) cappedUntil.set(`${model} ${token}`, Date.now() + cappedMs);
  }
  return open;
}

function remember({ node: { opened } }: Call, model: string, names: readonly string[]): void {
  for (const name of names) opened.set(keyOf(model, name), true);
}

function keyOf(model: string, region: string): string {
  return `${model} ${region}`;
}

function warningOf({ policy: { regions } }: ClassifyManifest, unlisted: string): string {
  const answered = `'${regions.parent}' answered.`;
  if (!regions.open) return `The model does not list the region '${unlisted}': ${answered}`;
  if (!mayOpen(regions, unlisted)) return `'${unlisted.slice(0, 100)}' is not a valid name of a region: ${answered}`;
  return `The region '${unlisted}' was not opened, since this token has opened ${regions.open.perTokenPerDay} today: ${answered}`;
}
