import type { Question } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { isOldState, objectFault } from "#core/http/problem.ts";
import type { Result } from "#core/result.ts";
import { type Hop, type Reply, type Rung, RungUnavailableError } from "#core/rung/rung.ts";
import type { IncomingQuestion, RegionReply } from "#objects/region/api.ts";
import { regionObject } from "#objects/stubs.ts";
import { catchUpHead } from "../artefacts/pointers.ts";
import type { Call } from "../call.ts";

type RegionStub = ReturnType<typeof regionObject>;

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

  async ask(questions: readonly Question[], hop: Hop): Promise<Reply[]> {
    return this.replies((stub) => stub.ask(this.base, [...questions], hop));
  }

  /** Stores questions that the edge answered, with their answers. */
  async keep(kept: readonly IncomingQuestion[], hop: Hop): Promise<Reply[]> {
    return this.replies((stub) => stub.keep(this.base, [...kept], hop));
  }

  private async replies(send: (stub: RegionStub) => Promise<Result<RegionReply, { id: string }>>): Promise<Reply[]> {
    const result = await send(regionObject(this.call.env, this.model, this.region)).catch((cause: unknown) => {
      // Errors of the object's own code surface. It is not called again here: the runtime has retried what it can.
      if (isOldState(cause) || isOwnError(cause)) throw cause;
      throw new RungUnavailableError(`Region '${this.region}' did not answer.`, { cause });
    });
    if (!result.ok) {
      throw new FaultError({
        kind: "conflict",
        expected: `the payload and the token that question '${result.error.id}' was asked with`,
        received: "others under the same id or Idempotency-Key",
        next: "Use a new id or key for a new question.",
      });
    }
    const { answers, headRevision } = result.value;
    await catchUpHead(this.call, this.model, this.base, this.region, headRevision);
    return answers.map((answer) => ({ answer }));
  }
}

/** Whether the object's own code threw the error: the object was reached, was not overloaded and was not reset. */
function isOwnError(error: unknown): boolean {
  const flags = error as { remote?: boolean; durableObjectReset?: boolean } | null;
  return objectFault(error) === null && flags?.remote === true && flags.durableObjectReset !== true;
}
