/** The price of one kind of operation in US dollars, and how many of them the plans include. */
interface Price {
  usdPerMillion: number;
  /** What the paid plan includes in a month. */
  paidPerMonth: number;
  /** What the free plan has in a day; null where it has no daily limit. Beyond it operations fail. */
  freePerDay: number | null;
}

/** When these prices were read, and where. Read them again before you quote them. */
export const pricesReadOn = "2026-11-29";
export const priceSources = [
  "developers.cloudflare.com/workers/platform/pricing",
  "developers.cloudflare.com/durable-objects/platform/pricing",
  "developers.cloudflare.com/kv/platform/pricing",
  "developers.cloudflare.com/r2/pricing",
] as const;

/** Cloudflare's list prices (`priceSources`, read on `pricesReadOn` in cloudflare-docs). The paid plan is `paidUsdPerMonth`. */
export const prices = {
  /** Requests from outside; static files and calls between Workers are free. */
  workerRequests: { usdPerMillion: 0.3, paidPerMonth: 10e6, freePerDay: 100_000 },
  /** The free plan limits it per request instead: `freeCpuMsPerRequest`. */
  workerCpuMs: { usdPerMillion: 0.02, paidPerMonth: 30e6, freePerDay: null },
  /** Each call of an object, and each alarm. */
  objectRequests: { usdPerMillion: 0.15, paidPerMonth: 1e6, freePerDay: 100_000 },
  /** Wall time in which an object works or waits for others, shared by all requests that it has at once. */
  objectGbSeconds: { usdPerMillion: 12.5, paidPerMonth: 400_000, freePerDay: 13_000 },
  rowsRead: { usdPerMillion: 0.001, paidPerMonth: 25e9, freePerDay: 5e6 },
  /** Inserted, updated and deleted rows, those of indexes, and each alarm that is set. */
  rowsWritten: { usdPerMillion: 1, paidPerMonth: 50e6, freePerDay: 100_000 },
  /** Also a key that is not there, and a value that is cached near the reader. */
  kvReads: { usdPerMillion: 0.5, paidPerMonth: 10e6, freePerDay: 100_000 },
  kvWrites: { usdPerMillion: 5, paidPerMonth: 1e6, freePerDay: 1_000 },
  kvDeletes: { usdPerMillion: 5, paidPerMonth: 1e6, freePerDay: 1_000 },
  kvLists: { usdPerMillion: 5, paidPerMonth: 1e6, freePerDay: 1_000 },
  /** Writes and lists; both plans include a million in a month. */
  r2ClassA: { usdPerMillion: 4.5, paidPerMonth: 1e6, freePerDay: 1e6 / 30 },
  /** Reads; both plans include ten million in a month. */
  r2ClassB: { usdPerMillion: 0.36, paidPerMonth: 10e6, freePerDay: 10e6 / 30 },
} as const satisfies Record<string, Price>;

/** Something that is billed by the number of it. */
export type Billed = keyof typeof prices;

/** Storage in US dollars for a GB in a month, and the GB that both plans include. */
export const storagePrices = {
  objects: { usdPerGbMonth: 0.2, includedGb: 5 },
  kv: { usdPerGbMonth: 0.5, includedGb: 1 },
  r2: { usdPerGbMonth: 0.015, includedGb: 10 },
} as const;

export const paidUsdPerMonth = 5;
/** CPU time that a request may take on the free plan. */
export const freeCpuMsPerRequest = 10;
/** Memory billed for an object, whatever it uses. */
export const objectGb = 0.128;
