import type { Blob, NetworkSpec } from "../contract/index.ts";
import { decodeHead } from "../head/head.ts";
import { inputShapes } from "../input/index.ts";
import type { Engine, HeadWeights, LoadedBackbone } from "./engine.ts";

/** Reads a blob whose bytes are known to have its hash. */
export type ReadBlob = (blob: Blob) => Promise<ArrayBuffer>;

/** A network in memory: its backbone, and the global head that was published with it. */
export interface Network {
  spec: NetworkSpec;
  backbone: LoadedBackbone;
  head: HeadWeights;
}

/** Loads a network from its blobs. Throws `EngineError` when they are not what the manifest says. */
export async function loadNetwork(engine: Engine, spec: NetworkSpec, read: ReadBlob): Promise<Network> {
  const [topology, head, ...shards] = await Promise.all(
    [spec.backbone.topology, spec.head.blob, ...spec.backbone.shards].map(read),
  );
  const files = { topology: topology as ArrayBuffer, shards };
  const headWeights = decodeHead(spec.head, head as ArrayBuffer);
  return { spec, backbone: engine.load(spec.backbone, files, inputShapes(spec.input)), head: headWeights };
}
