import { describe, expect, it } from "vitest";
import { jobsTable } from "#objects/jobs.ts";
import { questionsTable } from "#objects/region/tables/questions.ts";
import { runsTable } from "#objects/region/tables/runs.ts";
import { samplesTable } from "#objects/region/tables/samples.ts";
import { trialsTable, windowsTable } from "#objects/region/tables/windows.ts";
import { TestRegion } from "../helpers/region.ts";

const region = new TestRegion("tables");

describe("a table of a region", () => {
  it.each([jobsTable, questionsTable, runsTable, samplesTable, trialsTable, windowsTable])(
    "declares the columns that the migrations create: $name",
    async ({ name, columns }) => {
      const created = await region.rows(`SELECT name FROM pragma_table_info('${name}') ORDER BY name`);
      expect(Object.keys(columns).sort()).toEqual(created.map((column) => column.name));
    },
  );
});
