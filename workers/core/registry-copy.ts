import * as z from "zod";
import { sha256Hex } from "./hash.ts";

/** Names the registry's copy of itself in artefact storage. */
export const copyKey = (model: string): string => `models/${model}/registry.json`;

const cellSchema = z.union([z.string(), z.number(), z.null()]);

/** The rows of one table. */
const rowsSchema = z.strictObject({ columns: z.array(z.string().regex(/^\w+$/)), rows: z.array(z.array(cellSchema)) });
export type CopiedRows = z.infer<typeof rowsSchema>;

/** What a registry holds. */
const registryStateSchema = z.strictObject({
  /** How many of the registry's migrations had made its tables. */
  migrations: z.int().positive(),
  tables: z.record(z.string().regex(/^\w+$/), rowsSchema),
});
export type RegistryState = z.infer<typeof registryStateSchema>;

/** The first line of a copy. The second is the state. */
const headerSchema = z.strictObject({
  format: z.literal("upriver/registry-1"),
  model: z.string(),
  /** When it was made, ms since 1970. */
  at: z.int(),
  /** The latest version, and the revision of the model's pointer. */
  latest: z.int().positive(),
  revision: z.int().nonnegative(),
  /** Of the second line. */
  sha256: z.string(),
});
type CopyHeader = z.infer<typeof headerSchema>;

/** A copy of a registry. */
export interface DecodedCopy {
  header: CopyHeader;
  state: RegistryState;
}

/** Writes a copy: two lines of JSON. */
export async function encodeCopy(header: Omit<CopyHeader, "format" | "sha256">, state: RegistryState): Promise<string> {
  const body = JSON.stringify(state);
  const first: CopyHeader = { format: "upriver/registry-1", ...header, sha256: await sha256Hex(body) };
  return `${JSON.stringify(first)}\n${body}`;
}

/** Reads a copy. Returns why it can't be used where it is missing, damaged, of another model or of another format. */
export async function decodeCopy(model: string, text: string | null): Promise<DecodedCopy | string> {
  if (text === null) return "it is missing";
  const end = text.indexOf("\n");
  const body = text.slice(end + 1);
  const header = headerSchema.safeParse(parse(text.slice(0, end)));
  if (end < 0 || !header.success) return "it is not a copy of a registry";
  if (header.data.model !== model) return `it is of the model '${header.data.model}'`;
  if ((await sha256Hex(body)) !== header.data.sha256) return "its content does not match its checksum";
  const state = registryStateSchema.safeParse(parse(body));
  return state.success ? { header: header.data, state: state.data } : "its content has another form";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
