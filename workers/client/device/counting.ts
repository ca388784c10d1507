import type { DeviceCounts, DeviceStorage } from "./types.ts";

const key = "counts";
const flushMs = 250;

type Entry = readonly [key: string, value: unknown];

const none: DeviceCounts = { asked: 0, accepted: 0, personal: 0, escalated: 0, answered: 0 };

/** Counts what the device answers. The counts are written together with what they are about. */
export class Counting {
  private readonly storage: DeviceStorage;
  private readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  /** What was counted here since the last write: other pages count too. */
  private added = { ...none };
  private written: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param inTurn does work that reads and writes the counts, one after another, also with other pages */
  constructor(storage: DeviceStorage, inTurn: (work: () => Promise<void>) => Promise<void>) {
    this.storage = storage;
    this.inTurn = inTurn;
  }

  async counts(): Promise<DeviceCounts> {
    await this.written.catch(() => {});
    return sumOf(await this.stored(), this.added);
  }

  count(what: keyof DeviceCounts, by = 1): void {
    this.added[what] += by;
  }

  /** Writes the counts with other entries, after what is being written. */
  write(others: readonly Entry[]): Promise<void> {
    this.written = this.inTurn(async () => {
      const { added } = this;
      this.added = { ...none };
      try {
        await this.storage.write([[key, sumOf(await this.stored(), added)], ...others]);
      } catch (error) {
        this.added = sumOf(this.added, added);
        throw error;
      }
    });
    return this.written;
  }

  /** Writes the counts within a moment, with entries that are made then. */
  soon(others: () => readonly Entry[]): void {
    this.timer ??= setTimeout(() => void this.flush(others).catch(() => {}), flushMs);
  }

  flush(others: () => readonly Entry[]): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    return this.write(others());
  }

  private async stored(): Promise<DeviceCounts> {
    return { ...none, ...((await this.storage.get(key)) as DeviceCounts | undefined) };
  }
}

function sumOf(a: DeviceCounts, b: DeviceCounts): DeviceCounts {
  const names = Object.keys(none) as (keyof DeviceCounts)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as DeviceCounts;
}
