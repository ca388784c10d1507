import { blobKey } from "#core/artefacts.ts";
import type { HeadManifest } from "#core/contract/index.ts";
import type { Remote } from "#objects/stubs.ts";
import type { RegistryApi } from "../../registry/api.ts";
import type { Heads } from "../tables/heads.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";

/** What publishing a head touches. */
export interface PublishNeeds {
  env: Pick<Env, "ARTEFACTS">;
  registry: () => Pick<Remote<RegistryApi>, "publishHead">;
  heads: Pick<Heads, "set">;
  storage: Pick<DurableObjectStorage, "transactionSync">;
}

/** Publishes a promoted head: its blob to R2, then the pointer. Done twice, it is the same head still. */
export async function publishRun(
  { env, registry, heads, storage }: PublishNeeds,
  runs: Runs,
  run: RunningRun,
): Promise<void> {
  const head: HeadManifest = JSON.parse(runs.state<string>(run.id, "head") as string);
  await env.ARTEFACTS.put(blobKey(head.head.blob.sha256), runs.state<ArrayBuffer>(run.id, "weights"));
  const pointer = await registry().publishHead(head);
  const { reason, report } = JSON.parse(runs.state<string>(run.id, "report") as string);
  storage.transactionSync(() => {
    heads.set(head.base, pointer);
    runs.finish(run.id, "promoted", reason, { ...report, head: head.number });
  });
}
