import { operations } from "#core/cost/index.ts";
import { freeCpuMsPerRequest, prices } from "#core/cost/prices.ts";
import { count, percent } from "#core/format.ts";
import { regionSolveBytes, solveMaxBytes } from "#core/head/widest.ts";
import { chosenThin, type RungHost, rungHostOf } from "#core/rung-kind.ts";
import type { Host, NetworkCost, PlanFacts, PlannedNetwork } from "./facts.ts";

export const verdicts = ["fits", "tight", "does not fit"] as const;
export type Verdict = (typeof verdicts)[number];

/** One consideration: what is needed of what there is, in words with the numbers. */
export interface Consideration {
  verdict: Verdict;
  text: string;
}

/** What a rung would have to run, whether it can, and why. */
export interface PlannedRung {
  rung: string;
  /** Null where nothing could be considered; the reasons say what is missing. */
  verdict: Verdict | null;
  network: PlannedNetwork | null;
  reasons: Consideration[];
  /** What is not known. */
  open: string[];
}

/** From this share of a limit on it is tight. */
const tightShare = 0.6;
const mb = 1024 * 1024;
const dayMs = 86_400_000;
/** CPU of an ask at the edge, with a network so small that it takes a hundredth of it. */
const askMs = operations.edge.workerCpuMs;
/** What an origin's process takes besides data and networks, and copies of full's weights in training (gradients, moments). */
const origin = { bytes: 600 * mb, copies: 10, rowCopies: 2 };
/** Memory of a node besides networks: workerd, the Worker and its objects. Each network is there twice, at the edge and in a region. */
const node = { bytes: 250 * mb, copies: 2 };
/** What a page loads in three seconds at 10 Mbit/s. */
const device = { bytes: 3.75e6 };
/** Cloudflare's limits, by plan. */
const plans = {
  free: { cpuMs: freeCpuMsPerRequest, requestsPerDay: prices.workerRequests.freePerDay, objectBytes: 1024 * mb },
  paid: { cpuMs: 30_000, requestsPerDay: null, objectBytes: 10 * 1024 * mb },
} as const;

/** Considers each rung that a recipe's model would run on, from the device up. */
export function considerRungs(facts: PlanFacts): PlannedRung[] {
  const nodes = facts.nodes.map(({ id, host }) => nodeRung(facts, `node ${id}`, host));
  return [
    deviceRung(facts),
    ...(nodes.length > 0 ? nodes : [nodeRung(facts, "node", null)]),
    ...(["free", "paid"] as const).flatMap((plan) => [edgeRung(facts, plan), regionRung(facts, plan)]),
    originRung(facts),
  ];
}

function edgeRung(facts: PlanFacts, plan: keyof typeof plans): PlannedRung {
  const host = rungHostOf({});
  const { network, cost } = thinFor(facts, host);
  const { cpuMs, requestsPerDay } = plans[plan];
  const { questionsPerDay } = facts.operations;
  return rungOf(`edge (Workers ${plan})`, network, [
    memoryOf(cost, host, "an isolate has 128 MB, of which the rest is for the runtime and requests"),
    cost.ms === null
      ? "CPU of an answer: there is no example to measure by"
      : judged(
          cost.ms + askMs,
          cpuMs,
          (need, limit) => `CPU of an answer: ${ms(need)} of ${ms(limit)} (measured here)`,
        ),
    questionsPerDay === null
      ? "questions a day: unknown, since no running ladder has answered a question yet"
      : requestsPerDay === null
        ? {
            verdict: "fits",
            text: `${count(Math.round(questionsPerDay))} questions a day; the plan has no daily limit`,
          }
        : judged(
            questionsPerDay,
            requestsPerDay,
            (need, limit) => `${whole(need)} questions a day of ${whole(limit)} requests`,
          ),
  ]);
}

function regionRung(facts: PlanFacts, plan: keyof typeof plans): PlannedRung {
  const { network, cost } = thinFor(facts, rungHostOf({}));
  const { samplesMax, samples, instanceBytes, regions } = facts.data;
  const sampleBytes = instanceBytes + 2 * cost.width + 200;
  const kept = samples === null ? "" : `; ${count(samples)} are kept now, in ${count(regions)} regions`;
  const { questionsPerDay, escalatedShare } = facts.operations;
  const { requestsPerDay, objectBytes } = plans[plan];
  const escalated = questionsPerDay === null || escalatedShare === null ? null : questionsPerDay * escalatedShare;
  return rungOf(`region (Workers ${plan})`, network, [
    judged(regionSolveBytes(cost.width, facts.labels), solveMaxBytes, (need, limit) => {
      return `a head of ${cost.width} values and ${facts.labels} labels is solved in ${size(need)} of ${size(limit)}`;
    }),
    judged(samplesMax * sampleBytes, objectBytes, (need, limit) => {
      return `${count(samplesMax)} samples take ${size(need)} of an object's ${size(limit)}${kept}`;
    }),
    escalated === null
      ? "escalated questions a day: unknown, since no running ladder has answered a question yet"
      : requestsPerDay === null
        ? { verdict: "fits", text: `${whole(escalated)} escalated questions a day; the plan has no daily limit` }
        : judged(
            escalated,
            requestsPerDay,
            (need, limit) => `${whole(need)} escalated questions a day of ${whole(limit)} requests`,
          ),
  ]);
}

