/** Asks about some items at once, and resolves to a reply for each, in order. */
export type Send<Item, Reply> = (items: readonly Item[]) => Promise<readonly Reply[]>;

/** Items of one key that go with the next call. */
interface Gathering<Item, Reply> {
  key: string;
  callers: number;
  items: Item[];
  send: Send<Item, Reply>;
  /** Whether it has waited long enough to go beside other calls. */
  isDue: boolean;
  replies: PromiseWithResolvers<readonly Reply[]>;
}

/** Items that gather for one call, at most: each waits for all of them. */
const itemsMax = 64;

/**
 * Calls of several callers that travel as one. A call begins at once where none is under way; else what comes gathers until
 * that is so, or for `gatherMs`, and as long as `atOnce` calls are under way.
 */
export class GatheredCalls<Item, Reply> {
  private readonly limits: { atOnce: number; gatherMs: number };
  private readonly waiting: Gathering<Item, Reply>[] = [];
  private underWay = 0;

  constructor(limits: { atOnce: number; gatherMs: number }) {
    this.limits = limits;
  }

  /**
   * Asks about items together with those of others under the same key, by the `send` of any of them. `isShared` tells whether
   * others were in the call: what failed may be theirs.
   */
  async ask(
    key: string,
    items: readonly Item[],
    send: Send<Item, Reply>,
  ): Promise<{ replies: Reply[]; isShared: boolean }> {
    const hasRoom = (one: Gathering<Item, Reply>) => one.key === key && one.items.length + items.length <= itemsMax;
    const gathering = this.waiting.find(hasRoom) ?? this.gather(key, send);
    const from = gathering.items.length;
    gathering.items.push(...items);
    gathering.callers++;
    this.begin();
    const replies = await gathering.replies.promise;
    return { replies: replies.slice(from, from + items.length), isShared: gathering.callers > 1 };
  }

  private gather(key: string, send: Send<Item, Reply>): Gathering<Item, Reply> {
    const replies = Promise.withResolvers<readonly Reply[]>();
    const gathering: Gathering<Item, Reply> = { key, callers: 0, items: [], send, isDue: false, replies };
    this.waiting.push(gathering);
    if (this.underWay > 0) {
      void scheduler.wait(this.limits.gatherMs).then(() => {
        gathering.isDue = true;
        this.begin();
      });
    }
    return gathering;
  }

  private begin(): void {
    while (this.underWay < this.limits.atOnce) {
      const next = this.waiting.findIndex(({ isDue }) => isDue || this.underWay === 0);
      const [gathering] = next < 0 ? [] : this.waiting.splice(next, 1);
      if (!gathering) return;
      this.underWay++;
      const { items, send, replies } = gathering;
      send(items)
        .finally(() => {
          this.underWay--;
          this.begin();
        })
        .then(replies.resolve, replies.reject);
    }
  }
}
