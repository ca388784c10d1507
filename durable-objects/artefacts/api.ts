/** The one object's name. */
export const artefactsObjectName = "artefacts";

/** A stored file without its bytes. */
export interface StoredFile {
  key: string;
  size: number;
  /** When it was stored, ms since 1970. */
  at: number;
  customMetadata: Record<string, string>;
}

/** Which files are listed: `delimiter` folds those with the same text up to it, after the prefix, into one prefix. */
export interface FileQuery {
  prefix: string;
  delimiter: string | null;
  /** The cursor of the page before. */
  after: string | null;
  limit: number;
}

export interface FileList {
  files: StoredFile[];
  prefixes: string[];
  /** The cursor of the next page; null where this is the last one. */
  next: string | null;
}

/** The files of a machine without R2: manifests, blobs and archives of samples. */
export interface ArtefactsApi {
  head(key: string): StoredFile | null;
  read(key: string): { file: StoredFile; bytes: ArrayBuffer } | null;
  write(key: string, bytes: ArrayBuffer, customMetadata: Record<string, string>): StoredFile;
  remove(keys: readonly string[]): void;
  list(query: FileQuery): FileList;
}
