import * as tf from "@tensorflow/tfjs-core";

/** A WebGPU adapter, or why there is none. */
export type Adapter =
  | { found: true; gpu: GPU; description: string; isSoftware: boolean }
  | { found: false; reason: string };

/** Programs that do a GPU's work on the CPU. */
const software = /llvmpipe|lavapipe|swiftshader|basic render/i;

// Dawn does not survive a second instance of itself in a process.
let adapter: Promise<Adapter> | null = null;

/** Looks for an adapter, once, through Dawn (npm `webgpu`), which uses the machine's Vulkan, Metal or Direct3D. */
export function adapterOf(): Promise<Adapter> {
  adapter ??= lookForAdapter();
  return adapter;
}

async function lookForAdapter(): Promise<Adapter> {
  const dawn = await import("webgpu").catch(() => null);
  if (!dawn) return { found: false, reason: "the package 'webgpu' is not installed ('npm install' brings it)" };
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create([]) as GPU;
  const found = await gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!found) return { found: false, reason: "no adapter was found" };
  const { vendor, device, description, architecture } = found.info;
  const name = [description || device, vendor, architecture].filter(Boolean).join(", ");
  return { found: true, gpu, description: name, isSoftware: software.test(name) };
}

/** Starts TensorFlow.js on an adapter. Throws when it comes up on anything else. */
export async function startWebgpu({ gpu }: Extract<Adapter, { found: true }>): Promise<void> {
  // Where TensorFlow.js looks for it.
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  await import("@tensorflow/tfjs-backend-webgpu");
  if ((await tf.setBackend("webgpu")) && tf.getBackend() === "webgpu") return;
  throw new Error("Error in startWebgpu: TensorFlow.js did not start on WebGPU, though there is an adapter.");
}
