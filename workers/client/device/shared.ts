/** What the pages of an origin that have the same device open tell each other, and which of them sends. */
export class Shared {
  private readonly name: string | null;
  private readonly channel: BroadcastChannel | null;
  private readonly ended = new AbortController();

  /** @param name of what they share; null where nothing is shared */
  constructor(name: string | null, onMessage: (message: unknown) => void) {
    this.name = name;
    this.channel = name === null ? null : new BroadcastChannel(name);
    if (this.channel) this.channel.onmessage = ({ data }: MessageEvent) => onMessage(data);
  }

  tell(message: unknown): void {
    if (!this.ended.signal.aborted) this.channel?.postMessage(message);
  }

  /** Does work in one page at a time; the next one takes over when that is closed. */
  alone(work: () => Promise<void>): void {
    const { signal } = this.ended;
    const done = this.name === null ? work() : navigator.locks.request(this.name, { signal }, work);
    // The wait for the lock ends with the device.
    done.catch((error: unknown) => {
      if (!this.ended.signal.aborted) throw error;
    });
  }

  end(): void {
    this.ended.abort();
    this.channel?.close();
  }
}
