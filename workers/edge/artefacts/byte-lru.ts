/** A cache with a byte budget. Drops the least recently used values when the budget is full. */
export class ByteLru<V> {
  private readonly entries = new Map<string, { value: V; bytes: number }>();
  private readonly budgetBytes: number;
  private readonly dropped: (value: V) => void;
  private usedBytes = 0;

  constructor(budgetBytes: number, dropped: (value: V) => void = () => {}) {
    this.budgetBytes = budgetBytes;
    this.dropped = dropped;
  }

  get bytes(): number {
    return this.usedBytes;
  }

  get(key: string): V | undefined {
    const entry = this.entries.get(key);
    if (!entry) return undefined;
    this.entries.delete(key);
    this.entries.set(key, entry);
    return entry.value;
  }

  /** Stores a value. The newest value stays even when it alone exceeds the budget. */
  set(key: string, value: V, bytes: number): void {
    this.delete(key);
    this.entries.set(key, { value, bytes });
    this.usedBytes += bytes;
    for (const oldest of this.entries.keys()) {
      if (this.usedBytes <= this.budgetBytes || oldest === key) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.entries.delete(key);
    this.usedBytes -= entry.bytes;
    this.dropped(entry.value);
  }
}
