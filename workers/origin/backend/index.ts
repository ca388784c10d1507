import { startBackend as startWasm } from "#core/model/tfjs/backend.ts";
import { SetupError } from "../setup-error.ts";
import { registerGradientKernels } from "./kernels/index.ts";
import { type Adapter, adapterOf, startWebgpu } from "./webgpu.ts";

export const backendChoices = ["auto", "webgpu", "wasm"] as const;
export type BackendChoice = (typeof backendChoices)[number];

/** The TensorFlow.js backend that trains. */
export interface Backend {
  name: "webgpu" | "wasm";
  /** The name of WebGPU's adapter, from its driver; null for WASM. */
  adapter: string | null;
  /** Whether the adapter is software that runs on the CPU: its timings say nothing about a GPU. */
  isSoftware: boolean;
  /** Makes it TensorFlow.js's current backend again: networks are evaluated on WASM in between, as at the edge. */
  use(): Promise<void>;
}

/** Finds the backend for a choice, without starting it. Throws `SetupError` when WebGPU is chosen and has no adapter. */
export async function findBackend(
  choice: BackendChoice,
): Promise<Omit<Backend, "use"> & { adapterFound: Adapter | null }> {
  const wasm = { name: "wasm" as const, adapter: null, isSoftware: false, adapterFound: null };
  if (choice === "wasm") return wasm;
  const found = await adapterOf();
  if (!found.found && choice === "webgpu") {
    throw new SetupError(
      `Backend 'webgpu' is not available: ${found.reason}. Install the GPU's Vulkan driver ('vulkaninfo --summary' ` +
        "lists it), or train on the CPU with backend 'wasm'.",
    );
  }
  // A software adapter is slower than WASM: it is used only when it is chosen.
  if (!found.found || (choice === "auto" && found.isSoftware)) return wasm;
  const { description: adapter, isSoftware } = found;
  return { name: "webgpu", adapter, isSoftware, adapterFound: found };
}

/** Starts the backend for a choice: WebGPU, or WASM with the gradient kernels that it lacks. Throws as `findBackend` does. */
export async function startTraining(choice: BackendChoice = "auto"): Promise<Backend> {
  const { adapterFound, ...found } = await findBackend(choice);
  if (adapterFound?.found) {
    const use = () => startWebgpu(adapterFound);
    await use();
    return { ...found, use };
  }
  await startWasm();
  registerGradientKernels();
  return { ...found, use: startWasm };
}
