type Json = Record<string, unknown>;

/**
 * Converts a topology of Keras 3 to the form of Keras 2, which tfjs-layers reads: Keras 3 writes tensors with their history
 * instead of layer names, `batch_shape`, and types as policies.
 */
export function asKeras2(topology: object): object {
  return converted(topology) as object;
}

function converted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(converted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value as Json).map(([key, part]) => entry(key, part)));
}

function entry(key: string, value: unknown): [string, unknown] {
  if (key === "batch_shape") return ["batch_input_shape", value];
  if (key === "dtype") return [key, typeOf(value)];
  if (key === "inbound_nodes" && Array.isArray(value)) return [key, value.map(inboundNode)];
  // Keras 3 does not wrap a single end in a list.
  if ((key === "input_layers" || key === "output_layers") && isEnd(value)) return [key, [value]];
  return [key, converted(value)];
}

function typeOf(value: unknown): unknown {
  const policy = value as { class_name?: string; config?: { name?: string } } | null;
  return policy?.class_name === "DTypePolicy" ? policy.config?.name : value;
}

function inboundNode(node: unknown): unknown {
  if (Array.isArray(node) || typeof node !== "object" || node === null) return node;
  const { args = [], kwargs = {} } = node as { args?: unknown[]; kwargs?: Json };
  const given = Object.fromEntries(Object.entries(kwargs).filter(([, value]) => value !== null && !isTensor(value)));
  return tensorsOf([args, Object.values(kwargs)]).map((end) => [...end, given]);
}

function tensorsOf(value: unknown): unknown[][] {
  if (Array.isArray(value)) return value.flatMap(tensorsOf);
  return isTensor(value) ? [value.config.keras_history] : [];
}

function isTensor(value: unknown): value is { config: { keras_history: unknown[] } } {
  return Array.isArray((value as { config?: { keras_history?: unknown } } | null)?.config?.keras_history);
}

function isEnd(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 && typeof value[0] === "string";
}
