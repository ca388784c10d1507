import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { type ConvertedModel, differenceTo, type OnnxReference, onnxFixtures } from "#test/helpers/onnx-fixtures.ts";

const shared = (env as unknown as { TEST_SHARED_URL: string }).TEST_SHARED_URL;

interface Reply extends Omit<ConvertedModel, "values"> {
  values: string;
  reference: OnnxReference;
}

describe("a converted ONNX model in workerd", () => {
  it.each(Object.entries(onnxFixtures))("computes what PyTorch computes: %s, opset %i", async (name) => {
    const response = await fetch(`${shared}/onnx?model=${name}`);
    expect(response.status).toBe(200);
    const { kind, modelJson, values, reference } = (await response.json()) as Reply;
    const bytes = Uint8Array.from(atob(values), (char) => char.charCodeAt(0)).buffer;
    const difference = await differenceTo(reference, await tfjsEngine(), { kind, modelJson, values: bytes });
    expect(difference).toBeLessThanOrEqual(1e-4);
  });
});
