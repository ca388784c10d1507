import { leftMs } from "#core/clock.ts";
import type { Question } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { isOldState, objectFault } from "#core/http/problem.ts";
import { Admission } from "#core/limits/admission.ts";
import type { Result } from "#core/result.ts";
import { type Hop, type Reply, type Rung, RungUnavailableError, SaturatedError } from "#core/rung/rung.ts";
import type { AskRefusal, IncomingQuestion, RegionReply } from "#objects/region/api.ts";
import { regionObject } from "#objects/stubs.ts";
import { catchUpHead } from "../artefacts/pointers.ts";
import { type Call, ownerOf } from "../call.ts";
import { reached } from "../limits.ts";
import { idleQueue, keepTogether } from "./keeping.ts";

type RegionStub = ReturnType<typeof regionObject>;

/** How long an overloaded object is not called. The platform does not say when it will be better. */
const overloadedMs = 2_000;
/** The longest time that a region is not called, because it was saturated. */
const saturatedMaxMs = 60_000;

/** Asks the region's object, which answers the questions that the edge does not accept. */
export class RegionRung implements Rung {
  readonly name = "region";
  private readonly call: Call;
  private readonly model: string;
  private readonly base: number;
  private readonly region: string;

  constructor(call: Call, model: string, base: number, region: string) {
    this.call = call;
    this.model = model;
    this.base = base;
    this.region = region;
  }

  /** Throws `SaturatedError` where the region takes no question now, without calling it while that is known. */
  async ask(questions: readonly Question[], hop: Hop): Promise<Reply[]> {
    const { saturatedUntil } = this.call.node;
    const until = Math.max(saturatedUntil.get(this.key) ?? 0, saturatedUntil.get(this.ownKey) ?? 0);
    const restMs = leftMs(until, saturatedMaxMs, Date.now());
    if (hop.limits && restMs > 0) throw new SaturatedError(this.region, restMs);
    const leave = this.enter(questions.length, hop);
    try {
      return await this.replies((stub) => stub.ask(this.base, [...questions], hop));
    } finally {
      leave();
    }
  }

  // What this isolate has on its way to the region waits there, whether its object has read it yet or not.
  private enter(questions: number, { owner, limits }: Hop): () => void {
    const { onTheirWay } = this.call.node;
    const admission = onTheirWay.get(this.key) ?? new Admission();
    const refusal = admission.enter(owner, questions, limits, () => 0, Date.now());
    if (refusal) throw new SaturatedError(this.region, refusal.retryAfterMs);
    onTheirWay.set(this.key, admission);
    return () => {
      admission.leave(owner, questions);
      if (admission.isIdle) onTheirWay.delete(this.key);
    };
  }

  /**
   * Stores questions that the edge answered, with their answers. `mayRefuse`: they come before their answers, and the region may
   * take none.
   */
  async keep(kept: readonly IncomingQuestion[], hop: Hop, mayRefuse = false): Promise<Reply[]> {
    const { limits: _, ...unlimited } = hop;
    const own = { incoming: [...kept], hop: mayRefuse ? hop : unlimited };
    const { node, later } = this.call;
    const key = `${this.key} ${this.base}`;
    const queue = node.keeping.get(key) ?? idleQueue();
    node.keeping.set(key, queue);
    return this.replies((stub) => keepTogether(queue, { base: this.base, later }, own, stub));
  }

  private async replies(send: (stub: RegionStub) => Promise<Result<RegionReply, AskRefusal>>): Promise<Reply[]> {
    const result = await send(regionObject(this.call.env, this.model, this.region)).catch((cause: unknown) => {
      // Errors of the object's own code surface. It is not called again here: the runtime has retried what it can.
      if (isOldState(cause) || isOwnError(cause)) throw cause;
      if (isOverloaded(cause)) throw this.saturated(overloadedMs, this.key, cause);
      throw new RungUnavailableError(`Region '${this.region}' did not answer.`, { cause });
    });
    if (!result.ok) throw this.refusalOf(result.error);
    const { answers, headRevision } = result.value;
    await catchUpHead(this.call, this.model, this.base, this.region, headRevision);
    return answers.map((answer) => ({ answer }));
  }

  private refusalOf(refusal: AskRefusal): Error {
    switch (refusal.kind) {
      case "saturated":
        return this.saturated(refusal.retryAfterMs, refusal.isOwn ? this.ownKey : this.key);
      case "limited":
        return reached(this.call, refusal.limit);
      case "conflict":
        return new FaultError({
          kind: "conflict",
          expected: `the payload and the token that question '${refusal.id}' was asked with`,
          received: "others under the same id or Idempotency-Key",
          next: "Use a new id or key for a new question.",
        });
    }
  }

  /** Remembers that the region takes no question for a while: until then this isolate does not call it. */
  private saturated(retryAfterMs: number, key: string, cause?: unknown): SaturatedError {
    const { saturatedUntil } = this.call.node;
    saturatedUntil.set(key, Date.now() + Math.min(retryAfterMs, saturatedMaxMs));
    return new SaturatedError(this.region, retryAfterMs, { cause });
  }

  private get key(): string {
    return `${this.model} ${this.region}`;
  }

  private get ownKey(): string {
    return `${this.key} ${ownerOf(this.call)}`;
  }
}

function isOverloaded(error: unknown): boolean {
  return (error as { overloaded?: boolean } | null)?.overloaded === true;
}

/** Whether the object's own code threw the error: the object was reached, was not overloaded and was not reset. */
function isOwnError(error: unknown): boolean {
  const flags = error as { remote?: boolean; durableObjectReset?: boolean } | null;
  return objectFault(error) === null && flags?.remote === true && flags.durableObjectReset !== true;
}
