import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findPython } from "#origin/torch/python.ts";
import { torchHere } from "#test/helpers/torch.ts";

const settings = await torchHere();
const root = join(import.meta.dirname, "../../..");
const tests = ["test_parts", "test_precision", "test_training"];

describe.skipIf(!settings)("the PyTorch program", () => {
  it("passes its own tests", async () => {
    const command = await findPython(settings?.python ?? null);
    const folder = join(import.meta.dirname, "python");
    // Found after what the tests themselves import: the program's folder is last.
    const start = "import sys, unittest; sys.path.append(sys.argv.pop(1)); unittest.main(module=None)";
    const { status, stderr } = spawnSync(command, ["-c", start, join(root, "workers/origin/torch"), ...tests], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
    });
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(/Ran \d+ tests/);
  });
});
