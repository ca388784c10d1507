import { startBackend as startWasm } from "../../core/model/tfjs/backend.ts";
import { registerGradientKernels } from "./kernels/index.ts";
import { adapterOf, startWebgpu } from "./webgpu.ts";

export const backendChoices = ["auto", "webgpu", "wasm"] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** What trains. */
export interface Backend {
  name: "webgpu" | "wasm";
  /** The adapter behind WebGPU, in its driver's words; null for WASM. */
  adapter: string | null;
  /** Whether that adapter is a program on the CPU: its figures are no GPU's. */
  isSoftware: boolean;
  /** Makes it TensorFlow.js's current backend again: what the edge will run is tried out on WASM in between. */
  use(): Promise<void>;
}

/**
 * Starts what trains: WebGPU where there is a GPU, else WASM with the gradient kernels that it lacks. Throws where
 * WebGPU is asked for and there is no adapter: a training must never fall to the CPU in silence.
 */
export async function startTraining(choice: BackendChoice = "auto"): Promise<Backend> {
  const adapter = choice === "wasm" ? null : await adapterOf();
  if (choice === "webgpu" && !adapter?.found) {
    throw new Error(
      `Error in startTraining: WebGPU was asked for, but ${adapter?.reason}. A GPU's Vulkan driver must be there ` +
        "('vulkaninfo --summary' shows it); to train on the CPU, ask for 'wasm'.",
    );
  }
  if (adapter?.found && (choice === "webgpu" || !adapter.isSoftware)) {
    await startWebgpu(adapter);
    const use = () => startWebgpu(adapter);
    return { name: "webgpu", adapter: adapter.description, isSoftware: adapter.isSoftware, use };
  }
  await startWasm();
  registerGradientKernels();
  return { name: "wasm", adapter: null, isSoftware: false, use: startWasm };
}
