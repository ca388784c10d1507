import { app } from "./app.ts";
import { scheduled } from "./schedule.ts";

export { RegionObject } from "../../durable-objects/region/index.ts";
export { RegistryObject } from "../../durable-objects/registry/index.ts";
export { ReviewObject } from "../../durable-objects/review/index.ts";
export default { fetch: app.fetch, scheduled } satisfies ExportedHandler<Env>;
