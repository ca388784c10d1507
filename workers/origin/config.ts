import { resolve } from "node:path";
import * as z from "zod";
import { type TrainerName, trainers } from "#core/contract/index.ts";
import { type SigningKey, signingKeySchema } from "#core/sign.ts";
import { parseTokens, type Token } from "#core/tokens.ts";
import { type BackendChoice, backendChoices } from "./backend/index.ts";
import { SetupError } from "./setup-error.ts";
import { readTorchSettings, type TorchSettings } from "./torch/settings.ts";

/** The origin's settings. */
export interface OriginConfig {
  host: string;
  port: number;
  nodeId: string;
  tokens: Token[];
  edgeUrl: string;
  /** A token of the edge with the publish scope. */
  edgeToken: string;
  signingKey: SigningKey;
  dataFolder: string;
  /** Which backend trains; `auto` uses a GPU if there is one. */
  backend: BackendChoice;
  /** The trainer, overriding recipes; null to use each recipe's. */
  trainer: TrainerName | null;
  torch: TorchSettings;
  /** The folder in which recipes are looked for, besides the registry. */
  recipeFolder: string;
  /** The recipe to train and publish when the edge does not serve its model yet. */
  recipe: string | null;
}

const schema = z.object({
  ORIGIN_HOST: z.string().default("127.0.0.1"),
  ORIGIN_PORT: z.coerce.number().int().min(0).max(65535).default(8788),
  ORIGIN_ID: z.string().min(1).default("origin"),
  ORIGIN_TOKENS: z.string(),
  EDGE_URL: z.url(),
  EDGE_TOKEN: z.string().min(1),
  SIGNING_KEY: z.string(),
  ORIGIN_DATA: z.string().default(".upriver/origin"),
  ORIGIN_RECIPE: z.string().optional(),
  ORIGIN_RECIPES: z.string().default("."),
  ORIGIN_BACKEND: z.enum(backendChoices).default("auto"),
  ORIGIN_TRAINER: z.union([z.enum(trainers), z.literal("")]).optional(),
});

/** Reads the origin's settings. Throws `SetupError`, which names the variables, when one is missing or invalid. */
export function readConfig(environment: NodeJS.ProcessEnv): OriginConfig {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    // Names only: a value may be a secret.
    const names = [...new Set(parsed.error.issues.map((issue) => issue.path.join(".")))].join(", ");
    throw new SetupError(
      `Missing or invalid environment variables: ${names}. See workers/origin/README.md for what each must be.`,
    );
  }
  const settings = parsed.data;
  return {
    host: settings.ORIGIN_HOST,
    port: settings.ORIGIN_PORT,
    nodeId: settings.ORIGIN_ID,
    tokens: parseTokens("ORIGIN_TOKENS", settings.ORIGIN_TOKENS),
    edgeUrl: settings.EDGE_URL,
    edgeToken: settings.EDGE_TOKEN,
    signingKey: readKey(settings.SIGNING_KEY),
    dataFolder: settings.ORIGIN_DATA,
    backend: settings.ORIGIN_BACKEND,
    trainer: settings.ORIGIN_TRAINER || null,
    torch: readTorchSettings(environment),
    recipe: settings.ORIGIN_RECIPE || null,
    recipeFolder: resolve(settings.ORIGIN_RECIPES),
  };
}

function readKey(json: string): SigningKey {
  try {
    return signingKeySchema.parse(JSON.parse(json));
  } catch {
    throw new SetupError("SIGNING_KEY must be JSON {keyId, pkcs8}. Locally, 'npm start' creates one.");
  }
}
