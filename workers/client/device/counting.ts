import type { DeviceCounts, DeviceStorage } from "./types.ts";

const key = "counts";
const flushMs = 1_000;

type Entry = readonly [key: string, value: unknown];

const none: DeviceCounts = { asked: 0, accepted: 0, personal: 0, escalated: 0, answered: 0 };

/** Counts what the device answers, and writes the counts together with what else changes often. */
export class Counting {
  private readonly storage: DeviceStorage;
  /** What was counted here since the last write: other pages count too. */
  private added = { ...none };
  private timer: ReturnType<typeof setTimeout> | undefined;
  private others: () => readonly Entry[] = () => [];

  constructor(storage: DeviceStorage) {
    this.storage = storage;
  }

  async counts(): Promise<DeviceCounts> {
    return sumOf({ ...none, ...((await this.storage.get(key)) as DeviceCounts | undefined) }, this.added);
  }

  count(what: keyof DeviceCounts, by = 1): void {
    this.added[what] += by;
  }

  /** Writes within a second; `others` are entries to write then as well. */
  soon(others?: () => readonly Entry[]): void {
    if (others) this.others = others;
    this.timer ??= setTimeout(() => void this.flush().catch(() => {}), flushMs);
  }

  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const counts = await this.counts();
    this.added = { ...none };
    await this.storage.write([[key, counts], ...this.others()]);
  }
}

function sumOf(a: DeviceCounts, b: DeviceCounts): DeviceCounts {
  const names = Object.keys(none) as (keyof DeviceCounts)[];
  return Object.fromEntries(names.map((name) => [name, a[name] + b[name]])) as unknown as DeviceCounts;
}
