/** What the pages of an origin that have the same device open tell each other, and which of them sends. */
export class Shared {
  private readonly name: string | null;
  private readonly channel: BroadcastChannel | null;
  private readonly ended = new AbortController();
  private readonly last = new Map<string, Promise<unknown>>();

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

  /** Does work once earlier work on the same thing is done, also that of other pages. */
  inTurn<T>(on: string, work: () => Promise<T>): Promise<T> {
    if (this.name === null) return this.inTurnHere(on, work);
    return navigator.locks.request(`${on} of ${this.name}`, work) as Promise<T>;
  }

  /** Does work once earlier work of this page on the same thing is done. */
  inTurnHere<T>(on: string, work: () => Promise<T>): Promise<T> {
    const done = (this.last.get(on) ?? Promise.resolve()).then(work);
    this.last.set(
      on,
      done.catch(() => {}),
    );
    return done;
  }

  end(): void {
    this.ended.abort();
    this.channel?.close();
  }
}
