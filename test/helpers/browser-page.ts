import type { Backbone } from "#core/contract/index.ts";
import { loadBackbone } from "#core/model/backbone.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { featureDigest, sentences } from "./languages.ts";

interface Question {
  spec: Backbone;
  topology: number[];
  shard: number[];
  shapes: number[][];
  values: number[];
  rows: number;
}

/** Runs in the page: embeds the inputs of `questions.json`, and writes embeddings and features of texts into the document. */
const questions = (await (await fetch("questions.json")).json()) as Question[];
const engine = await tfjsEngine();
const before = engine.liveTensors();
const embeddings: number[][] = [];
for (const { spec, topology, shard, shapes, values, rows } of questions) {
  const files = { topology: Uint8Array.from(topology).buffer, shards: [Uint8Array.from(shard).buffer] };
  const backbone = await loadBackbone(engine, spec, files, shapes);
  embeddings.push(Array.from(backbone.embed(Float32Array.from(values), rows)));
  backbone.release();
}
const digests = Object.fromEntries(Object.entries(sentences).map(([name, text]) => [name, featureDigest(text)]));
const answer = { engine: engine.name, embeddings, digests, leaked: engine.liveTensors() - before };
const page = globalThis as unknown as { document: { body: { textContent: string } } };
page.document.body.textContent = JSON.stringify(answer);
