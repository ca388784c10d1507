import { useState } from "preact/hooks";
import type { RegionState, UpriverClient } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { linkTo } from "#console/route.ts";
import { count } from "#core/format.ts";
import { RegionPage } from "./region.tsx";
import { StandingChart } from "./standing-chart.tsx";
import { RegionTable } from "./table.tsx";

const everyMs = 5_000;

/** What the regions of a model learn; of one region, all of it. */
export function RegionsPage({ session, place }: PageProps) {
  const [, model, region] = place.path;
  if (model !== undefined && region !== undefined) {
    return <RegionPage key={region} session={session} model={model} region={region} />;
  }
  return (
    <ModelChoice client={session.client} place={place} title="Regions" titleOf={(model) => `Regions of ${model}`}>
      {({ model }) => <Regions key={model} client={session.client} model={model} />}
    </ModelChoice>
  );
}

function Regions({ client, model }: { client: UpriverClient; model: string }) {
  const states = usePolled(`regions ${model}`, () => client.regions(model), everyMs);
  const runs = usePolled(`runs ${model}`, () => client.allRuns(model), everyMs * 6);
  const [filter, setFilter] = useState("");
  const isShown = ({ region }: { region: string }) => region.toLowerCase().includes(filter.toLowerCase());
  return (
    <Loaded of={states}>
      {(all) =>
        all.length === 0 ? (
          <Empty title="No region has been asked anything that it keeps yet.">
            <p>A region appears with its first question that escalates, or its first label.</p>
          </Empty>
        ) : (
          <>
            <Summary regions={all} />
            <label class="filter">
              Find a region
              <input type="search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
            </label>
            <RegionTable model={model} regions={all.filter(isShown)} />
            <h2>Regional against global head</h2>
            <p class="muted">
              The share that each answers rightly of questions that neither learned from, by run; every region on its
              own scale, whose ends stand below it.
            </p>
            <div class="multiples">
              {all.filter(isShown).map(({ region }) => (
                <a key={region} href={linkTo("regions", model, region)}>
                  <StandingChart
                    title={region}
                    runs={runs.value?.filter((run) => run.region === region) ?? []}
                    isSmall
                  />
                </a>
              ))}
            </div>
          </>
        )
      }
    </Loaded>
  );
}

function Summary({ regions }: { regions: RegionState[] }) {
  const having = (status: string) => regions.filter(({ certificate }) => certificate?.status === status).length;
  const facts: [string, number][] = [
    ["Regions", regions.length],
    ["Own head", regions.filter(({ head }) => head !== null).length],
    ["Certificate held", having("valid")],
    ["Too few labels", having("pending")],
    ["Void", having("void")],
    ["Drifting", regions.filter(({ drift }) => drift?.alarm).length],
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
