import { getBackend } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import "@tensorflow/tfjs-layers";
import { findBackend, startTraining } from "../../../workers/origin/backend/index.ts";
import { testGradients } from "./gradients.suite.ts";

describe("training on WASM", () => {
  beforeAll(() => startTraining("wasm"));

  it("is what is started where it is asked for", async () => {
    expect(getBackend()).toBe("wasm");
    expect(await findBackend("wasm")).toMatchObject({ name: "wasm", adapter: null });
  });

  describe("has the gradients that finite differences have", testGradients);
});
