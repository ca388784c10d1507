import type { ClassifyManifest } from "#core/contract/index.ts";
import { quantise } from "#core/head/embedding.ts";
import { encode } from "#core/input/index.ts";
import type { Network } from "#core/model/network.ts";
import type { SemanticCache } from "../answering/semantic-cache.ts";
import type { Embeddings } from "../tables/embeddings.ts";
import type { RunningRun, Runs } from "../tables/runs.ts";
import type { Samples } from "../tables/samples.ts";

const embedSliceRows = 256;

/** What embedding reads and changes. */
export interface EmbedNeeds {
  region: string;
  embeddings: Pick<Embeddings, "missing" | "set">;
  samples: Pick<Samples, "dropInput">;
  semanticCache: Pick<SemanticCache, "drop">;
  runs: Pick<Runs, "move">;
  transaction: <T>(work: () => T) => T;
}

/** Embeds the next samples that the run's backbone has not embedded. Skips samples that do not fit its input. */
export async function embedSlice(
  { region, embeddings, samples, semanticCache, runs, transaction }: EmbedNeeds,
  manifest: ClassifyManifest,
  run: RunningRun,
  crossFits: boolean,
  network: () => Promise<Network>,
): Promise<void> {
  const spec = manifest.thin;
  const { after = 0 } = run.cursor;
  const missing = embeddings.missing(run, {
    backbone: spec.backbone.sha256,
    after,
    limit: embedSliceRows,
    crossFits,
  });
  if (missing.length === 0) return runs.move(run.id, "count", {});

  const inputContext = { region };
  const encoded = missing.flatMap(({ number, instance }) => {
    const row = encode(spec.input, instance, inputContext);
    return row.ok ? [{ number, row: row.value }] : [];
  });
  const rows = encoded.map(({ row }) => row);
  const embedded = rows.length > 0 ? embedRows(await network(), rows) : new Float32Array();
  const { width, step } = spec.backbone.embedding;
  transaction(() => {
    encoded.forEach(({ number }, i) => {
      const vector = quantise(embedded.subarray(i * width, (i + 1) * width), step);
      embeddings.set(number, { backbone: spec.backbone.sha256, vector });
    });
    if (!manifest.policy.keepInputs) for (const { number } of missing) samples.dropInput(number);
    runs.move(run.id, "embed", { after: missing.at(-1)?.number ?? after });
  });
  semanticCache.drop();
}

function embedRows({ backbone }: Network, rows: Float32Array[]): Float32Array {
  const width = rows[0]?.length ?? 0;
  const values = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) values.set(row, i * width);
  return backbone.embed(values, rows.length);
}
