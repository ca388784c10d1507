import type { Command } from "commander";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { numberListParser, numberParser } from "../local/usage.ts";
import { askOnce, type Compared, compare } from "./asking/load.ts";
import { publishBench, type Servers, startServers } from "./asking/servers.ts";
import { batchRows, benchModels, targetsOf } from "./asking/targets.ts";
import { benchArtefact, benchTensors } from "./model.ts";

interface Options {
  seconds: number;
  rounds: number;
  starts: number;
  connections: number[];
  json?: boolean;
}

/** What the bench measures; each is beside the bare worker, but the binary tensors, which are beside JSON. */
interface Measured {
  ask: Compared[];
  keep: Compared;
  batch: Compared;
  /** Of a model of tensors, and of a classifier with one tensor as input. */
  binary: { network: Compared; classifier: Compared };
  firstMs: { edge: number; bare: number };
}

const keepConnections = 32;
const batchConnections = 4;

/** `bench edge`: measures questions answered at the edge beside a bare worker that runs the same tensors. */
export function edgeBench(program: Command): void {
  const whole = { atLeast: 1, isWhole: true };
  program
    .command("edge")
    .description("measure what the edge answers and its CPU time, beside a bare worker on the same workerd")
    .option("--seconds <n>", "duration of each load", numberParser("--seconds", { above: 0 }), 4)
    .option("--rounds <n>", "rounds of both; medians are printed", numberParser("--rounds", whole), 3)
    .option("--starts <n>", "fresh isolates whose first answer is timed", numberParser("--starts", whole), 7)
    .option(
      "--connections <list>",
      "connections of the loads with single questions",
      numberListParser("--connections", whole),
      [1, 8, 32, 128],
    )
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ starts, connections, json, ...loads }: Options): Promise<void> {
  const servers = await startServers();
  try {
    await publishModels(servers);
    const { bare, ask, keep, batch, network, classifier } = targetsOf(servers);
    const binary = (name: string, { binary: own, json: other }: typeof network) =>
      compare(name, { own, other }, { ...loads, connections: batchConnections });
    const measured: Measured = {
      ask: [],
      keep: await compare("keep: all", { own: keep, other: bare }, { ...loads, connections: keepConnections }),
      batch: await compare("batches", { own: batch, other: bare }, { ...loads, connections: batchConnections }),
      binary: {
        network: await binary("tensors", network),
        classifier: await binary("tensors of a classifier", classifier),
      },
      firstMs: await firstAnswers(servers, starts),
    };
    for (const number of connections) {
      measured.ask.push(await compare("ask", { own: ask, other: bare }, { ...loads, connections: number }));
    }
    printResult(json, measured, () => describe(measured));
  } finally {
    await servers.stop();
  }
}

async function publishModels({ edge: { credentials } }: Servers): Promise<void> {
  const { asked, kept, tensor, network } = benchModels;
  await publishBench(credentials, await benchArtefact({ model: asked }));
  await publishBench(credentials, await benchArtefact({ model: kept, keep: "all" }));
  await publishBench(credentials, await benchArtefact({ model: tensor, input: "tensor" }));
  await publishBench(credentials, await benchTensors(network));
}

async function firstAnswers(servers: Servers, starts: number): Promise<Measured["firstMs"]> {
  const { ask, bare } = targetsOf(servers);
  const firstMs = { edge: [] as number[], bare: [] as number[] };
  for (let i = 0; i < starts; i++) {
    await servers.edge.restart();
    firstMs.edge.push(await askOnce(ask));
    await servers.bare.restart();
    firstMs.bare.push(await askOnce(bare));
  }
  return { edge: median(firstMs.edge), bare: median(firstMs.bare) };
}

function describe({ ask, keep, batch, binary, firstMs }: Measured): string {
  const row = (name: string, { connections, own, other, ratio, cpuRatio }: Compared) => [
    ...[name, connections, own.perSecond, other.perSecond, ratio.toFixed(2)],
    ...[own.cpuMs.toFixed(3), other.cpuMs.toFixed(3), cpuRatio.toFixed(2)],
    ...[`${ms(own.p50Ms)} / ${ms(own.p99Ms)}`, `${ms(other.p50Ms)} / ${ms(other.p99Ms)}`],
  ];
  const columns = ["ratio", "CPU ms", "beside", "ratio", "p50 / p99 ms", "beside"];
  return [
    formatTable([
      ["questions", "connections", "/s", "beside bare /s", ...columns],
      ...ask.map((one) => row("one", one)),
      row("one, kept", keep),
      row(`${batchRows}`, batch),
    ]),
    formatTable([
      ["tensors", "connections", "binary /s", "beside JSON /s", ...columns],
      row(`${batchRows} rows, a model of tensors`, binary.network),
      row(`${batchRows} rows, a classifier`, binary.classifier),
    ]),
    `First question to a new isolate: ${firstMs.edge.toFixed(0)} ms (bare ${firstMs.bare.toFixed(0)} ms)`,
  ].join("\n\n");
}

// autocannon reports whole milliseconds.
function ms(whole: number): string {
  return whole < 1 ? "<1" : String(whole);
}
