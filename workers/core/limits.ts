/** Every limit and magic number of the system, units in the names. */
export const limits = {
  imageMaxBytes: 4 * 1024 * 1024,
  /** 16 MiB once decoded, twice: in the decoder's heap, and as pixels; beside an isolate's models that is what there is. */
  imageMaxPixels: 4 * 1024 * 1024,
  imageHeapMaxBytes: 48 * 1024 * 1024,
  tensorMaxDimensions: 8,

  retryAfterSeconds: 2,

  pointerTtlMs: 5_000,
  kvCacheSeconds: 60,
  kvPointerCacheSeconds: 30,
  memoryBudgetBytes: 48 * 1024 * 1024,
  /** Numbers of an output in JSON: 1 MiB of them are some 20 MB of text. */
  jsonOutputMaxValues: 1024 * 1024,
  kvBlobMaxBytes: 20 * 1024 * 1024,

  /** How long an isolate gathers what it answered before it tells: what an eviction may lose of the counts. */
  countsFlushMs: 2_000,
  countsFlushTries: 3,
  countsFlushTimeoutMs: 20_000,
  /** How long a region or the next rung may take to say how it is. */
  lookTimeoutMs: 1_500,

  breakerFailures: 3,
  breakerOpenMs: 5_000,
  escalationTries: 6,
  escalationBackoffMs: 1_000,

  reviewLeaseMs: 5 * 60_000,
  /** How long a lease lasts that goes to another tool's queue. */
  reviewExportLeaseMs: 24 * 3600_000,
  /** Tasks of one import, each of which asks another object; annotations of a task, and results of each. */
  labelStudioMaxTasks: 500,
  labelStudioMaxResults: 100,
  /** An export has the pictures with it. */
  labelStudioMaxBytes: 16 * 1024 * 1024,
  jobStepsPerAlarm: 200,
  jobRetryMs: 1_000,
  jobRetryMaxMs: 5 * 60_000,

  /** Multiply-adds in one slice of a retrain: under 50 ms on the slowest machine we measured. */
  sliceMultiplyAdds: 8_000_000,
  embedSliceRows: 256,
  /** Rows of validation below which a calibration on them says little of other rows. */
  validationFewRows: 30,
  /** New labels that bring a retrain forward: one of as many. */
  retrainFreshShare: 20,
  samplesMaxBytes: 256 * 1024 * 1024,
  archiveRows: 1_000,
  /** A row or blob of SQLite is at most 2 MB. */
  shardBytes: 1024 * 1024,
  loadSliceRows: 2_000,
  judgeSliceMultiplyAdds: 2_000_000,
  /** How long a planned label may take; one that is later counts as an error until it comes. */
  labelDueMs: 14 * 24 * 3600_000,
  /** How often a region asks whether a version that is asked beside another has taken its place. */
  welcomeEveryMs: 60_000,
  /** A threshold that moved by less is not worth telling the edge. */
  thresholdNews: 0.01,
  semanticCacheMaxRows: 20_000,
  /** Escalated questions by which recall's radius is chosen, and as many by which it is certified. */
  semanticCacheJudges: 400,
  driftEveryMs: 30 * 24 * 3600_000,
  driftMaxRows: 2_000,
  anchorRows: 512,
  /** Questions that a region records of a canary at most; each costs some hundred bytes, and a class 4. */
  canaryMaxRows: 20_000,
  retrainTries: 8,
} as const;
