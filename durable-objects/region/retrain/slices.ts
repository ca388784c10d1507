/** Multiply-adds in one slice of a retrain: under 50 ms on the slowest machine we measured. */
export const sliceMultiplyAdds = 8_000_000;
/** Rows that one slice of a retrain loads. */
export const loadSliceRows = 2_000;
