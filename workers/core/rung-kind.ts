import {
  type ClassifyManifest,
  type Manifest,
  type OwnThinKind,
  ownThinKinds,
  type RungKind,
  rungKinds,
} from "./contract/index.ts";

/** What a rung may run: its kind, and how much memory the weights of networks, and of heads, may take. */
export interface RungHost {
  kind: RungKind;
  memoryBytes: number;
  headsBytes: number;
}

/** The settings that say what a rung may run. A deployment of an earlier release has neither. */
export interface RungSettings {
  RUNG_KIND?: string;
  MODELS_MEMORY_MB?: string;
}

const usualMemoryMb = 48;
const mbBytes = 1024 * 1024;
const headsShare = 1 / 4;

/** Reads a rung's settings. Throws an error that names the one that is wrong. */
export function rungHostOf({ RUNG_KIND = "edge", MODELS_MEMORY_MB = `${usualMemoryMb}` }: RungSettings): RungHost {
  const kind = rungKinds.find((one) => one === RUNG_KIND);
  if (!kind) throw new Error(`RUNG_KIND must be ${rungKinds.map((one) => `"${one}"`).join(" or ")}`);
  const mb = Number(MODELS_MEMORY_MB);
  if (!(mb > 0)) throw new Error(`MODELS_MEMORY_MB must be a number of megabytes, such as "${usualMemoryMb}"`);
  const headsBytes = mb * mbBytes * headsShare;
  return { kind, memoryBytes: mb * mbBytes - headsBytes, headsBytes };
}

/**
 * Returns a version as a kind of rung serves it: `thin`, and what its regions learn by, are those of the thin network that the
 * rung runs. That is the one of its kind, else the largest that fits of `thin` and those of smaller rungs, else `thin`.
 * What depends on the embedding (heads, sums, inferences) compares the backbone, so it never mixes them.
 */
export function servedManifest(manifest: Manifest, host: RungHost): Manifest {
  if (manifest.task === "tensor" || !manifest.thins) return manifest;
  const { thins, ...version } = manifest;
  const own = chosenThin(manifest, host);
  const chosen = own && thins[own];
  if (!chosen) return version;
  const { network: thin, anchor, prior, escalation, metrics } = chosen;
  return { ...version, thin, anchor, prior, escalation, metrics: { ...version.metrics, thin: metrics } };
}

/** Returns for which kind the thin network is that a rung runs; null for `thin`. */
export function chosenThin(
  { thin, thins = {} }: Pick<ClassifyManifest, "thin" | "thins">,
  { kind, memoryBytes }: Pick<RungHost, "kind" | "memoryBytes">,
): OwnThinKind | null {
  // A lower bound: how the weights of `thin` are stored is only known once it is loaded.
  const thinBytes = thin.backbone.shards.reduce((sum, { bytes }) => sum + bytes, 0);
  const below = ownThinKinds.filter((one) => rungKinds.indexOf(one) >= rungKinds.indexOf(kind));
  const all = [
    { of: null, isOwn: kind === "edge", bytes: thinBytes },
    ...below.flatMap((of) => {
      const own = thins[of];
      return own ? [{ of, isOwn: of === kind, bytes: own.memoryBytes }] : [];
    }),
  ];
  const fitting = all.filter(({ bytes }) => bytes <= memoryBytes);
  const best = fitting.sort((a, b) => Number(b.isOwn) - Number(a.isOwn) || b.bytes - a.bytes)[0];
  return best?.of ?? null;
}
