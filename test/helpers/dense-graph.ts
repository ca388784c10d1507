import type * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** Converts a dense network (relu, softmax last) to a graph model: topology, weights and their bytes. */
export function denseGraph(model: LayersModel) {
  const weights = model.layers
    .filter((layer) => layer.getClassName() === "Dense")
    .flatMap((layer, i) => {
      const [kernel, bias] = layer.getWeights() as [tf.Tensor, tf.Tensor];
      return [
        { name: `w${i}`, tensor: kernel },
        { name: `b${i}`, tensor: bias },
      ];
    });
  const count = weights.length / 2;
  const type = { dtype: { type: "DT_FLOAT" } };
  const size = model.inputs[0]?.shape[1];
  const shape = { shape: { dim: [{ size: "-1" }, { size: String(size) }] } };
  const node = [
    { name: "x", op: "Placeholder", attr: { ...type, shape } },
    ...weights.map(({ name }) => ({ name, op: "Const", attr: type })),
    ...Array.from({ length: count }, (_, i) => {
      const isLast = i === count - 1;
      const fused = isLast ? ["BiasAdd"] : ["BiasAdd", "Relu"];
      return {
        ...{ name: `dense${i}`, op: "_FusedMatMul", input: [i === 0 ? "x" : `dense${i - 1}`, `w${i}`, `b${i}`] },
        attr: { num_args: { i: "1" }, fused_ops: { list: { s: fused.map((name) => btoa(name)) } } },
      };
    }),
    { name: "Softmax", op: "Softmax", input: [`dense${count - 1}`], attr: {} },
  ];
  const outputs = { scores: { name: "Softmax:0" } };
  const paths = ["group1-shard1of1.bin"];
  const specs = weights.map(({ name, tensor }) => ({ name, shape: tensor.shape, dtype: "float32" as const }));
  const values = Float32Array.from(weights.flatMap(({ tensor }) => [...tensor.dataSync()]));
  return {
    modelJson: {
      ...{ format: "graph-model", signature: { outputs } },
      ...{ modelTopology: { node, versions: { producer: 1 } }, weightsManifest: [{ paths, weights: specs }] },
    },
    files: { shards: [values.buffer as ArrayBuffer] },
  };
}
