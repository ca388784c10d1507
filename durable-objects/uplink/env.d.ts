/** Bound on a node alone, which is an edge under another rung; a deployment on Cloudflare has no uplink. */
interface Env {
  UPLINK?: DurableObjectNamespace;
  /** How often the uplink asks the rung above, in seconds; 15 unless given. */
  UPLINK_SECONDS?: string;
  /** The machine, as JSON: {memoryBytes, cores, arch}. */
  NODE_HOST?: string;
  /** How often sums of a region go up at most, in seconds; 300 unless given. */
  SUMS_SECONDS?: string;
  /** What a node shares with the rung above. */
  SHARE?: string;
}
