import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { UpriverClient } from "#client/index.ts";
import type { Answer } from "#core/contract/index.ts";
import { count, percent } from "#core/format.ts";
import { scoresOf } from "#core/head/head.ts";
import { encode } from "#core/input/index.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { publish } from "#origin/publish.ts";
import type { Row } from "#origin/recipes/index.ts";
import type { Artefact } from "#origin/train/index.ts";
import { bytesOf } from "#origin/train/pack.ts";
import { readFrom } from "#origin/train/score.ts";
import { loadArtefact } from "#origin/train/store.ts";
import { artefactFolder } from "../local/context.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { recipeFor } from "../local/recipe.ts";
import { makeSecrets } from "../local/secrets.ts";
import { bundle, settingsOf, startWorkerd } from "../local/workerd.ts";

const timedRounds = 5;
const usPerMs = 1_000;

/** `bench text`: measures thin of a trained model on rows, alone and at an edge on workerd. */
export function textBench(program: Command): void {
  program
    .command("text")
    .description(
      "measure thin of a trained model: microseconds of CPU a question, and its answers at an edge on workerd",
    )
    .argument("<recipe>", "the recipe of the model that 'upriver train' trained")
    .argument("<rows>", "rows with labels that it was not trained on")
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run(name: string, file: string, { json }: { json?: boolean }): Promise<void> {
  const recipe = await recipeFor(name);
  const artefact = await loadArtefact(artefactFolder(recipe.name));
  const rows = await recipe.load({ file });
  const alone = await timeAlone(artefact, rows);
  const result = {
    rows: rows.length,
    bytes: bytesOf(artefact.draft.thin),
    ...alone,
    ...(await askEdge(artefact, rows)),
  };
  const { bytes, encodeUs, totalUs, accuracy, accepted, wrongOfAccepted, edgeUs } = result;
  printResult(json, result, () =>
    formatTable([
      ["rows", count(rows.length)],
      ["thin", `${(bytes / 1_000).toFixed(0)} kB`],
      ["alone", `${totalUs.toFixed(1)} µs of CPU a question, ${encodeUs.toFixed(1)} of them to encode it`],
      [
        "workerd",
        `${percent(accuracy)} right, ${percent(accepted)} accepted, ${percent(wrongOfAccepted)} of these wrong`,
      ],
      ["", `${edgeUs.toFixed(0)} µs a question in batches, with HTTP and JSON`],
    ]),
  );
}

/** Measures CPU time in the median round over all rows, one question at a time: encoded, embedded, scored. */
async function timeAlone({ draft: { thin }, blobs }: Artefact, rows: readonly Row[]) {
  const { backbone, head } = await loadNetwork(servingEngine, thin, readFrom(blobs));
  const encoded = ({ instance, region }: Row) => {
    const row = encode(thin.input, instance, { region });
    if (!row.ok) throw new Error(`A row does not match the input: it must be ${row.error[0]?.expected}.`);
    return row.value;
  };
  const usOf = (work: (row: Row) => void) => {
    const before = process.cpuUsage();
    for (const row of rows) work(row);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / rows.length;
  };
  const rounds = Array.from({ length: timedRounds }, () => ({
    encodeUs: usOf(encoded),
    totalUs: usOf((row) => scoresOf(head, backbone.embed(encoded(row), 1), 0)),
  }));
  backbone.release();
  return rounds.sort((a, b) => a.totalUs - b.totalUs)[Math.floor(timedRounds / 2)] as (typeof rounds)[number];
}

/** Publishes the model to an edge without other rungs, and asks it all rows. */
async function askEdge({ draft, blobs }: Artefact, rows: readonly Row[]) {
  const folder = await mkdtemp(join(tmpdir(), "upriver-bench-"));
  const port = await freePort();
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${port}`, origin: "" });
  const bundled = await bundle("wrangler.toml");
  const bindings = { ...(await settingsOf(bundled)), ...vars };
  const worker = await startWorkerd({ bundled, state: join(folder, "edge"), port, bindings });
  try {
    const clientOf = (token: string) => new UpriverClient({ url: credentials.edge, token });
    const publisher = clientOf(credentials.tokens.publish);
    const policy = { ...draft.policy, ladder: ["edge" as const], keep: "none" as const };
    const { version } = await publish(publisher, { draft: { ...draft, policy }, blobs }, credentials.signingKey);
    await publisher.rollout(draft.model, { version });
    const asker = clientOf(credentials.tokens.ask);
    const instances = rows.map(({ instance }) => instance);
    await asker.askMany(draft.model, instances.slice(0, 100));
    const startedAt = performance.now();
    const answers = await asker.askMany(draft.model, instances);
    const edgeUs = (usPerMs * (performance.now() - startedAt)) / rows.length;
    const isRight = ({ label }: Answer, row: number) => label === rows[row]?.label;
    const accepted = answers.flatMap((answer, row) => (answer.accepted ? [isRight(answer, row)] : []));
    return {
      accuracy: answers.filter(isRight).length / rows.length,
      accepted: accepted.length / rows.length,
      wrongOfAccepted: accepted.filter((right) => !right).length / Math.max(1, accepted.length),
      edgeUs,
    };
  } finally {
    await worker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
