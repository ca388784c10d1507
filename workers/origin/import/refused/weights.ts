import * as z from "zod";
import { refusalsOf, refusalText } from "./refusal.ts";

const weightTypes = ["float32", "int32", "bool"];

const looseSchema = z.object({
  weightsManifest: z.array(z.object({ weights: z.array(z.object({ name: z.string(), dtype: z.string() })) })),
  modelTopology: z.object({
    node: z.array(z.object({ name: z.string(), op: z.string(), input: z.array(z.string()).default([]) })).default([]),
  }),
});

/** Throws for a model.json with constants that are no numbers, by name and with the nodes that take them. */
export function checkWeightTypes(modelJson: unknown): void {
  const read = looseSchema.safeParse(modelJson);
  if (!read.success) return;
  const { weightsManifest, modelTopology } = read.data;
  const wrong = weightsManifest.flatMap(({ weights }) => weights).filter(({ dtype }) => !weightTypes.includes(dtype));
  if (wrong.length === 0) return;
  const refusals = wrong.map(({ name, dtype }) => {
    const users = modelTopology.node.filter(({ input }) => input.some((one) => one.replace(/:\d+$/, "") === name));
    const by = users.map((node) => ` by ${node.op} '${node.name}'`).slice(0, 2);
    return {
      operation: "Const",
      reason: `it holds ${dtype === "string" ? "texts" : `values of type ${dtype}`}${by.length > 0 ? `, used${by.join(" and")}` : ""}, and the edge's models take numbers`,
      advice: "do this step before you ask, and export the model from its result on",
      where: [name],
    };
  });
  throw new Error(`${refusalText(refusalsOf(refusals))}.`);
}
