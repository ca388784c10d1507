import { type Answer, answersSchema, type Question, type RungName } from "../contract/index.ts";
import { type Hop, type Reply, type Rung, RungUnavailableError } from "./rung.ts";

/** The address and credentials of a rung reached by HTTP. */
export interface HttpRungOptions {
  name: RungName;
  model: string;
  /** The rung's URL without a path: "https://origin.example". */
  url: string;
  /** This hop's token. A caller's token is never passed on. */
  token: string;
  timeoutMs: number;
  fetch?: typeof fetch;
}

/** The next rung up, reached by `POST /v1/models/{model}/ask`: an origin or another edge. */
export class HttpRung implements Rung {
  readonly name: RungName;
  private readonly options: HttpRungOptions;

  constructor(options: HttpRungOptions) {
    this.name = options.name;
    this.options = options;
  }

  async ask(questions: readonly Question[], hop: Hop): Promise<Reply[]> {
    const answers = await this.post(questions, hop);
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    return questions.map(({ id }) => {
      const answer = byId.get(id);
      if (!answer) throw new RungUnavailableError(`${this.name} returned no answer to question '${id}'`);
      return { answer };
    });
  }

  private async post(questions: readonly Question[], hop: Hop): Promise<Answer[]> {
    const { url, model, token, timeoutMs, fetch: send = fetch } = this.options;
    const remainingMs = Math.max(1, Math.min(hop.remainingMs, timeoutMs));
    const body = {
      // The rung that the caller asked lists the best labels.
      questions: questions.map(({ top: _, ...question }) => question),
      ...{ remainingMs, via: hop.via },
      ...(hop.trace ? { trace: true } : {}),
      ...(hop.provisional ? { accept: "always" } : {}),
    };
    const signal = AbortSignal.timeout(remainingMs);
    try {
      const response = await send(`${url}/v1/models/${model}/ask`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${token}`,
          "content-type": "application/json",
          ...(hop.traceparent ? { traceparent: hop.traceparent } : {}),
          ...(hop.traceparent && hop.tracestate ? { tracestate: hop.tracestate } : {}),
        },
        body: JSON.stringify(body),
        // The token is for this node alone.
        redirect: "manual",
        signal,
      });
      if (!response.ok) throw new Error(`status ${response.status}: ${(await response.text()).slice(0, 300)}`);
      return answersSchema.parse(await response.json()).answers;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const why = signal.aborted && remainingMs < timeoutMs ? "late" : "failed";
      throw new RungUnavailableError(`${this.name} at ${url} did not answer: ${reason}`, { cause, why });
    }
  }
}
