/**
 * The types of requests and responses, inferred from the schemas. The built package has generated types in place of
 * this file (`scripts/build-client.ts`), so that it does not depend on Zod.
 */
export type * from "../core/contract/index.ts";
