import { benchInstance } from "../model.ts";
import type { Target } from "./load.ts";
import { benchToken, type Servers } from "./servers.ts";

/** The names of the bench's models: answered at the edge; kept as well; with one tensor as input; a model of tensors. */
export const benchModels = {
  asked: "bench",
  kept: "bench-kept",
  tensor: "bench-tensor",
  network: "bench-network",
} as const;

export const batchRows = 1_000;

const jsonType = { "content-type": "application/json" };

/** Makes the requests of the bench. */
export function targetsOf({ edge, bare }: Servers) {
  const at = (path: string, body: Target["body"], more: Partial<Target> = {}): Target => ({
    url: `${edge.url}${path}`,
    headers: { authorization: `Bearer ${benchToken}`, ...jsonType, ...more.headers },
    body,
    questions: more.questions ?? 1,
    pid: edge.pid,
  });
  const one = JSON.stringify({ instance: benchInstance });
  const many = JSON.stringify({ instances: new Array(batchRows).fill(benchInstance) });
  const tensors = tensorBodies();
  const infer = (model: string) => ({
    json: at(`/v2/models/${model}/infer`, tensors.json, { questions: batchRows }),
    binary: at(`/v2/models/${model}/infer`, tensors.binary, {
      questions: batchRows,
      headers: { "content-type": "application/octet-stream", "inference-header-content-length": `${tensors.head}` },
    }),
  });
  return {
    bare: { url: `${bare.url}/ask`, headers: jsonType, body: one, pid: bare.pid } satisfies Target,
    ask: at(`/v1/models/${benchModels.asked}/ask`, one),
    // A region takes 1,000 questions a second of tokens with limits.
    keep: at(`/v1/models/${benchModels.kept}/ask`, one, {
      headers: { authorization: `Bearer ${edge.credentials.tokens.admin}` },
    }),
    batch: at(`/v1/models/${benchModels.asked}/ask`, many, { questions: batchRows }),
    classifier: infer(benchModels.tensor),
    network: infer(benchModels.network),
  };
}

/** The same rows as one tensor of the Open Inference Protocol, in JSON and in binary, which also returns the scores so. */
function tensorBodies(): { json: string; binary: Buffer; head: number } {
  const row = Object.values(benchInstance as Record<string, number>).map(Math.fround);
  const values = Float32Array.from({ length: batchRows * row.length }, (_, i) => row[i % row.length] as number);
  const tensor = { name: "instance", datatype: "FP32", shape: [batchRows, row.length] };
  const outputs = [{ name: "scores" }];
  const head = Buffer.from(
    JSON.stringify({
      inputs: [{ ...tensor, parameters: { binary_data_size: values.byteLength } }],
      outputs,
      parameters: { binary_data_output: true },
    }),
  );
  return {
    json: JSON.stringify({ inputs: [{ ...tensor, data: Array.from(values) }], outputs }),
    binary: Buffer.concat([head, Buffer.from(values.buffer)]),
    head: head.byteLength,
  };
}
