/** The name of a region's object: one a model and region. */
export function regionObjectName(model: string, region: string): string {
  return `${encodeURIComponent(model)}~${encodeURIComponent(region)}`;
}

/** The model and region of an object's name. */
export function parseRegionObjectName(name: string): { model: string; region: string } {
  const [model = "", region = ""] = name.split("~").map(decodeURIComponent);
  return { model, region };
}

/** The name an object was addressed by. */
export function nameOf(id: DurableObjectId): string {
  if (!id.name) throw new Error("Error in nameOf: an object of Upriver is addressed by its name, with idFromName");
  return id.name;
}
