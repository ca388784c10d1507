/** What the pages of an origin that have the same device open tell each other, and which of them sends. */
export class Shared {
  private readonly name: string | null;
  private readonly channel: BroadcastChannel | null;
  private readonly ended = new AbortController();
  private last: Promise<unknown> = Promise.resolve();

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

  /** Does work once the work before it is done, also that of other pages. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.name !== null) return navigator.locks.request(`${this.name} in turn`, work) as Promise<T>;
    const done = this.last.then(work);
    this.last = done.catch(() => {});
    return done;
  }

  end(): void {
    this.ended.abort();
    this.channel?.close();
  }
}
