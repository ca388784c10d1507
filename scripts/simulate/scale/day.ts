import type { Answer, Counts, Inference, Instance, ModelPointer, Question } from "#core/contract/index.ts";
import { countAnswer, noCounts } from "#core/counts.ts";
import { own } from "#core/own.ts";
import type { Hop } from "#core/rung/rung.ts";
import { seededRandom } from "#origin/random.ts";
import type { Needs } from "./estimate.ts";
import { type CountsSent, type IsolateTally, isolateTimes, type ObjectCall, SimulatedIsolate } from "./isolate.ts";
import type { CountedObjects, NamedCall, ObjectTally } from "./objects.ts";
import { type Arrival, arrivals, homeOf, type World, zipfShares } from "./traffic.ts";

/** A day that is played: the world, what its questions need, and how the published versions are asked. */
export interface DayPlan {
  world: World;
  needs: Needs;
  model: string;
  labels: readonly string[];
  instance: Instance;
  /** What the edge computed of a question, on a version. */
  inferenceOf: (base: number) => Inference;
  /** What happens besides, by the second at which it begins; the day goes on meanwhile. */
  events: { second: number; begin: (day: DayState) => Promise<void> }[];
}

/** What a day's events see and change. */
export interface DayState {
  pointer: ModelPointer;
  /** Regions by how many labels they have got. */
  labels: number[];
  refresh: () => Promise<void>;
}

/** What happened, at the end of each hour since the begin. */
export interface Hour {
  questions: number;
  tallies: Record<string, ObjectTally>;
}

/** A day that was played. */
export interface Day {
  hours: Hour[];
  isolates: IsolateTally[];
  asked: { escalated: number; kept: number; labels: number; failed: number };
  pointer: ModelPointer;
}

const hoursPerDay = 24;
const callsAtOnce = 200;
/** Calls that may fail, such as while a version rolls out. */
const failedMost = 100;
/** Labels come an eighth of a day later on average. */
const labelDelay = 1 / 8;

export const regionName = (region: number) => `r${region}`;

/** Plays a day of questions: isolates are simulated, the objects that they call are real. */
export async function playDay(
  plan: DayPlan,
  objects: CountedObjects,
  onSecond: (second: number) => void,
): Promise<Day> {
  const { daySeconds } = plan.world;
  const played = new PlayedDay(plan, objects);
  await played.refresh();
  const underway: Promise<void>[] = [];
  const hours: Hour[] = [];
  let second = 0;
  let questions = 0;
  for (const now of arrivals(plan.world)) {
    for (const { second: at, begin } of plan.events) if (at === second) underway.push(begin(played));
    for (const arrival of now) played.take(arrival);
    second++;
    await played.endSecond(second);
    await played.readKv();
    questions += now.length;
    onSecond(second);
    const isHour = Math.floor((second * hoursPerDay) / daySeconds) > hours.length;
    if (isHour) hours.push({ questions, tallies: await objects.tallies() });
  }
  await Promise.all(underway);
  await played.refresh();
  await played.readKv();
  hours[hours.length - 1] = { questions, tallies: await objects.tallies(true) };
  const { isolates, asked, pointer } = played;
  return { hours, isolates: isolates.map(({ tally }) => tally), asked, pointer };
}

/** A call, and what its reply leads to. */
interface Sent {
  call: NamedCall;
  onReply?: (value: unknown) => void;
}

/** A question whose label will come. */
interface Unlabelled {
  atSecond: number;
  region: number;
  base: number;
  id: string;
}

/** A day that is being played. */
class PlayedDay implements DayState {
  readonly isolates: SimulatedIsolate[];
  readonly asked: Day["asked"] = { escalated: 0, kept: 0, labels: 0, failed: 0 };
  readonly labels: number[];
  readonly revisions = new Map<string, number>();
  pointer: ModelPointer = { model: "", revision: 0, stable: 1, previous: null, canary: null, heldBack: {} };
  private readonly plan: DayPlan;
  private readonly objects: CountedObjects;
  private readonly random: () => number;
  private sent: Sent[] = [];
  private unlabelled: Unlabelled[] = [];

