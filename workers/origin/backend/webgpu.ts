import * as tf from "@tensorflow/tfjs-core";

/** A WebGPU adapter, or the reason why there is none. */
export type Adapter =
  | { found: true; gpu: GPU; description: string; isSoftware: boolean }
  | { found: false; reason: string };

/** Software adapters whose drivers do not report that they are software. */
const software = /llvmpipe|lavapipe|swiftshader|basic render/i;

// Dawn crashes when a process creates a second instance.
let adapter: Promise<Adapter> | null = null;

/** Looks for an adapter, once a process, through Dawn (npm `webgpu`), which uses Vulkan, Metal or Direct3D. */
export function adapterOf(): Promise<Adapter> {
  adapter ??= lookForAdapter().catch((error) => ({ found: false, reason: `looking for an adapter failed (${error})` }));
  return adapter;
}

async function lookForAdapter(): Promise<Adapter> {
  const dawn = await import("webgpu").catch((error: Error) => error);
  if (dawn instanceof Error) {
    return {
      found: false,
      reason: `the package 'webgpu', an optional dependency, cannot be loaded (${dawn.message})`,
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

/** Starts TensorFlow.js on an adapter. Throws when TensorFlow.js selects another backend. */
export async function startWebgpu({ gpu }: Extract<Adapter, { found: true }>): Promise<void> {
  // TensorFlow.js looks for the GPU here.
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  await import("@tensorflow/tfjs-backend-webgpu");
  if (!(await tf.setBackend("webgpu")) || tf.getBackend() !== "webgpu") {
    throw new Error("TensorFlow.js did not start on WebGPU, although there is an adapter. Train on 'wasm' instead.");
  }
  throwOnFaults((tf.backend() as unknown as { device: GPUDevice }).device);
}

// TensorFlow.js ignores device errors and would continue with zeros. An error thrown here is uncaught and ends the process.
function throwOnFaults(device: GPUDevice): void {
  if (device.onuncapturederror) return;
  device.onuncapturederror = ({ error }) => {
    throw faultOf(error.message);
  };
  void device.lost.then(({ reason, message }) => {
    if (reason !== "destroyed") throw faultOf(`the device was lost: ${message}`);
  });
}

function faultOf(what: string): Error {
  const next = "Use a smaller batchSize in the recipe if memory or a limit was exceeded; otherwise train on 'wasm'.";
  return new Error(`Training on WebGPU failed: ${what.trim()}\n${next}`);
}
