import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as layers from "@tensorflow/tfjs-layers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { modelNamesOf } from "#scripts/local/model-names.ts";
import { modelMaxBytes, tooLarge } from "#scripts/verbs/import.ts";
import { saveLayersModel, saveNetwork } from "#test/helpers/saved-model.ts";
import { placeholder, smallGraph } from "#test/helpers/small-graph.ts";
import { upriver } from "./upriver.ts";

it("a model that does not fit into an isolate is refused with the memory it needs", () => {
  const bytes = { weights: 30e6, expanded: 120e6, peak: 130e6 };
  expect(tooLarge({ bytes }, { heap: modelMaxBytes - 30e6 })).toBeNull();
  expect(tooLarge({ bytes }, { heap: modelMaxBytes })).toContain("needs 130.7 MB at run time");
});

describe("a model's name", () => {
  it.each<[paths: string[], names: string[]]>([
    [["face/model.json"], ["face"]],
    [["My Models/Face v2/"], ["face-v2"]],
    [
      ["zoo/x.json", "zoo/y.json"],
      ["x", "y"],
    ],
    [["zoo/net.onnx"], ["net"]],
    [
      ["a/net/model.json", "b/net/model.json", "c/other"],
      ["a-net", "b-net", "other"],
    ],
    [
      ["a/net.json", "a/net.onnx"],
      ["models-a-net", "models-a-net-2"],
    ],
  ])("of %j is %j", (paths, names) => {
    expect(modelNamesOf(paths.map((path) => join("/models", path)))).toEqual(names);
  });
});

describe("several models", () => {
  let folder: string;
  beforeAll(async () => {
    await startBackend();
    folder = await mkdtemp(join(tmpdir(), "upriver-imports-"));
    const { dense } = layers.layers;
    const model = (units: number) => layers.sequential({ layers: [dense({ units, inputShape: [3], name: "last" })] });
    await saveLayersModel(model(2), join(folder, "a/net"));
    await saveLayersModel(model(4), join(folder, "b/net"));
    const nodes = [placeholder("text", [-1], "DT_STRING"), { name: "same", op: "Identity", input: ["text"] }];
    await saveNetwork(smallGraph(nodes), join(folder, "words"));
    await mkdir(join(folder, "empty"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("are imported in one table: those that are refused do not stop the others, and no recipe replaces another", async () => {
    const out = join(folder, "recipes");
    await mkdir(out);
    await writeFile(join(out, "a-net.recipe.json"), '{"name":"mine"}');
    const paths = ["words", "empty", "a/net", "b/net/model.json"].map((path) => join(folder, path));
    const { status, stdout, stderr } = await upriver(["import", ...paths, "--out", out]);
    expect(stderr).not.toContain("Error");
    const [header = "", words, empty, a, b] = stdout.split("\n");
    expect(header).toMatch(/^model +kind +difference/);
    expect(words).toMatch(/^words +graph +– .*refused: Input 'text': it takes texts/);
    expect(empty).toMatch(/^empty +– +– .*refused: Expected a TensorFlow.js model.json/);
    expect(a).toMatch(/^a-net +layers +\S+ .*refused: .*a-net\.recipe\.json already exists.*--name.*--force/);
    expect(b).toMatch(/^b-net +layers +(0|\d\.\de-\d+) .*b-net\.recipe\.json$/);
    expect(status).toBe(1);
    expect(await readFile(join(out, "a-net.recipe.json"), "utf8")).toBe('{"name":"mine"}');
    expect((await readdir(out)).sort()).toEqual(["a-net.recipe.json", "b-net.recipe.json"]);

    const again = await upriver(["import", join(folder, "b/net"), "--name", "b-net", "--out", out]);
    expect([again.status, again.stdout]).toEqual([0, expect.stringContaining("difference ")]);
    const forced = await upriver(["import", join(folder, "a/net"), "--name", "a-net", "--out", out, "--force"]);
    expect(forced.status).toBe(0);
    expect(await readFile(join(out, "a-net.recipe.json"), "utf8")).toContain('"name": "a-net"');
  }, 60_000);
});
