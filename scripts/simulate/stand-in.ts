import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ServerType, serve } from "@hono/node-server";
import { argMax } from "#core/head/head.ts";
import type { Recipe, Row } from "#origin/recipes/index.ts";
import { encodeRows } from "#origin/train/dataset.ts";
import { trainFull } from "#origin/train/index.ts";
import { readFrom, scoreDataset } from "#origin/train/score.ts";
import { unitOf } from "#origin/train/splits.ts";
import { doubleApp } from "../local/decisions/app.ts";
import { root } from "../local/process.ts";

const folds = 5;

/**
 * Scores each row [labels] by a network that was trained on the other folds: it never saw the text that it answers, nor an
 * equal one. The scores are kept in a file, so that each run asks the same stand-in.
 */
export async function crossFittedScores(
  recipe: Recipe,
  rows: readonly Row[],
  onFold: (fold: number) => void,
): Promise<Float32Array[]> {
  const texts = rows.map(textOf);
  const path = join(
    root,
    "node_modules/.cache/upriver-stand-in",
    `${createHash("sha256")
      .update(JSON.stringify([recipe.full, texts]))
      .digest("hex")}.f32`,
  );
  const classes = recipe.labels.length;
  const all = existsSync(path)
    ? new Float32Array(new Uint8Array(await readFile(path)).buffer)
    : new Float32Array(rows.length * classes);
  const scored = rows.map((_, i) => all.subarray(i * classes, (i + 1) * classes));
  if (existsSync(path)) return scored;
  const foldOf = texts.map((text) => Math.floor(folds * unitOf("stand-in", text)));
  for (let fold = 0; fold < folds; fold++) {
    onFold(fold);
    const { spec, blobs } = await trainFull(
      recipe,
      rows.filter((_, i) => foldOf[i] !== fold),
      () => {},
    );
    const own = rows.flatMap((_, i) => (foldOf[i] === fold ? [i] : []));
    const data = encodeRows(
      recipe,
      spec.input,
      own.map((i) => rows[i] as Row),
    );
    const scores = await scoreDataset(spec, readFrom(blobs), data);
    for (const [n, i] of own.entries()) (scored[i] as Float32Array).set(scores[n] as Float64Array);
  }
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, new Uint8Array(all.buffer));
  return scored;
}

/** A decision model that answers from a list of scores. */
export interface StandIn {
  url: string;
  /** The share of rows on which it is right. */
  accuracy: number;
  stop: () => Promise<void>;
}

/** Serves scores of texts by the protocols of decision models, as the local decision server does: it says that it is a double. */
export async function serveStandIn(
  recipe: Recipe,
  rows: readonly Row[],
  scores: readonly Float32Array[],
): Promise<StandIn> {
  const known = new Map(rows.map((row, i) => [textOf(row), scores[i] as Float32Array]));
  const place = new Map(recipe.labels.map((label, i) => [label, i]));
  const app = doubleApp({
    distribution: (state, options) => {
      const own = known.get(String(state));
      return options.map(({ value }) => own?.[place.get(value) ?? -1] ?? 1 / options.length);
    },
    truthOf: () => 0.5,
  });
  const { server, port } = await new Promise<{ server: ServerType; port: number }>((resolve) => {
    const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, (address) =>
      resolve({ server, port: address.port }),
    );
  });
  const right = rows.filter(({ label }, i) => recipe.labels[argMax(scores[i] as Float32Array)] === label).length;
  return {
    url: `http://127.0.0.1:${port}`,
    accuracy: right / rows.length,
    stop: () =>
      new Promise((resolve) => {
        if ("closeAllConnections" in server) server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function textOf({ instance }: Row): string {
  return String((instance as Record<string, unknown>).text);
}
