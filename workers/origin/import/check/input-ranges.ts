import type * as layers from "@tensorflow/tfjs-layers";
import type { TensorSpec } from "#core/contract/index.ts";
import { readLayers } from "#core/model/tfjs/layers-model.ts";
import { partsOf, type TfjsModelFiles } from "../files.ts";
import { constantOf, type GraphNode, inputsOf, type Nodes, nodeName, readNodes } from "../graph-nodes.ts";
import { valuesOf } from "../values.ts";
import { callsOf, functionalOf, modelIn } from "./plain-layers.ts";

/** The values that an input takes, both ends included. */
export interface Range {
  low: number;
  high: number;
  isWhole: boolean;
}

/** Ranges by the tensors of inputs. */
export type Ranges = Readonly<Record<string, Range>>;

const pixels = { low: 0, high: 255 };
/** A model that divides its input by this much, or subtracts it, takes pixels as they are. */
const pixelScale = 10;
const imageChannels = [1, 3, 4];

/**
 * Finds the ranges of a model's inputs, by tensor, where the model itself says them: an index into a table is below the
 * table's height, and an image that the model scales has values from 0 to 255.
 */
export async function inputRanges(files: TfjsModelFiles, inputs: readonly TensorSpec[]): Promise<Ranges> {
  const found = files.kind === "tfjs-graph-model" ? ofGraph(files) : await ofLayers(files);
  const ranges = inputs.flatMap(({ tensor, shape, dtype }, i): [string, Range][] => {
    const height = found.heights.get(tensor) ?? found.heights.get(i);
    if (height !== undefined) return [[tensor, { low: 0, high: height - 1, isWhole: true }]];
    const isImage = shape.length === 3 && imageChannels.includes(shape[2] as number);
    if (!isImage || dtype === "bool") return [];
    const isRaw = dtype === "int32" || found.raw.has(tensor) || found.raw.has(i);
    return isRaw ? [[tensor, { ...pixels, isWhole: dtype === "int32" }]] : [];
  });
  return Object.fromEntries(ranges);
}

/** What a model says of its inputs, by name or place: heights of tables that they index, and which of them it scales. */
interface Found {
  heights: Map<string | number, number>;
  raw: Set<string | number>;
}

const lower = (heights: Found["heights"], key: string | number, height: number) =>
  heights.set(key, Math.min(heights.get(key) ?? height, height));

/** Operations whose values are those of their inputs. */
const passing = new Set([
  ...[
    "Cast",
    "ConcatV2",
    "ExpandDims",
    "Identity",
    "Maximum",
    "Minimum",
    "MirrorPad",
    "Pack",
    "Pad",
    "PadV2",
    "Reshape",
  ],
  ...[
    "ReverseV2",
    "Slice",
    "Split",
    "SplitV",
    "Squeeze",
    "StopGradient",
    "StridedSlice",
    "Tile",
    "Transpose",
    "Unpack",
  ],
]);

function ofGraph(files: TfjsModelFiles): Found {
  const nodes = readNodes(files.modelJson);
  const parts = partsOf(files);
  const heights: Found["heights"] = new Map();
  const raw: Found["raw"] = new Set();
  for (const node of nodes.values()) {
    const [first = "", second = ""] = inputsOf(node);
    const height = heightOf(node, nodes, files);
    const indexed = node.op === "OneHot" ? first : second;
    if (height) for (const name of placeholdersOf(indexed, nodes)) lower(heights, name, height);
    const [a, b] = [constantOf(first, nodes), constantOf(second, nodes)];
    const [value, constant] = a === null ? [first, b] : [second, a];
    const spec = constant === null ? undefined : parts.get(constant)?.spec;
    if (!constant || spec?.dtype !== "float32" || !["Mul", "RealDiv", "Sub"].includes(node.op)) continue;
    const largest = largestIn(valuesOf(files, [constant]).get(constant)?.values ?? []);
    const scales = node.op === "Mul" ? largest > 0 && largest < 1 / pixelScale : largest > pixelScale;
    if (scales) for (const name of placeholdersOf(value, nodes)) raw.add(name);
  }
  return { heights, raw };
}

function largestIn(values: ArrayLike<number>): number {
  return Array.from(values).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

// The number of rows that the indices of a lookup choose from.
function heightOf(node: GraphNode, nodes: Nodes, files: TfjsModelFiles): number | null {
  const inputs = inputsOf(node);
  const constant = (i: number) => constantOf(inputs[i] ?? "", nodes);
  const shape = (name: string | null) => (name === null ? undefined : partsOf(files).get(name)?.spec.shape);
  const first = (name: string | null) => (name === null ? undefined : valuesOf(files, [name]).get(name)?.values[0]);
  switch (node.op) {
    case "GatherV2":
    case "Gather": {
      const table = shape(constant(0));
      const axis = first(constant(2)) ?? 0;
      return table?.at(axis) ?? null;
    }
    case "GatherNd":
      return shape(constant(0))?.[0] ?? null;
    case "OneHot":
      return first(constant(1)) ?? null;
    default:
      return null;
  }
}

function placeholdersOf(tensor: string, nodes: Nodes, seen = new Set<string>()): string[] {
  const name = nodeName(tensor);
  const node = nodes.get(name);
  if (!node || seen.has(name)) return [];
  seen.add(name);
  if (node.op.startsWith("Placeholder")) return [name];
  return passing.has(node.op) ? inputsOf(node).flatMap((input) => placeholdersOf(input, nodes, seen)) : [];
}

/** Layers whose values are those of their inputs. */
const passingLayers = new Set([
  ...["Concatenate", "Cropping2D", "Dropout", "Flatten", "Masking", "Permute", "RepeatVector", "Reshape"],
  ...["SpatialDropout1D", "ZeroPadding2D"],
]);

async function ofLayers({ modelJson, values }: TfjsModelFiles): Promise<Found> {
  const model = await readLayers(modelJson, values);
  try {
    return inLayers(model);
  } finally {
    model.dispose();
  }
}

function inLayers(whole: layers.LayersModel): Found {
  const model = functionalOf(whole);
  const calls = callsOf(model);
  const heights: Found["heights"] = new Map();
  const raw: Found["raw"] = new Set();
  const placesOf = (tensor: layers.SymbolicTensor): number[] => {
    const at = model.inputs.indexOf(tensor);
    if (at >= 0) return [at];
    const call = calls.find(({ outputs }) => outputs.includes(tensor));
    return call && passingLayers.has(call.layer.getClassName()) ? call.inputs.flatMap(placesOf) : [];
  };
  for (const call of calls) {
    const inner = modelIn(call);
    const within = inner ? inLayers(inner) : ofCall(call.layer);
    call.inputs.forEach((input, i) => {
      for (const place of placesOf(input)) {
        const height = within.heights.get(i);
        if (height !== undefined) lower(heights, place, height);
        if (within.raw.has(i)) raw.add(place);
      }
    });
  }
  return { heights, raw };
}

function ofCall(layer: layers.layers.Layer): Found {
  const { inputDim, numTokens, scale } = layer.getConfig() as Record<string, number | undefined>;
  const name = layer.getClassName();
  const height = name === "Embedding" ? inputDim : name === "CategoryEncoding" ? numTokens : undefined;
  const isScaling = name === "Rescaling" && scale !== undefined && Math.abs(scale) < 1 / pixelScale;
  return { heights: new Map(height === undefined ? [] : [[0, height]]), raw: new Set(isScaling ? [0] : []) };
}
