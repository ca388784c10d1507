import type { BlobRef, NetworkSpec } from "../contract/index.ts";
import { decodeHead, type HeadWeights } from "../head/head.ts";
import { inputShapes } from "../input/index.ts";
import { type LoadedBackbone, loadBackbone } from "./backbone.ts";
import type { Engine } from "./engine.ts";

/** Reads a blob and verifies its hash. */
export type ReadBlob = (blob: BlobRef) => Promise<ArrayBuffer>;

/** A network in memory: its backbone, and the global head published with it. */
export interface Network {
  spec: NetworkSpec;
  backbone: LoadedBackbone;
  head: HeadWeights;
  /** Bytes of its weights in memory, which count against the isolate's memory budget. */
  readonly bytes: number;
  release(): void;
}

/** Loads a network from its blobs. Throws `EngineError` if they do not match the manifest. */
export async function loadNetwork(engine: Engine, spec: NetworkSpec, read: ReadBlob): Promise<Network> {
  const [topology, head, ...shards] = await Promise.all(
    [spec.backbone.topology, spec.head.blob, ...spec.backbone.shards].map(read),
  );
  const files = { topology: topology as ArrayBuffer, shards };
  const weights = decodeHead(spec.head, head as ArrayBuffer);
  const backbone = await loadBackbone(engine, spec.backbone, files, inputShapes(spec.input));
  return { spec, backbone, head: weights, bytes: backbone.bytes, release: backbone.release };
}
