import type { LayerPlan } from "../recipes/index.ts";

/** Multiplies the widths of layers by a factor. */
export function scaled(layers: readonly LayerPlan[], factor: number): LayerPlan[] {
  const times = (n: number) => Math.max(1, Math.round(n * factor));
  return layers.map((layer) => {
    if (layer.type === "dense" || layer.type === "bag") return { ...layer, units: times(layer.units) };
    return layer.type === "conv" ? { ...layer, filters: times(layer.filters) } : layer;
  });
}