  constructor(plan: DayPlan, objects: CountedObjects) {
    const { world } = plan;
    this.plan = plan;
    this.objects = objects;
    this.random = seededRandom(world.seed + 1);
    this.labels = new Array<number>(world.regions).fill(0);
    this.isolates = Array.from({ length: world.isolates }, (_, i) => new SimulatedIsolate(`simulated-${i}`));
    warmUp(this.isolates, world, this.random);
  }

  async refresh(): Promise<void> {
    const [reply] = await this.objects.call([this.registry("pointer")]);
    this.pointer = reply?.value as ModelPointer;
  }

  /** Learns which regions have a head pointer in KV, for what all isolates read. */
  async readKv(): Promise<void> {
    for (const key of await this.objects.pointersInKv()) {
      const [base = "", name = ""] = key.split(" ");
      this.learn(Number(base), Number(name.slice(regionName(0).length - 1)), 1);
    }
  }

  baseOf(region: number): number {
    return own(this.pointer.heldBack, regionName(region)) ?? this.pointer.stable ?? 1;
  }

  revisionOf(base: number, region: number): number {
    return this.revisions.get(`${base} ${region}`) ?? 0;
  }

  /** Takes a question at the isolate that it reaches. */
  take({ atMs, isolate, region, chance }: Arrival): void {
    const { needs, world, model } = this.plan;
    const { asked } = this;
    const isEscalated = chance < needs.escalated;
    const isKept = !isEscalated && chance < needs.escalated + needs.kept;
    const edge = this.isolates[isolate] as SimulatedIsolate;
    this.send(edge.ask(region, atMs, !isEscalated, this));
    if (!isEscalated && !isKept) return;
    const base = this.baseOf(region);
    const id = `${model}~${regionName(region)}~${atMs}-${asked.escalated + asked.kept}`;
    asked[isEscalated ? "escalated" : "kept"]++;
    this.sent.push({
      call: questionCall(this.plan, { id, region, base, isEscalated }),
      onReply: (reply) => {
        const { headRevision = 0 } = (reply as { value?: { headRevision?: number } } | null)?.value ?? {};
        this.learn(base, region, headRevision);
        this.send(edge.catchUp(region, base, atMs, headRevision));
      },
    });
    if (this.random() >= needs.labelled / (needs.escalated + needs.kept)) return;
    const delay = -Math.log(1 - this.random()) * labelDelay * world.daySeconds;
    this.unlabelled.push({ atSecond: Math.ceil(atMs / 1_000 + delay), region, base, id });
  }

  /** Makes the calls of a second: those of questions, batches of counts, and labels that come late. */
  async endSecond(second: number): Promise<void> {
    for (const isolate of this.isolates) {
      const batch = isolate.flush(second * 1_000);
      if (batch) this.sent.push({ call: this.registry("addCounts", batchOf(batch)) });
    }
    const due = this.unlabelled.filter(({ atSecond }) => atSecond <= second);
    this.unlabelled = this.unlabelled.filter(({ atSecond }) => atSecond > second);
    this.asked.labels += due.length;
    for (const label of due) {
      this.labels[label.region] = (this.labels[label.region] ?? 0) + 1;
      this.sent.push({ call: labelCall(this.plan, label, this.random) });
    }
    const all = this.sent;
    this.sent = [];
    for (let from = 0; from < all.length; from += callsAtOnce) await this.callAll(all.slice(from, from + callsAtOnce));
  }

  private async callAll(some: readonly Sent[]): Promise<void> {
    const replies = await this.objects.call(some.map(({ call }) => call));
    for (const [i, { value, error }] of replies.entries()) {
      if (error === undefined) some[i]?.onReply?.(value);
      else if (++this.asked.failed > failedMost) throw new Error(`The objects refuse calls: ${error}`);
    }
  }

