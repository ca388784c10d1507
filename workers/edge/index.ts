import { app } from "./app.ts";
import { scheduled } from "./schedule.ts";
import { warmUp } from "./warm-up.ts";

warmUp();

export { RegionObject } from "#objects/region/index.ts";
export { RegistryObject } from "#objects/registry/index.ts";
export { ReviewObject } from "#objects/review/index.ts";
export { TokensObject } from "#objects/tokens/index.ts";
export default { fetch: app.fetch, scheduled } satisfies ExportedHandler<Env>;
