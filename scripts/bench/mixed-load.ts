import type { Answer, Instance } from "#core/contract/index.ts";
import type { HostileRequest } from "../hostile/requests.ts";
import type { Reply } from "../hostile/send.ts";
import type { LocalLadder } from "../local/ladder.ts";

/** What a request of a mixed load does. */
export type Kind = "accepted" | "batch" | "escalated" | "read" | "teach" | "review" | "list" | "metrics" | "hostile";

interface Means {
  random: () => number;
  send: (request: HostileRequest) => Promise<Reply>;
  hostile: () => HostileRequest;
}

const remembered = 500;
const failedShown = 10;
const batchSize = 20;

/** Requests of every kind that a ladder gets, one at a time. */
export class MixedLoad {
  /** The share of each kind. */
  readonly mix: readonly (readonly [Kind, number])[] = [
    ["accepted", 0.3],
    ["batch", 0.03],
    ["escalated", 0.2],
    ["read", 0.12],
    ["teach", 0.1],
    ["review", 0.03],
    ["list", 0.05],
    ["metrics", 0.02],
    ["hostile", 0.15],
  ];
  readonly counts: Partial<Record<Kind, Record<number, number>>> = {};
  /** The first replies with a status of 500 or above. */
  readonly failed: string[] = [];
  private readonly ids: string[] = [];
  private readonly ladder: Pick<LocalLadder, "credentials">;
  private readonly model: string;
  private readonly means: Means;
  private readonly examples: readonly Record<string, unknown>[];
  private readonly labels: readonly string[];
  private readonly regions: readonly string[];

  private constructor(
    ladder: Pick<LocalLadder, "credentials">,
    model: string,
    means: Means,
    known: { examples: readonly Instance[]; labels: readonly string[]; regions: readonly string[] },
  ) {
    this.ladder = ladder;
    this.model = model;
    this.means = means;
    this.examples = known.examples as readonly Record<string, unknown>[];
    this.labels = known.labels;
    this.regions = known.regions;
  }

  /** Makes a load for a classifier of named columns that a ladder serves. */
  static async of(ladder: LocalLadder, model: string, means: Means): Promise<MixedLoad> {
    const state = await ladder.client("ask").model(model);
    if (state.task === "tensor") throw new Error(`'${model}' must be a classifier.`);
    const { examples, labels, policy } = state;
    return new MixedLoad(ladder, model, means, { examples, labels, regions: policy.regions.keys });
  }

  /** Sends one request. */
  async one(kind: Kind): Promise<void> {
    const { status, text } = await this.means.send(this.requestOf(kind));
    const own = this.counts[kind] ?? {};
    this.counts[kind] = own;
    own[status] = (own[status] ?? 0) + 1;
    if (status >= 500 && status !== 508 && this.failed.length < failedShown) {
      this.failed.push(`${kind}: ${status} ${text.slice(0, 300)}`);
    }
    if (kind === "escalated" && status < 300) this.remember(text);
  }

  private requestOf(kind: Kind): HostileRequest {
    const { random, hostile } = this.means;
    const [easy, hard] = [this.examples[0], this.examples.at(-1)];
    const id = this.ids[Math.floor(random() * this.ids.length)];
    const label = this.labels[Math.floor(random() * this.labels.length)];
    const path = `/v1/models/${this.model}`;
    if (id === undefined && (kind === "read" || kind === "teach")) return this.requestOf("escalated");
    const question = `/v1/questions/${encodeURIComponent(id ?? "")}`;
    switch (kind) {
      case "accepted":
        return this.request(kind, "POST", `${path}/ask`, "teach", { instance: this.varied(easy, 0.01) });
      case "batch": {
        const instances = Array.from({ length: batchSize }, () => this.varied(easy, 0.1));
        return this.request(kind, "POST", `${path}/ask`, "teach", { instances });
      }
      case "escalated":
        return this.request(kind, "POST", `${path}/ask`, "teach", { instance: this.varied(hard, 0.3) });
      case "read":
        return this.request(kind, "GET", question, "teach");
      case "teach":
        return this.request(kind, "POST", `${question}/truth`, "teach", { label });
      case "review":
        return random() < 0.5 || id === undefined
          ? this.request(kind, "GET", `${path}/review`, "review")
          : this.request(kind, "POST", `${question}/answer`, "review", { label });
      case "list": {
        const lists = ["", "/versions", "/regions", "/runs", "/samples", "/manifest", "/review/flagged"];
        const list = lists[Math.floor(random() * lists.length)];
        return this.request(kind, "GET", random() < 0.2 ? "/v1/ladder" : `${path}${list}`, "admin");
      }
      case "metrics":
        return this.request(kind, "GET", "/metrics", "metrics");
      case "hostile":
        return hostile();
    }
  }

  private request(
    kind: Kind,
    method: string,
    path: string,
    scope: keyof LocalLadder["credentials"]["tokens"],
    body: object | null = null,
  ): HostileRequest {
    const authorization = `Bearer ${this.ladder.credentials.tokens[scope]}`;
    const headers = { authorization, ...(body ? { "content-type": "application/json" } : {}) };
    return { kind, route: path, method, path, headers, body: body && JSON.stringify(body) };
  }

  /** An example in any region, its numbers moved by up to a share of themselves. */
  private varied(example: Record<string, unknown> | undefined, share: number): Record<string, unknown> {
    const { random } = this.means;
    const moved = Object.entries(example ?? {}).map(([name, value]) => {
      return [name, typeof value === "number" ? value * (1 + share * (2 * random() - 1)) : value];
    });
    return { ...Object.fromEntries(moved), region: this.regions[Math.floor(random() * this.regions.length)] };
  }

  private remember(text: string): void {
    const { id } = parsed(text);
    if (id === undefined) return;
    this.ids.push(id);
    if (this.ids.length > remembered) this.ids.shift();
  }
}

function parsed(text: string): Partial<Answer> {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