  private send(calls: readonly ObjectCall[]): void {
    for (const { binding, method, values } of calls) {
      if (method !== "headPointer" && method !== "headPointersAt") {
        this.sent.push({ call: { binding, name: binding === "TOKENS" ? "tokens" : this.plan.model, method, values } });
        continue;
      }
      const [base, asked] = values as [number, number | [number]];
      const [region] = [asked].flat() as [number];
      const name = regionName(region);
      this.sent.push({
        call: this.registry(method, base, method === "headPointer" ? name : [name]),
        onReply: (reply) => {
          const [pointer] = [reply].flat() as { revision: number }[];
          this.learn(base, region, pointer?.revision ?? 0);
        },
      });
    }
  }

  private learn(base: number, region: number, revision: number): void {
    if (revision > this.revisionOf(base, region)) this.revisions.set(`${base} ${region}`, revision);
  }

  private registry(method: string, ...values: unknown[]): NamedCall {
    return { binding: "REGISTRY", name: this.plan.model, method, values };
  }
}

// As after a day before: what is asked once in ten minutes is known of most regions, for a random rest of that time.
function warmUp(isolates: readonly SimulatedIsolate[], world: World, random: () => number): void {
  for (const [region, share] of zipfShares(world).entries()) {
    for (const [i, isolate] of isolates.entries()) {
      const far = (world.perSecond * share * (1 - world.atHome)) / world.isolates;
      const rate = homeOf(world, region) === i ? far + world.perSecond * share * world.atHome : far;
      const known = (rate * isolateTimes.headless) / 1_000;
      if (random() < known / (1 + known)) isolate.knowHeadless(region, 1, random() * isolateTimes.headless);
    }
  }
}

interface Asked {
  id: string;
  region: number;
  base: number;
  isEscalated: boolean;
}

function questionCall(plan: DayPlan, { id, region, base, isEscalated }: Asked): NamedCall {
  const { model, instance, inferenceOf, labels } = plan;
  const name = regionName(region);
  const inference = { ...inferenceOf(base), accepted: !isEscalated };
  const question: Question = { id, region: name, instance: { ...instance, region: name }, at: Date.now(), inference };
  const hop: Hop = { owner: "simulated", remainingMs: 8_000, via: ["edge"], trace: false };
  const to = { binding: "REGION" as const, name: `${model}~${name}` };
  if (isEscalated) return { ...to, method: "ask", values: [base, [question], hop] };
  const scores = Object.fromEntries(labels.map((label, i) => [label, inference.scores[i] ?? 0]));
  const [label = ""] = labels;
  const answer: Answer = {
    ...{ id, model, region: name, status: "answered", label, scores, confidence: inference.scores[0] ?? 0 },
    ...{ accepted: true, rung: "edge", version: String(base), certificate: null },
  };
  return { ...to, method: "keep", values: [base, [{ question, answer }], hop] };
}

function labelCall(
  { model, labels }: DayPlan,
  { region, base, id }: Omit<Asked, "isEscalated">,
  random: () => number,
): NamedCall {
  const label = labels[Math.floor(random() * labels.length)];
  const context = { owner: null, source: "truth", labelledAt: Date.now() };
  return {
    binding: "REGION",
    name: `${model}~${regionName(region)}`,
    method: "recordTruths",
    values: [base, [{ id, label }], context],
  };
}

function batchOf({ isolate, sequence, rows }: CountsSent): object {
  const counted = rows.map(({ region, base, requests, answered }, i) => {
    const counts: Counts = {
      ...noCounts(),
      requests,
      questions: answered,
      batchRows: 1,
      ...(i === 0 ? { batches: 1 } : {}),
    };
    for (let n = 0; n < answered; n++) countAnswer(counts.rungs.edge, true, 1);
    return { region: regionName(region), base, counts };
  });
  return { isolate, sequence, rows: counted };
}
