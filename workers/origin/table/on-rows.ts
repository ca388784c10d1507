/** Reports how many rows have been read. */
export type OnRows = (rows: number) => void;
