import { app } from "./app.ts";

export { RegionObject } from "../../durable-objects/region/index.ts";
export { RegistryObject } from "../../durable-objects/registry/index.ts";
export { ReviewObject } from "../../durable-objects/review/index.ts";
export default app;
