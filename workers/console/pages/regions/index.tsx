import { useState } from "preact/hooks";
import type { RegionState, RegionStates, UpriverClient } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { count } from "#core/format.ts";
import { HeadCharts } from "./head-charts.tsx";
import { RegionPage } from "./region.tsx";
import { RegionTable } from "./table.tsx";

const everyMs = 5_000;
/** Regions of a page: each has a row and a chart. */
const pageSize = 50;

/** The regions page: all regions of a model, or one of them. */
export function RegionsPage({ session, route }: PageProps) {
  const [, model, region] = route.path;
  if (model !== undefined && region !== undefined) {
    return <RegionPage key={region} session={session} model={model} region={region} />;
  }
  return (
    <ModelChoice client={session.client} route={route} title="Regions" titleOf={(model) => `Regions of ${model}`}>
      {({ model }) => <Regions key={model} client={session.client} model={model} />}
    </ModelChoice>
  );
}

function Regions({ client, model }: { client: UpriverClient; model: string }) {
  // The names after which the pages before this one and this one start.
  const [starts, setStarts] = useState<string[]>([]);
  const after = starts.at(-1);
  const page = { limit: pageSize, ...(after === undefined ? {} : { after }) };
  const states = usePolled(`regions ${model} ${after}`, () => loadPage(client, model, page), everyMs);
  const [filter, setFilter] = useState("");
  const isShown = ({ region }: { region: string }) => region.toLowerCase().includes(filter.toLowerCase());
  return (
    <Loaded of={states}>
      {({ regions: own, needy, next, sums }) =>
        own.length === 0 ? (
          <Empty title="No region has stored a question yet.">
            <p>A region appears with its first escalated question or its first label.</p>
          </Empty>
        ) : (
          <>
            <Summary sums={sums} />
            <Pages shown={own} next={next} starts={starts} onMove={setStarts} />
            <label class="filter">
              {next === null && after === undefined ? "Find a region" : "Find a region on this page"}
              <input type="search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
            </label>
            <RegionTable model={model} regions={needyFirst(needy, own).filter(isShown)} />
            <HeadCharts
              client={client}
              model={model}
              page={page}
              regions={own.filter(isShown).map(({ region }) => region)}
            />
          </>
        )
      }
    </Loaded>
  );
}

/** Loads a page of regions by name, and with the first one those of all pages that need attention. */
async function loadPage(
  client: UpriverClient,
  model: string,
  page: { limit: number; after?: string },
): Promise<RegionStates & { needy: readonly RegionState[] }> {
  const [found, needy] = await Promise.all([
    client.regionPage(model, page),
    page.after === undefined ? client.regionPage(model, { by: "need", limit: pageSize }) : null,
  ]);
  return { ...found, needy: needy?.regions ?? [] };
}

function needyFirst(needy: readonly RegionState[], own: readonly RegionState[]): RegionState[] {
  const names = new Set(needy.map(({ region }) => region));
  return [...needy, ...own.filter(({ region }) => !names.has(region))];
}

interface PagesProps {
  shown: readonly RegionState[];
  next: string | null;
  starts: readonly string[];
  onMove: (starts: string[]) => void;
}

/** The way to the pages before and after, where there are any. */
function Pages({ shown, next, starts, onMove }: PagesProps) {
  if (next === null && starts.length === 0) return null;
  return (
    <p>
      <button type="button" disabled={starts.length === 0} onClick={() => onMove(starts.slice(0, -1))}>
        Previous
      </button>{" "}
      {shown[0]?.region} to {shown.at(-1)?.region}{" "}
      <button type="button" disabled={next === null} onClick={() => next !== null && onMove([...starts, next])}>
        Next
      </button>
    </p>
  );
}

function Summary({ sums: { regions, heads, certificates, drift } }: { sums: RegionStates["sums"] }) {
  const facts: [string, number][] = [
    ["Regions", regions],
    ["Own head", heads],
    ["Certificate valid", certificates.valid],
    ["Pending", certificates.pending],
    ["Void", certificates.void],
    ["Input drift", drift],
  ];
  return (
    <dl class="figures">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{count(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
