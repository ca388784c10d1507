import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TfjsModelFiles } from "#origin/import/files.ts";
import type { Inspection } from "#origin/import/inspect.ts";
import { byTensor, randomInputs } from "#origin/import/random-inputs.ts";
import { median } from "../local/median.ts";
import { freePort } from "../local/ports.ts";
import { bundle, startWorkerd } from "../local/workerd.ts";
import type { HeapSize, RunOrder } from "./worker.ts";

/** The cost of a model in workerd. */
export interface Cost {
  /** Median time of one instance, ms, without the request's overhead. */
  ms: number;
  /** The WASM heap afterwards, bytes. */
  heap: number;
}

const rounds = 5;
const enoughMs = 300;
const mostTimes = 200;

/** Runs models in workerd as the edge does, each in a separate process, since the WASM heap never shrinks. */
export class Probe {
  private readonly bundled: string;
  private readonly state: string;

  private constructor(bundled: string, state: string) {
    this.bundled = bundled;
    this.state = state;
  }

  static async start(): Promise<Probe> {
    const bundled = await bundle("scripts/probe/probe.toml");
    return new Probe(bundled, await mkdtemp(join(tmpdir(), "upriver-probe-")));
  }

  /** Loads a model, runs it on random inputs and measures its cost. Throws when workerd cannot run it. */
  async cost(files: TfjsModelFiles, inspection: Inspection): Promise<Cost> {
    const port = await freePort();
    const { stop } = await startWorkerd({ bundled: this.bundled, state: this.state, port });
    try {
      return await costAt(`http://127.0.0.1:${port}`, files, inspection);
    } finally {
      await stop();
    }
  }

  stop(): Promise<void> {
    return rm(this.state, { recursive: true, force: true });
  }
}

async function costAt(
  url: string,
  { kind, modelJson, values }: TfjsModelFiles,
  { inputs, outputs }: Inspection,
): Promise<Cost> {
  const form = new FormData();
  form.set("kind", kind);
  form.set("topology", new Blob([JSON.stringify(modelJson)]));
  form.set("values", new Blob([values]));
  await post(`${url}/load`, form);
  const given = Object.entries(byTensor(inputs, randomInputs(inputs, 1))).map(([name, { shape, values }]) => {
    return [name, { shape, values: Array.from(values), integer: values instanceof Int32Array }];
  });
  const order = { inputs: Object.fromEntries(given), tensors: outputs.map(({ tensor }) => tensor) };
  const run = (times: number) => timed(`${url}/run`, { ...order, times });
  await run(1);
  const first = await run(2);
  const times = Math.max(1, Math.min(mostTimes, Math.ceil((2 * enoughMs) / first.ms)));
  const taken: number[] = [];
  let heap = 0;
  for (let i = 0; i < rounds; i++) {
    const empty = await run(0);
    const full = await run(times);
    taken.push(Math.max(0, full.ms - empty.ms) / times);
    heap = full.heap;
  }
  return { ms: median(taken), heap };
}

async function timed(url: string, order: RunOrder): Promise<{ ms: number; heap: number }> {
  const startedAt = performance.now();
  const { heap } = await post(url, JSON.stringify(order));
  return { ms: performance.now() - startedAt, heap };
}

async function post(url: string, body: BodyInit): Promise<HeapSize> {
  const response = await fetch(url, { method: "POST", body });
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as HeapSize;
  throw new Error(`workerd cannot run this model: ${text.slice(0, 500)}`);
}
