/** Every limit and magic number of the system, units in the names. */
export const limits = {
  bodyMaxBytes: 1024 * 1024,
  blobShardMaxBytes: 20 * 1024 * 1024,
  batchMaxQuestions: 1024,
  idMaxChars: 256,
  regionMaxChars: 64,

  askTimeoutMs: 10_000,
  nextRungTimeoutMs: 4_000,
  waitMaxSeconds: 60,
  retryAfterSeconds: 2,
  nodesMax: 8,

  pointerTtlMs: 5_000,
  kvCacheSeconds: 60,
  kvPointerCacheSeconds: 30,
  memoryBudgetBytes: 48 * 1024 * 1024,
  kvBlobMaxBytes: 20 * 1024 * 1024,

  breakerFailures: 3,
  breakerOpenMs: 5_000,
  climbTries: 6,
  climbBackoffMs: 1_000,

  reviewLeaseMs: 5 * 60_000,
  questionKeepMs: 90 * 24 * 3600_000,
  jobStepsPerAlarm: 200,
  jobRetryMs: 1_000,
  jobRetryMaxMs: 5 * 60_000,

  /** Multiply-adds in one slice of a retrain: under 50 ms on the slowest machine we measured. */
  sliceMultiplyAdds: 8_000_000,
  embedSliceRows: 256,
  /** What a block of rows or a step costs besides its multiply-adds, in multiply-adds. */
  blockOverheadMultiplyAdds: 100_000,
  retrainMinSamples: 30,
  retrainWaitMs: 15 * 60_000,
  retrainTries: 8,
} as const;
