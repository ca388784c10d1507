import { DeadlineError } from "../errors.ts";
import type { WaitOptions } from "../requests.ts";
import { DeviceError } from "./errors.ts";
import type {
  Contribution,
  DeviceAnswer,
  DeviceApi,
  DeviceAskOptions,
  DeviceEvents,
  DeviceInput,
  DeviceState,
  ExportedHead,
  Lesson,
  TaughtLabel,
} from "./types.ts";

/**
 * A model on this device. It answers what its rule accepts and escalates the rest, also later where there is no network. `answer`
 * events bring final answers; `update` events another version or head; `refused` events questions that have no final answer.
 */
export class Device extends EventTarget {
  private readonly api: DeviceApi;
  private readonly end: () => void;

  /** @internal */
  constructor(api: DeviceApi, end: () => void) {
    super();
    this.api = api;
    this.end = end;
  }

  /** Calls a function for each event of a kind; returns how to stop. */
  on<E extends keyof DeviceEvents>(event: E, listener: (detail: DeviceEvents[E]) => void): () => void {
    const handle = (given: Event) => listener((given as CustomEvent<DeviceEvents[E]>).detail);
    this.addEventListener(event, handle);
    return () => this.removeEventListener(event, handle);
  }

  /**
   * Asks one question. The answer comes at once: final where it is accepted, else `open`, and stored until the rung above has
   * answered. Throws `DeviceError` for an instance that does not match the model's input.
   */
  async ask(input: DeviceInput, options: DeviceAskOptions = {}): Promise<DeviceAnswer> {
    return (await this.api.ask([input], options))[0] as DeviceAnswer;
  }

  /** Asks many questions at once; returns the answers in order. */
  askMany(inputs: readonly DeviceInput[], options: DeviceAskOptions = {}): Promise<DeviceAnswer[]> {
    return this.api.ask([...inputs], options);
  }

  /**
   * Waits for the final answer of a question. Throws `DeadlineError` after the deadline, while the question stays open, and
   * `DeviceError` where it will have none.
   */
  async wait(
    question: DeviceAnswer | Pick<DeviceAnswer, "id">,
    { deadlineMs, signal }: WaitOptions = {},
  ): Promise<DeviceAnswer> {
    if ("status" in question && question.status === "answered") return question;
    const { id } = question;
    const { promise, resolve, reject } = Promise.withResolvers<DeviceAnswer>();
    // It may reject before it is awaited.
    promise.catch(() => {});
    const stops = [
      this.on("answer", (answer) => answer.id === id && resolve(answer)),
      this.on("refused", (refused) => refused.id === id && reject(new DeviceError(refused.reason))),
    ];
    const timer =
      deadlineMs === undefined
        ? undefined
        : setTimeout(
            () => reject(new DeadlineError(`Question ${id} was not answered before the deadline.`)),
            deadlineMs,
          );
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      if (signal?.aborted) throw signal.reason;
      const known = await this.api.known(id);
      return known ?? (await promise);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      for (const stop of stops) stop();
    }
  }

  /**
   * Teaches this device what an instance is: a label of the model, or a new one. The instance stays here. Taught again with
   * another label, an instance is corrected.
   */
  learn(input: DeviceInput, label: string | number): Promise<Lesson> {
    return this.api.learn(input, String(label));
  }

  /** Lists the labels that this device was taught. */
  taught(): Promise<TaughtLabel[]> {
    return this.api.taught();
  }

  /** Exports what this device was taught as JSON; with `instances` another backbone can learn it too. */
  export({ instances = false }: { instances?: boolean } = {}): Promise<ExportedHead> {
    return this.api.exportHead(instances);
  }

  /** Adds exported examples. Throws `DeviceError` where they are of another model. */
  import(head: ExportedHead): Promise<TaughtLabel[]> {
    return this.api.importHead(head);
  }

  /** Forgets a label that this device was taught, or all of them. A contribution is withdrawn by `withdraw`. */
  forget(label?: string): Promise<TaughtLabel[]> {
    return this.api.forget(label ?? null);
  }

  /**
   * Gives the region sums over the embeddings of what this device was taught, in place of those that it gave before: no
   * instance, and labels of five examples at least. Needs the scope `contribute`.
   */
  contribute(): Promise<Contribution> {
    return this.api.contribute();
  }

  /** Withdraws the contribution: the region's sums are as without it, bit for bit. Returns whether there was one. */
  withdraw(): Promise<boolean> {
    return this.api.withdraw();
  }

  state(): Promise<DeviceState> {
    return this.api.state();
  }

  /** Looks for another version or head now; returns whether there was one. Throws where the edge can't be reached. */
  update(): Promise<boolean> {
    return this.api.update();
  }

  /** Ends the device: what waits is sent when it is opened again. */
  async close(): Promise<void> {
    await this.api.close();
    this.end();
  }
}
