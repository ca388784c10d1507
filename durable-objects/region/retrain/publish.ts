import { blobKey } from "#core/artefacts.ts";
import { crossFitFolds } from "#core/confidence/few-labels.ts";
import type { HeadManifest } from "#core/contract/index.ts";
import type { RegistryApi } from "#objects/registry/api.ts";
import type { Remote } from "#objects/stubs.ts";
import type { Worth } from "../answering/worth.ts";
import type { HeadBlobs } from "../tables/head-blobs.ts";
import type { Heads } from "../tables/heads.ts";
import type { HeldOutHeads } from "../tables/held-out-heads.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import { heldOutState } from "./judge.ts";

/** What publishing reads and changes. */
export interface PublishNeeds {
  bucket: R2Bucket;
  registry: () => Pick<Remote<RegistryApi>, "publishHead">;
  heads: Pick<Heads, "set">;
  headBlobs: Pick<HeadBlobs, "keep">;
  heldOutHeads: Pick<HeldOutHeads, "set">;
  runs: Pick<Runs, "state" | "finish">;
  worth: Pick<Worth, "newHead">;
  transaction: <T>(work: () => T) => T;
}

/** Publishes a promoted head: its blob to R2, then the pointer. The same head again changes nothing. */
export async function publishRun(
  { bucket, registry, heads, headBlobs, heldOutHeads, runs, worth, transaction }: PublishNeeds,
  run: RunningRun,
): Promise<void> {
  const head: HeadManifest = JSON.parse(runs.state<string>(run.id, "head") as string);
  const weights = runs.state<ArrayBuffer>(run.id, "weights") as ArrayBuffer;
  await bucket.put(blobKey(head.head.blob.sha256), weights);
  const pointer = await registry().publishHead(head);
  const heldOut = Array.from({ length: crossFitFolds }, (_, fold) => {
    return runs.state<ArrayBuffer>(run.id, heldOutState(fold));
  });
  const { reason, report } = JSON.parse(runs.state<string>(run.id, "report") as string);
  transaction(() => {
    heads.set(head.base, pointer);
    headBlobs.keep(head.head.blob.sha256, weights);
    heldOutHeads.set(head.base, head.number, heldOut);
    worth.newHead(head.base);
    runs.finish(run.id, "promoted", reason, { ...report, head: head.number });
  });
}
