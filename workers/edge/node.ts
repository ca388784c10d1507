import { BoundedMap } from "#core/bounded-map.ts";
import type { HeadManifest, HeadPointer, Manifest, ModelPointer } from "#core/contract/index.ts";
import type { HeadWeights } from "#core/head/head.ts";
import type { Admission } from "#core/limits/admission.ts";
import type { Network } from "#core/model/network.ts";
import type { TensorModel } from "#core/model/tensor-model.ts";
import { type RungHost, rungHostOf } from "#core/rung-kind.ts";
import { type PublicKeys, publicKeysSchema, signingKeySchema } from "#core/sign.ts";
import { parseTokens, type Token } from "#core/tokens.ts";
import { jurisdictions } from "#objects/stubs.ts";
import { TokenCopy } from "./access/token-copy.ts";
import { ByteLru } from "./artefacts/byte-lru.ts";
import { CallerCounts } from "./caller-counts.ts";
import type { KeepQueue } from "./ladder/keeping.ts";
import { IsolateCounts } from "./metrics/isolate-counts.ts";
import { PassSpending, passBudgetSchema } from "./protocols/decisions/pass-spending.ts";

/** The most that an isolate remembers of each kind: regions and models may be as many as callers name. */
const remembered = { models: 500, versions: 200, heads: 5_000, tokens: 1_000, regions: 20_000 };

/** A value read from outside, with the time until which it is fresh. */
export interface Expiring<T> {
  value: T;
  freshUntil: number;
}

/** A head pointer, or `isAssumed`: that KV has none may be because it lost it. */
export type KnownHead = HeadPointer & { isAssumed?: boolean };

const logChoices = ["escalated", "all", "off"] as const;

/** Which answers the edge logs. `escalated`: those of questions that leave the edge. */
export type LogAnswers = (typeof logChoices)[number];

/** What an isolate holds in memory: its settings and what it has loaded. Only values, never promises. */
export interface EdgeNode {
  id: string;
  isPublic: boolean;
  /** What it may run. */
  host: RungHost;
  /** Which of its answers the edge logs. */
  logAnswers: LogAnswers;
  /** The origins whose pages may ask; "*" is all. */
  origins: string[];
  /** The tokens of UPRIVER_TOKENS. */
  tokens: Token[];
  /** The copy of the tokens that the deployment issued. */
  issued: TokenCopy;
  publishKeys: PublicKeys;
  deploymentKeys: PublicKeys;
  /** Until when KV is not asked, since it did not reply. */
  cache: { pausedUntil: number };
  /** The names of all models, for looks; null before the first, and where this isolate has published. */
  names: Expiring<string[]> | null;
  /** Manifests as they were signed, and as this kind of rung serves them. */
  manifests: BoundedMap<string, Manifest>;
  served: WeakMap<Manifest, Manifest>;
  models: ByteLru<Network | TensorModel>;
  /** The versions that can't be run, with the reason. */
  broken: BoundedMap<string, string>;
  heads: ByteLru<HeadWeights>;
  /** The manifests of heads whose signature was checked. */
  signedHeads: WeakSet<HeadManifest>;
  /** Why heads can't be served, by their manifest as JSON. */
  headFaults: BoundedMap<string, Expiring<{ fault: string; isPointer: boolean }>>;
  pointers: BoundedMap<string, Expiring<ModelPointer>>;
  headPointers: BoundedMap<string, Expiring<KnownHead>>;
  /** Until when the registry is not asked again about regions that have no head. */
  headless: BoundedMap<string, number>;
  /** The regions that the registry is asked about next, or was asked about last, by "model/version", and when. */
  confirming: BoundedMap<string, { regions: string[]; sendAt: number }>;
  /** The regions that were opened, each as "model region". */
  opened: BoundedMap<string, true>;
  /** Until when a token, as "model token", opens no more regions. */
  cappedUntil: BoundedMap<string, number>;
  /** What callers ask at once and in a minute. */
  callers: CallerCounts;
  /** Until when a region is saturated and not called, ms since 1970: as "model region", or for one caller as "model region owner". */
  saturatedUntil: BoundedMap<string, number>;
  /** The questions on their way to regions, by "model region". */
  onTheirWay: Map<string, Admission>;
  /** What is on its way to regions to be kept, by model, region and version. */
  keeping: BoundedMap<string, KeepQueue>;
  /** The proof that a request has passed this node; null before it was made. */
  stamp: string | null;
  counts: IsolateCounts;
  /** What is spent on decisions that are passed on; null without a budget for it. */
  passing: PassSpending | null;
}

