/** Widths of the network in the benchmarks: 25 inputs, 64 and 32 hidden units, two classes. */
export const benchWidths = [25, 64, 32, 2] as const;
