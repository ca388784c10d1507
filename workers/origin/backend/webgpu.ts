import * as tf from "@tensorflow/tfjs-core";

/** A WebGPU adapter, or why there is none. */
export type Adapter =
  | { found: true; gpu: GPU; description: string; isSoftware: boolean }
  | { found: false; reason: string };

/** Programs that do a GPU's work on the CPU, where the driver does not say so itself. */
const software = /llvmpipe|lavapipe|swiftshader|basic render/i;

// Dawn does not survive a second instance of itself in a process.
let adapter: Promise<Adapter> | null = null;

/** Looks for an adapter, once, through Dawn (npm `webgpu`), which uses the machine's Vulkan, Metal or Direct3D. */
export function adapterOf(): Promise<Adapter> {
  adapter ??= lookForAdapter().catch((error) => ({ found: false, reason: `looking for one failed (${error})` }));
  return adapter;
}

async function lookForAdapter(): Promise<Adapter> {
  const dawn = await import("webgpu").catch((error: Error) => error);
  if (dawn instanceof Error) {
    return {
      found: false,
      reason: `the package 'webgpu', which 'npm install' brings, does not load (${dawn.message})`,
    };
  }
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create([]) as GPU;
  const found = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!found) return { found: false, reason: "no adapter was found" };
  const { vendor, device, description, architecture, isFallbackAdapter } = found.info;
  const name = [description || device, vendor, architecture].filter(Boolean).join(", ");
  return { found: true, gpu, description: name, isSoftware: isFallbackAdapter || software.test(name) };
}

/** Starts TensorFlow.js on an adapter. Throws when it comes up on anything else. */
export async function startWebgpu({ gpu }: Extract<Adapter, { found: true }>): Promise<void> {
  // Where TensorFlow.js looks for it.
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  await import("@tensorflow/tfjs-backend-webgpu");
  if (!(await tf.setBackend("webgpu")) || tf.getBackend() !== "webgpu") {
    throw new Error("Error in startWebgpu: TensorFlow.js did not start on WebGPU, though there is an adapter.");
  }
  endAtFaults((tf.backend() as unknown as { device: GPUDevice }).device);
}

// TensorFlow.js takes no notice of either: it would train on, on zeros. Thrown here, nobody catches it: the process ends.
function endAtFaults(device: GPUDevice): void {
  if (device.onuncapturederror) return;
  device.onuncapturederror = ({ error }) => {
    throw faultOf(error.message);
  };
  void device.lost.then(({ reason, message }) => {
    if (reason !== "destroyed") throw faultOf(`the device was lost: ${message}`);
  });
}

function faultOf(what: string): Error {
  const next = "If it is out of memory or over a limit, a smaller batchSize in the recipe helps; else train on 'wasm'.";
  return new Error(`Error in training on WebGPU: ${what.trim()}\n${next}`);
}
