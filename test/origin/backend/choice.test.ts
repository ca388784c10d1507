import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { adapterOf } from "#origin/backend/webgpu.ts";
import { systemPackages } from "#test/helpers/system-packages.ts";

const root = join(import.meta.dirname, "../../..");
const execute = promisify(execFile);
// Vulkan's loader looks for drivers only here, where there is none.
const noDriver = { VK_DRIVER_FILES: "/nonexistent", VK_ICD_FILENAMES: "/nonexistent" };
await systemPackages();
const found = await adapterOf();

/** Runs a script in a separate process, since a process looks for a GPU only once. */
async function run(script: string, env: object = {}): Promise<{ failed: boolean; out: string; errors: string }> {
  const imports = `import { findBackend, startTraining } from "./workers/origin/backend/index.ts";`;
  const args = ["--input-type=module", "--eval", `${imports}\n${script}`];
  const options = { cwd: root, env: { ...process.env, ...env } };
  return execute(process.execPath, args, options).then(
    ({ stdout, stderr }) => ({ failed: false, out: stdout.trim(), errors: stderr }),
    ({ stdout, stderr }) => ({ failed: true, out: stdout.trim(), errors: stderr }),
  );
}

describe.skipIf(process.platform !== "linux")("the choice of a backend without a driver", () => {
  it("refuses WebGPU and names the alternative", async () => {
    const { failed, errors } = await run(`await findBackend("webgpu");`, noDriver);
    expect(failed).toBe(true);
    expect(errors).toContain("no adapter was found");
    expect(errors).toContain("train on the CPU with backend 'wasm'");
  });

  it("selects WASM on auto", async () => {
    const { out } = await run(`console.log((await startTraining("auto")).name);`, noDriver);
    expect(out).toBe("wasm");
  });
});

describe.skipIf(!found.found)("the choice of a backend with an adapter", () => {
  it("selects it on auto, unless it is software", async () => {
    const { out } = await run(`console.log((await startTraining("auto")).name);`);
    expect(out).toBe(found.found && found.isSoftware ? "wasm" : "webgpu");
  });

  it("ends the process when the GPU reports an error, where TensorFlow.js would continue with zeros", async () => {
    const script = `
      import * as tf from "@tensorflow/tfjs-core";
      await startTraining("webgpu");
      const { maxStorageBufferBindingSize } = tf.backend().device.limits;
      const tooMany = tf.fill([maxStorageBufferBindingSize / 4 + 1], 1);
      console.log("went on with", await tf.slice(tooMany, 0, 1).data());`;
    const { failed, out, errors } = await run(script);
    expect(failed).toBe(true);
    expect(out).not.toContain("went on with");
    expect(errors).toContain("larger than the maximum storage buffer binding size");
    expect(errors).toContain("a smaller batchSize");
  });

  it("lets the process end", async () => {
    const script = `
      import * as tf from "@tensorflow/tfjs-core";
      await startTraining("webgpu");
      console.log((await tf.add(tf.ones([2]), 1).data())[1]);`;
    expect(await run(script)).toMatchObject({ failed: false, out: "2" });
  });
});
