import { EngineError } from "../engine.ts";

type Json = Record<string, unknown>;

/** What surrounds a part of a topology. */
interface Around {
  /** Whether a layer here runs several times for one input. */
  repeats: boolean;
  /** The models among the layers of the model here, as Keras 3 counts their applications: from 0, or from 1. */
  models: ReadonlyMap<string, { class: string }>;
  isKeras3: boolean;
}

/**
 * Converts the topology of a layers model to what tfjs-layers reads. Keras 3 writes tensors with their history instead of
 * layer names, `batch_shape`, and types as policies. Layers get no state between runs, and zeros as initial weights, since
 * all weights are loaded. Names lose the characters that tfjs-layers refuses. Throws `EngineError` for a layer whose state
 * matters within a run.
 */
export function readTopology(topology: object): object {
  return converted(topology, { repeats: false, models: new Map(), isKeras3: false }) as object;
}

/** Returns a layer's name in the characters that tfjs-layers accepts. */
export function layerName(name: string): string {
  const valid = name.replace(/[^A-Za-z0-9._/-]/gu, (character) => {
    const code = character.codePointAt(0) as number;
    return code < 128 ? "_" : `u${code.toString(16)}`;
  });
  return /^[^A-Za-z0-9]/.test(valid) ? `layer${valid}` : valid;
}

function converted(value: unknown, around: Around): unknown {
  if (Array.isArray(value)) return value.map((part) => converted(part, around));
  if (!isObject(value)) return value;
  return isLayer(value) ? layer(value, around) : object(value, around);
}

function object(value: Json, around: Around): Json {
  return Object.fromEntries(Object.entries(value).map(([key, part]) => entry(key, part, around)));
}

function layer({ name, config, inbound_nodes, ...rest }: Layer, around: Around): Json {
  const calls = Array.isArray(inbound_nodes) ? inbound_nodes : [];
  const repeats = around.repeats || rest.class_name === "TimeDistributed" || calls.length > 1;
  return {
    ...object(rest, around),
    ...(typeof name === "string" ? { name: layerName(name) } : {}),
    config: Array.isArray(config)
      ? converted(config, around)
      : configOf(rest.class_name, config, { ...around, repeats }),
    ...(inbound_nodes === undefined ? {} : { inbound_nodes: calls.map((call) => inboundNode(call, around)) }),
  };
}

function configOf(className: string, config: Json, around: Around): Json {
  const { name, layers, stateful } = config;
  const own = typeof name === "string" ? { name: layerName(name) } : {};
  if (Array.isArray(layers)) return { ...modelConfig(config, layers, around), ...own };
  if (stateful === true && around.repeats) {
    throw new EngineError(
      `Layer '${name}' is stateful and runs several times for one input, so its state would pass from one run to the next ` +
        "within an answer. Save the model with stateful=False.",
    );
  }
  const still = stateful === undefined ? {} : { stateful: false };
  const initial = { ...object(config, around), ...own, ...still, ...zeros };
  // tfjs-layers refuses what Keras 2 writes here: the layer has two other kernels.
  return className.startsWith("SeparableConv")
    ? without(initial, /^kernel_(initializer|regularizer|constraint)$/)
    : initial;
}

function modelConfig(config: Json, all: unknown[], { repeats }: Around): Json {
  const inner = all.filter((one): one is Layer => isObject(one) && isLayer(one));
  const models = inner.filter((one) => !Array.isArray(one.config) && Array.isArray(one.config.layers));
  const calls = inner.flatMap(({ inbound_nodes }) => (Array.isArray(inbound_nodes) ? inbound_nodes : []));
  return object(
    { ...config, layers: withInputShape(all, config.build_input_shape) },
    {
      repeats,
      models: new Map(
        models.map(({ name, config, class_name }) => [String(name ?? (config as Json).name), { class: class_name }]),
      ),
      isKeras3: calls.some((call) => !Array.isArray(call)),
    },
  );
}

// A Sequential that was built by its first call has its input shape beside its layers.
function withInputShape(all: unknown[], shape: unknown): unknown[] {
  const [first, ...others] = all;
  if (!Array.isArray(shape) || !isObject(first) || !isLayer(first) || Array.isArray(first.config)) return all;
  const { config } = first;
  if (first.class_name === "InputLayer" || config.layers || config.batch_input_shape || config.batch_shape) return all;
  return [{ ...first, config: { ...config, batch_input_shape: shape } }, ...others];
}

function entry(key: string, value: unknown, around: Around): [string, unknown] {
  if (key === "batch_shape") return ["batch_input_shape", value];
  if (key === "dtype") return [key, typeOf(value)];
  // Keras 3 has one end, a list, or ends by name.
  if (key === "input_layers" || key === "output_layers") return [key, endsOf(value).map((one) => end(one, around))];
  return [key, converted(value, around)];
}

function typeOf(value: unknown): unknown {
  const policy = value as { class_name?: string; config?: { name?: string } } | null;
  return policy?.class_name === "DTypePolicy" ? policy.config?.name : value;
}

type End = [name: string, node: number, index: number, ...unknown[]];

function endsOf(value: unknown): End[] {
  if (Array.isArray(value)) return typeof value[0] === "string" ? [value as End] : value.flatMap(endsOf);
  return isObject(value) ? Object.values(value).flatMap(endsOf) : [];
}

// tfjs-layers counts the inner graph of a model as its first application, as Keras 2 does. Keras 3 does so only for the
// ends of a functional model.
function end([name, node, ...rest]: End, { models, isKeras3 }: Around): unknown[] {
  const isFrom0 = isKeras3 && models.get(name)?.class === "Sequential";
  return [layerName(name), isFrom0 ? node + 1 : node, ...rest];
}

function inboundNode(call: unknown, around: Around): unknown {
  if (Array.isArray(call)) return call.map((one) => (Array.isArray(one) ? [layerName(one[0]), ...one.slice(1)] : one));
  if (!isObject(call)) return call;
  const { args = [], kwargs = {} } = call as { args?: unknown[]; kwargs?: Json };
  const given = Object.fromEntries(Object.entries(kwargs).filter(([, value]) => value !== null && !isTensor(value)));
  return tensorsOf([args, Object.values(kwargs)]).map(([name, node, index]) => {
    return [layerName(name), around.models.has(name) ? node + 1 : node, index, given];
  });
}

function tensorsOf(value: unknown): End[] {
  if (Array.isArray(value)) return value.flatMap(tensorsOf);
  return isTensor(value) ? [value.config.keras_history] : [];
}

function isTensor(value: unknown): value is { config: { keras_history: End } } {
  return Array.isArray((value as { config?: { keras_history?: unknown } } | null)?.config?.keras_history);
}

function without(config: Json, key: RegExp): Json {
  return Object.fromEntries(Object.entries(config).filter(([name]) => !key.test(name)));
}

interface Layer extends Json {
  class_name: string;
  config: Json | unknown[];
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Initialisers and constraints have a class and a config as well, but no name.
function isLayer(value: Json): value is Layer {
  const { class_name, config } = value;
  if (typeof class_name !== "string") return false;
  return (
    Array.isArray(config) || (isObject(config) && (typeof config.name === "string" || Array.isArray(config.layers)))
  );
}

const weightKinds = ["kernel", "bias", "depthwise", "pointwise", "recurrent", "embeddings", "beta", "gamma", "alpha"];
const initialisers = [...weightKinds, "moving_mean", "moving_variance"].map((kind) => `${kind}_initializer`);
const zeros = Object.fromEntries(initialisers.map((key) => [key, { class_name: "Zeros", config: {} }]));