function nodeRung(facts: PlanFacts, name: string, host: Host | null): PlannedRung {
  const { network, cost } = thinFor(facts, rungHostOf({ RUNG_KIND: "node" }));
  const need = node.bytes + node.copies * cost.memoryBytes;
  if (!host) {
    const none =
      facts.ladder === null
        ? "no node is enrolled: 'npx upriver node invite <id>'"
        : "whether a node is enrolled is unknown, since the ladder was not reached";
    const open = name === "node" ? none : "it has not said what machine it is";
    return rungOf(name, network, [`${open}; it needs ${size(need)} of memory`]);
  }
  const { cores, arch, memoryBytes } = host;
  const { questionsPerDay } = facts.operations;
  return rungOf(name, network, [
    judged(need, memoryBytes, (of, limit) => {
      return `memory: ${size(of)} of ${size(limit)}, ${size(node.copies * cost.memoryBytes)} of it for the network`;
    }),
    questionsPerDay === null || cost.ms === null
      ? `CPU: ${cores} cores (${arch}); neither questions a day nor an example to measure by are known`
      : judged((questionsPerDay * (cost.ms + askMs)) / dayMs, cores, (busy, limit) => {
          return `CPU: ${percent(busy / limit)} of ${limit} cores (${arch}), if all ${whole(questionsPerDay)} questions a day came here`;
        }),
  ]);
}

function deviceRung(facts: PlanFacts): PlannedRung {
  const { network, cost } = thinFor(facts, rungHostOf({ RUNG_KIND: "device" }));
  const own = facts.deviceBytes;
  const limitText =
    own === null ? "which a page loads in three seconds at 10 Mbit/s" : "the recipe's networks.device.bytes";
  return rungOf("device", network, [
    judged(cost.bytes, own ?? device.bytes, (need, limit) => `${size(need)} to load of ${size(limit)}, ${limitText}`, {
      // A budget is there to be used.
      tightFrom: own === null ? 1 / 3 : 1,
    }),
  ]);
}

function originRung({ here, data, networks, operations }: PlanFacts): PlannedRung {
  const full = networks.full ?? (networks.thin as NetworkCost);
  const rowBytes = 4 * (full.inputs ?? 0);
  const { trainingSeconds, questionsPerDay, escalatedShare } = operations;
  const need = origin.bytes + origin.rowCopies * data.rows * rowBytes + origin.copies * full.memoryBytes;
  const took =
    trainingSeconds === null
      ? []
      : [{ verdict: "fits" as const, text: `the last training took ${whole(trainingSeconds)} s` }];
  const busy =
    questionsPerDay === null || escalatedShare === null || full.ms === null
      ? null
      : (questionsPerDay * escalatedShare * full.ms) / dayMs;
  return rungOf("origin (this machine)", networks.full ? "full" : "thin", [
    judged(need, here.memoryBytes, (of, limit) => {
      return `memory to train on ${count(data.rows)} rows of ${full.inputs ?? "?"} values: about ${size(of)} of ${size(limit)}`;
    }),
    ...(busy === null
      ? ["escalated questions a day: unknown, since no running ladder has answered a question yet"]
      : [
          judged(
            busy,
            here.cores,
            (of, limit) => `CPU: ${percent(of / limit)} of ${limit} cores for what is escalated`,
          ),
        ]),
    ...took,
  ]);
}

/** The thin network that a rung would run. */
function thinFor({ thins, networks }: PlanFacts, host: RungHost): { network: PlannedNetwork; cost: NetworkCost } {
  const network = chosenThin(thins, host) ?? "thin";
  return { network, cost: networks[network] as NetworkCost };
}

function memoryOf(cost: NetworkCost, host: RungHost, why: string): Consideration {
  return judged(
    cost.memoryBytes,
    host.memoryBytes,
    (need, limit) => `weights: ${size(need)} of ${size(limit)}; ${why}`,
  );
}

function judged(
  need: number,
  limit: number,
  text: (need: number, limit: number) => string,
  { tightFrom = tightShare } = {},
): Consideration {
  const verdict = need > limit ? "does not fit" : need > tightFrom * limit ? "tight" : "fits";
  return { verdict, text: text(need, limit) };
}

/** Sorts considerations, the worst first; what is a text alone is not known. */
function rungOf(rung: string, network: PlannedNetwork, all: readonly (Consideration | string)[]): PlannedRung {
  const reasons = all
    .filter((one) => typeof one !== "string")
    .sort((a, b) => verdicts.indexOf(b.verdict) - verdicts.indexOf(a.verdict));
  const open = all.filter((one) => typeof one === "string");
  return { rung, verdict: reasons[0]?.verdict ?? null, network, reasons, open };
}

function size(bytes: number): string {
  if (bytes < 10_240) return `${whole(bytes)} bytes`;
  if (bytes < mb) return `${(bytes / 1024).toFixed(1)} KB`;
  return bytes < 1024 * mb ? `${(bytes / mb).toFixed(1)} MB` : `${(bytes / 1024 / mb).toFixed(1)} GB`;
}

function ms(value: number): string {
  return value < 1_000 ? `${value.toFixed(2)} ms` : `${value / 1_000} s`;
}

function whole(value: number): string {
  return count(Math.round(value));
}
