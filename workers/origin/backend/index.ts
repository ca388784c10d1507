import { startBackend as startWasm } from "#core/model/tfjs/backend.ts";
import { registerGradientKernels } from "./kernels/index.ts";
import { type Adapter, adapterOf, startWebgpu } from "./webgpu.ts";

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

/** What would train, and why; throws where WebGPU is asked for and there is no adapter. */
export async function findBackend(
  choice: BackendChoice,
): Promise<Omit<Backend, "use"> & { adapterFound: Adapter | null }> {
  const wasm = { name: "wasm" as const, adapter: null, isSoftware: false, adapterFound: null };
  if (choice === "wasm") return wasm;
  const found = await adapterOf();
  if (!found.found && choice === "webgpu") {
    throw new Error(
      `Error in findBackend: WebGPU was asked for, but ${found.reason}. A GPU's Vulkan driver must be there ` +
        "('vulkaninfo --summary' shows it); to train on the CPU, ask for 'wasm'.",
    );
  }
  // A GPU that is a program on the CPU is slower than WASM: it trains only where it is asked for.
  if (!found.found || (choice === "auto" && found.isSoftware)) return wasm;
  const { description: adapter, isSoftware } = found;
  return { name: "webgpu", adapter, isSoftware, adapterFound: found };
}

/** Starts what trains: WebGPU where there is a GPU, else WASM with the gradient kernels that it lacks; never less than asked for. */
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
