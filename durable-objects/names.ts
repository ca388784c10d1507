import { encodeIdPart } from "#core/ids.ts";

/** Names a region's object: one for each model and region. */
export function regionObjectName(model: string, region: string): string {
  return `${encodeIdPart(model)}~${encodeIdPart(region)}`;
}

/** Returns the model and region in the name of a region's object. */
export function parseRegionObjectName(name: string): { model: string; region: string } {
  const [model = "", region = ""] = name.split("~").map(decodeURIComponent);
  return { model, region };
}

/** Returns the name by which an object was addressed. */
export function nameOf(id: DurableObjectId): string {
  if (!id.name) throw new Error("This object was addressed by its id. Address it by its name, with idFromName.");
  return id.name;
}
