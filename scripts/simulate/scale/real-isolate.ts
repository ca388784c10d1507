import { setTimeout as wait } from "node:timers/promises";
import { UpriverClient } from "#client/index.ts";
import type { ModelPointer } from "#core/contract/index.ts";
import { own } from "#core/own.ts";
import { seededRandom } from "#origin/random.ts";
import { benchInstance } from "../../bench/model.ts";
import type { Credentials } from "../../local/secrets.ts";
import { regionName } from "./day.ts";
import { SimulatedIsolate } from "./isolate.ts";
import type { CountedObjects } from "./objects.ts";

/** What an isolate asked of others for some questions. */
export interface Asked {
  kvReads: number;
  registry: number;
  tokens: number;
}

/** A real isolate and its simulation, with the same questions at the same times. */
export interface Compared {
  perSecond: number;
  questions: number;
  real: Asked;
  simulated: Asked;
}

interface Order {
  model: string;
  regions: number;
  seconds: number;
  seed: number;
  credentials: Credentials;
  objects: CountedObjects;
  pointer: ModelPointer;
}

/** Questions a second that the isolate is asked, one after the other for some seconds. */
const rates = [0.5, 4, 30];
/** By then an isolate has sent its counts, and the objects are quiet. */
const quietMs = 3_000;

/** Asks a real isolate, and a simulated one at the same times: compares what they read and which objects they call. */
export async function compareWithReal(order: Order): Promise<Compared[]> {
  const { model, regions, seconds, credentials, objects, pointer } = order;
  const random = seededRandom(order.seed + 2);
  const admin = new UpriverClient({ url: credentials.edge, token: credentials.tokens.admin });
  // A token that the deployment issued: the isolate reads its copy of the tokens again and again.
  const { token } = await admin.createToken({ id: "scale", scopes: ["ask"] });
  const client = new UpriverClient({ url: credentials.edge, token });
  const simulated = new SimulatedIsolate("real");
  const known = new Set<string>();
  const served = {
    baseOf: (region: number) => own(pointer.heldBack, regionName(region)) ?? pointer.stable ?? 1,
    revisionOf: (base: number, region: number) => (known.has(`${base} ${regionName(region)}`) ? 1 : 0),
  };
  const begin = Date.now();
  const all: Compared[] = [];
  await wait(quietMs);
  for (const key of await objects.pointersInKv()) known.add(key);
  for (const perSecond of rates) {
    const before = { real: await realOf(order), simulated: simulatedOf(simulated) };
    const underway: Promise<unknown>[] = [];
    const end = Date.now() + 1_000 * seconds;
    let questions = 0;
    for (let at = Date.now(); at < end; at += (-1_000 * Math.log(1 - random())) / perSecond) {
      await wait(Math.max(0, at - Date.now()));
      // A region of the upper ones more often, as by Zipf's law.
      const region = Math.floor((regions + 1) ** random()) - 1;
      const now = Date.now() - begin;
      simulated.flush(now);
      simulated.ask(region, now, true, served);
      const instance = { ...(benchInstance as Record<string, number>), region: regionName(region) };
      const asked = client.ask(model, instance);
      // One that fails is noticed at the end.
      asked.catch(() => {});
      underway.push(asked);
      questions++;
    }
    await Promise.all(underway);
    await wait(quietMs);
    simulated.flush(Date.now() - begin);
    const after = { real: await realOf(order), simulated: simulatedOf(simulated) };
    all.push({
      ...{ perSecond, questions },
      real: difference(after.real, before.real),
      simulated: difference(after.simulated, before.simulated),
    });
  }
  return all;
}

async function realOf({ objects, model }: Order): Promise<Asked> {
  const tallies = await objects.tallies();
  const of = (key: string, what: string) => tallies[key]?.[what] ?? 0;
  const registry = of(`REGISTRY ${model}`, "objectRequests");
  return { kvReads: of("edge", "kvReads"), registry, tokens: of("TOKENS tokens", "objectRequests") };
}

function simulatedOf({ tally: { kvReads, calls } }: SimulatedIsolate): Asked {
  const { headPointer = 0, headPointersAt = 0, addCounts = 0, sync = 0 } = calls;
  return { kvReads, registry: headPointer + headPointersAt + addCounts, tokens: sync };
}

function difference(after: Asked, before: Asked): Asked {
  const of = (name: keyof Asked) => after[name] - before[name];
  return { kvReads: of("kvReads"), registry: of("registry"), tokens: of("tokens") };
}