const nodes = new WeakMap<object, EdgeNode>();
let lastNode: { settings: string; node: EdgeNode } | null = null;

/** Returns this isolate's node. Throws an error that names the option when a setting is wrong. */
export function nodeOf(env: Env): EdgeNode {
  const known = nodes.get(env);
  if (known) return known;
  const settings = JSON.stringify(Object.entries(env).filter(([, value]) => typeof value === "string"));
  const node = lastNode?.settings === settings ? lastNode.node : createNode(env);
  lastNode = { settings, node };
  nodes.set(env, node);
  return node;
}

function createNode(env: Env): EdgeNode {
  const host = rungHostOf(env);
  if (env.PUBLIC_ASK !== "on" && env.PUBLIC_ASK !== "off") throw new Error('PUBLIC_ASK must be "on" or "off"');
  const logAnswers = logChoices.find((choice) => choice === env.LOG_ANSWERS);
  if (!logAnswers) throw new Error(`LOG_ANSWERS must be ${logChoices.map((choice) => `"${choice}"`).join(" or ")}`);
  const where = ["", ...jurisdictions];
  if (!where.includes(env.JURISDICTION ?? "")) {
    throw new Error(`JURISDICTION must be ${where.map((one) => `"${one}"`).join(" or ")}`);
  }
  readOption("DEPLOYMENT_KEY", env.DEPLOYMENT_KEY, (value) => signingKeySchema.parse(value));
  return {
    id: env.NODE_ID,
    isPublic: env.PUBLIC_ASK === "on",
    host,
    logAnswers,
    origins: (env.ALLOWED_ORIGINS ?? "").split(",").flatMap((origin) => origin.trim() || []),
    tokens: parseTokens("UPRIVER_TOKENS", env.UPRIVER_TOKENS),
    issued: new TokenCopy(),
    publishKeys: readOption("PUBLISH_KEYS", env.PUBLISH_KEYS, (value) => publicKeysSchema.parse(value)),
    deploymentKeys: readOption("DEPLOYMENT_PUBLIC_KEYS", env.DEPLOYMENT_PUBLIC_KEYS, (v) => publicKeysSchema.parse(v)),
    cache: { pausedUntil: 0 },
    names: null,
    manifests: new BoundedMap(remembered.versions),
    served: new WeakMap(),
    models: new ByteLru(host.memoryBytes, (model) => model.release()),
    broken: new BoundedMap(remembered.versions),
    heads: new ByteLru(host.headsBytes),
    signedHeads: new WeakSet(),
    headFaults: new BoundedMap(remembered.heads),
    headless: new BoundedMap(remembered.heads),
    confirming: new BoundedMap(remembered.models),
    pointers: new BoundedMap(remembered.models),
    headPointers: new BoundedMap(remembered.heads),
    opened: new BoundedMap(remembered.regions),
    cappedUntil: new BoundedMap(remembered.tokens),
    callers: new CallerCounts(),
    saturatedUntil: new BoundedMap(remembered.regions),
    onTheirWay: new Map(),
    keeping: new BoundedMap(remembered.regions),
    stamp: null,
    counts: new IsolateCounts(),
    passing: env.DECISIONS_ABOVE_BUDGET ? new PassSpending(passBudgetOf(env.DECISIONS_ABOVE_BUDGET)) : null,
  };
}

function passBudgetOf(json: string) {
  try {
    return passBudgetSchema.parse(JSON.parse(json));
  } catch (cause) {
    const form = '{"usdPerMonth": 20, "usdPerMillionInputTokens": 0.2}';
    throw new Error(`DECISIONS_ABOVE_BUDGET can't be read. Write it as ${form}.`, { cause });
  }
}

function readOption<T>(option: string, json: string, parse: (value: unknown) => T): T {
  try {
    return parse(JSON.parse(json));
  } catch {
    // The parser's own message may quote the secret.
    throw new Error(`${option} can't be read: see .dev.vars.example for its form; 'npm start' makes one locally`);
  }
}
