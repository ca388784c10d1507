/**
 * Reads a record's own field; undefined without one. A name that callers choose may be one that every object inherits, such
 * as `constructor`: reading it in place would find a function.
 */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
