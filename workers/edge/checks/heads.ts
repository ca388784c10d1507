import { ArtefactError, blobKey, checkBlob } from "#core/artefacts.ts";
import type { Finding, HeadManifest } from "#core/contract/index.ts";
import { type PublicKeys, signatureFault } from "#core/sign.ts";
import type { RegionSummary } from "#objects/region/api.ts";
import { faulty, sound } from "./finding.ts";

interface HeadedRegion extends Pick<RegionSummary, "region" | "headManifest"> {
  /** The head that answers the region's questions according to the registry. */
  served: HeadManifest | null;
  isLost: boolean;
}

/** Checks that the heads can be read. The edge serves the global head instead of one that can't, and says so in its answers. */
export async function checkHeadBlobs(env: Env, model: string, states: readonly HeadedRegion[]): Promise<Finding> {
  const check = `${model}: blobs of heads`;
  const broken: string[] = [];
  const served = states.flatMap(({ region, served }) => (served ? [{ region, blob: served.head.blob }] : []));
  for (const { region, blob } of served) {
    if (!blob) continue;
    const object = await env.ARTEFACTS.get(blobKey(blob.sha256));
    const fault = await checkBlob(blob, object && (await object.arrayBuffer())).then(
      () => null,
      (error: unknown) => (error instanceof ArtefactError ? error.reason : String(error)),
    );
    if (fault) broken.push(`${region} (${fault})`);
  }
  if (broken.length === 0) return sound(check, `${served.length}, all match their hashes`);
  const [first = ""] = broken;
  const region = first.slice(0, first.indexOf(" ("));
  const remedy = `The region writes it again once it is asked, from its own copy. If this persists, it has none: npx upriver retrain ${model} --region ${region}.`;
  return faulty(check, `the global head is served instead of the heads of ${broken.join(", ")}`, remedy);
}

/** Checks that each head is signed by a pinned key, and that its region has not lost its state. */
export async function checkHeads(keys: PublicKeys, model: string, states: readonly HeadedRegion[]): Promise<Finding> {
  const check = `${model}: heads`;
  const own = states.filter(({ served }) => served !== null);
  // The edge serves the global head instead of one whose signature it can't verify, and only logs it.
  const refused: string[] = [];
  for (const { region, served } of own) {
    const fault = await signatureFault(served ?? {}, keys);
    if (fault) refused.push(`${region} (${fault})`);
  }
  if (refused.length > 0) {
    const remedy = `Pin the key again in DEPLOYMENT_PUBLIC_KEYS, or train new heads: npx upriver rollback ${model} --region, then retrain.`;
    return faulty(check, `the global head is served instead of the heads of ${refused.join(", ")}`, remedy);
  }
  const [lost] = own.filter((state) => state.headManifest === null || state.isLost);
  if (lost) {
    const remedy = `Restore its samples: npx upriver samples ${model} --teach <folder> --region ${lost.region}. See OPERATIONS.md.`;
    return faulty(
      check,
      `the object of ${lost.region} lost its state: its head is as before, its samples are gone`,
      remedy,
    );
  }
  return sound(check, `${own.length}, all signed by a pinned key`);
}
