/**
 * The types of what goes over HTTP. Here they are the schemas' own; in the package that is built of this folder
 * (`scripts/build-client.ts`) a file of the same name, made of the same schemas, takes this one's place: it needs no Zod.
 */
export type * from "../core/contract/index.ts";
