/**
 * What was read of small tables, by what it is. A table that writes forgets what it has changed; a transaction that is undone
 * forgets everything.
 */
export class Memory {
  private readonly values = new Map<string, unknown>();

  /** Returns a value, read once. */
  get<T>(name: string, read: () => T): T {
    if (!this.values.has(name)) this.values.set(name, read());
    return this.values.get(name) as T;
  }

  forget(name: string): void {
    this.values.delete(name);
  }

  forgetAll(): void {
    this.values.clear();
  }
}
