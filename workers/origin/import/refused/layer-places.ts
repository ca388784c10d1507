/** A layer of a model in Keras's JSON: its class, its name, and its settings. */
export interface LayerPlace {
  operation: string;
  name: string;
  config: Record<string, unknown>;
  /** Whether it is called with training=True. */
  isTraining: boolean;
}

/** Lists the layers of a topology; models and wrappers contain others. */
export function layersIn(value: unknown): LayerPlace[] {
  if (Array.isArray(value)) return value.flatMap(layersIn);
  if (typeof value !== "object" || value === null) return [];
  const { class_name, config, model_config, name, inbound_nodes } = value as Record<string, unknown>;
  if (model_config) return layersIn(model_config);
  if (typeof class_name !== "string" || typeof config !== "object" || config === null) return [];
  const { layers, layer, cell, cells, name: own } = config as Record<string, unknown>;
  const inner = [
    ...(Array.isArray(config) ? config.flatMap(layersIn) : []),
    ...[layers, layer, cell, cells].flatMap(layersIn),
  ];
  const isModel = inner.length > 0 && layer === undefined && cell === undefined && cells === undefined;
  if (isModel) return inner;
  const named = {
    operation: class_name,
    name: String(own ?? name ?? class_name),
    config: config as LayerPlace["config"],
    isTraining: /"training":true/.test(JSON.stringify(inbound_nodes ?? null)),
  };
  return [named, ...inner];
}
