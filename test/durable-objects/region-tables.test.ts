import { describe, expect, it } from "vitest";
import { jobsTable } from "#objects/jobs.ts";
import { semanticCacheTable } from "#objects/region/answering/semantic-cache.ts";
import { driftsTable } from "#objects/region/retrain/drift.ts";
import { archivedTable, archivesTable } from "#objects/region/tables/archives.ts";
import { answersTable, canariesTable } from "#objects/region/tables/canary-answers.ts";
import { canaryHeadsTable } from "#objects/region/tables/canary-heads.ts";
import { contributionSumsTable, contributionsTable } from "#objects/region/tables/contributions.ts";
import { countsTable } from "#objects/region/tables/counts.ts";
import { embeddingsTable } from "#objects/region/tables/embeddings.ts";
import { epochTable } from "#objects/region/tables/epoch.ts";
import { escalationsTable } from "#objects/region/tables/escalations.ts";
import { groupKeysTable } from "#objects/region/tables/group-keys.ts";
import { groupWindowsTable } from "#objects/region/tables/group-windows.ts";
import { headBlobsTable } from "#objects/region/tables/head-blobs.ts";
import { headsTable } from "#objects/region/tables/heads.ts";
import { questionsTable } from "#objects/region/tables/questions.ts";
import { runStateTable, runsTable } from "#objects/region/tables/runs.ts";
import { samplesTable, tombstonesTable } from "#objects/region/tables/samples.ts";
import { sumsTable } from "#objects/region/tables/sums.ts";
import { thresholdsTable } from "#objects/region/tables/thresholds.ts";
import { trialsTable } from "#objects/region/tables/trials.ts";
import { untrustedLabelsTable } from "#objects/region/tables/untrusted-labels.ts";
import { windowsTable } from "#objects/region/tables/windows.ts";
import { TestRegion } from "../helpers/region.ts";

const region = new TestRegion("tables");

const tables = [
  ...[jobsTable, questionsTable, samplesTable, tombstonesTable, embeddingsTable, headsTable, archivesTable],
  ...[archivedTable, trialsTable, windowsTable, thresholdsTable, runsTable, runStateTable, canariesTable, answersTable],
  ...[driftsTable, countsTable, sumsTable, semanticCacheTable, groupKeysTable, groupWindowsTable, escalationsTable],
  ...[canaryHeadsTable, untrustedLabelsTable, epochTable, headBlobsTable, contributionsTable, contributionSumsTable],
];

describe("a table of a region", () => {
  it.each(tables)("declares the columns that the migrations create: $name", async ({ name, columns }) => {
    const created = await region.rows(`SELECT name FROM pragma_table_info('${name}') ORDER BY name`);
    expect(Object.keys(columns).sort()).toEqual(created.map((column) => column.name));
  });
});
