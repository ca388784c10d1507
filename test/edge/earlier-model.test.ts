import { describe, expect, it } from "vitest";
import type { Manifest } from "#core/contract/index.ts";
import { ask, call, publishBuilt } from "../helpers/edge.ts";
import earlier from "./earlier-model.json" with { type: "json" };

// A manifest and its blobs as the commit before recipes became data wrote them: it names no recipe, and its columns have
// neither `required` nor `indicator`.
describe("a version that the release before published", () => {
  it("keeps its signature, and is served as before", async () => {
    const blobs = new Map(
      Object.entries(earlier.blobs).map(([sha256, text]) => [
        sha256,
        Uint8Array.from(atob(text), (c) => c.charCodeAt(0)),
      ]),
    );
    await publishBuilt({ manifest: earlier.manifest as unknown as Manifest, blobs });
    const instance = { region: "north", heat: 26, hour: 6, look: "head" };
    const answer = await ask("earlier", { instance, accept: "always" });
    expect(answer).toMatchObject({ model: "earlier", version: "1", status: "answered" });
    // Its columns may be missing, as they always might.
    const partial = await ask("earlier", { instance: { region: "north", heat: 26 }, accept: "always" });
    expect(partial.status).toBe("answered");
    const manifest = await (await call("GET", "/v1/models/earlier/versions/1")).json<Manifest>();
    expect(manifest).not.toHaveProperty("recipe");
  });
});
