import type { RegionState } from "#client/index.ts";
import { CertificateBadge } from "#console/parts/certificate.tsx";
import { needs } from "#console/parts/needs.ts";
import { RunBadge, RunState } from "#console/parts/run-state.tsx";
import { Badge, Empty } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { linkTo } from "#console/route.ts";
import { count, day, percent } from "#core/format.ts";
import { needsOf } from "#core/region-need.ts";

const columns = columnsOf("Region", "Needs", "Head", "#Labels", "#Open", "#Coverage", "Certificate", "Last retrain");

/** A table of regions. */
export function RegionTable({ model, regions }: { model: string; regions: RegionState[] }) {
  if (regions.length === 0) return <Empty title="No region matches the filter." />;
  return (
    <DataTable caption={`The regions of ${model}`} columns={columns}>
      {regions.map((state) => (
        <Row key={state.region} model={model} state={state} />
      ))}
    </DataTable>
  );
}

function Row({ model, state }: { model: string; state: RegionState }) {
  const { region, base, head, samples, archived, questions, certificate, lastRun } = state;
  return (
    <tr>
      <th scope="row">
        <a href={linkTo("regions", model, region)}>{region}</a>
      </th>
      <td data-label="Needs">
        {needsOf(state).map((need) => (
          <Badge key={need} kind={needs[need].kind}>
            {needs[need].title.toLowerCase()}
          </Badge>
        ))}
      </td>
      <td data-label="Head" class="whole">
        {head === null ? `${base}, global` : `${base}+${head}`}
      </td>
      <td class="number" data-label="Labels">
        {count(samples.train + samples.validation + samples.calibration + archived)}
      </td>
      <td class="number" data-label="Open">
        {count(questions.open)}
      </td>
      <td class="number" data-label="Coverage">
        {percent(certificate?.coverage)}
      </td>
      <td data-label="Certificate">
        <CertificateBadge certificate={certificate} />
      </td>
      <td data-label="Last retrain">
        {lastRun === null ? (
          <span class="muted">none yet</span>
        ) : lastRun.status === "failed" || lastRun.status === "held" ? (
          <RunState run={lastRun} />
        ) : (
          <>
            <RunBadge run={lastRun} /> <small class="whole">data up to {day(lastRun.at)}</small>
          </>
        )}
      </td>
    </tr>
  );
}
