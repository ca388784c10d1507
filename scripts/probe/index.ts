import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tensor } from "#core/model/engine.ts";
import type { ReferenceRow } from "#origin/import/check/index.ts";
import { byTensor } from "#origin/import/check/random-inputs.ts";
import type { TfjsModelFiles } from "#origin/import/files.ts";
import type { Inspection } from "#origin/import/inspect.ts";
import { median } from "../local/median.ts";
import { freePort } from "../local/ports.ts";
import { bundle, startWorkerd } from "../local/workerd.ts";
import type { Answers, HeapSize, RunOrder } from "./worker.ts";

/** The cost of a model in workerd. */
export interface Cost {
  /** Median time of one instance, ms, without the request's overhead. */
  ms: number;
  /** The WASM heap afterwards, bytes. */
  heap: number;
}

/** What a model costs in workerd, and its outputs for each row. */
export interface CostAndAnswers extends Cost {
  answers: Tensor[][];
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

  /** Loads a model, measures its cost, and returns its answers to rows. Throws when workerd cannot run it. */
  async cost(files: TfjsModelFiles, inspection: Inspection, rows: readonly ReferenceRow[]): Promise<CostAndAnswers> {
    const port = await freePort();
    const { stop } = await startWorkerd({ bundled: this.bundled, state: this.state, port });
    try {
      return await costAt(`http://127.0.0.1:${port}`, files, inspection, rows);
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
  rows: readonly ReferenceRow[],
): Promise<CostAndAnswers> {
  const form = new FormData();
  form.set("kind", kind);
  form.set("topology", new Blob([JSON.stringify(modelJson)]));
  form.set("values", new Blob([values]));
  await post<HeapSize>(`${url}/load`, form);
  const tensors = outputs.map(({ tensor }) => tensor);
  const answers: Tensor[][] = [];
  for (const row of rows) {
    const body = JSON.stringify({ inputs: sent(byTensor(inputs, row.inputs)), tensors });
    const { outputs } = await post<Answers>(`${url}/answer`, body);
    answers.push(outputs.map(({ shape, values }) => ({ shape, values: Float32Array.from(values, Number) })));
  }
  const order = { inputs: sent(byTensor(inputs, (rows[0] as ReferenceRow).inputs)), tensors };
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
  return { ms: median(taken), heap, answers };
}

function sent(inputs: Record<string, Tensor>): RunOrder["inputs"] {
  const given = Object.entries(inputs).map(([name, { shape, values }]) => {
    return [name, { shape, values: Array.from(values), integer: values instanceof Int32Array }];
  });
  return Object.fromEntries(given);
}

async function timed(url: string, order: RunOrder): Promise<{ ms: number; heap: number }> {
  const startedAt = performance.now();
  const { heap } = await post<HeapSize>(url, JSON.stringify(order));
  return { ms: performance.now() - startedAt, heap };
}

async function post<T>(url: string, body: BodyInit): Promise<T> {
  const response = await fetch(url, { method: "POST", body });
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw new Error(`workerd cannot run this model: ${text.slice(0, 500)}`);
}
