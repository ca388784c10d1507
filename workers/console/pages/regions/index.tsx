import { useState } from "preact/hooks";
import type { RegionState, UpriverClient } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { linkTo } from "#console/route.ts";
import { count } from "#core/format.ts";
import { HeadComparisonChart } from "./comparison-chart.tsx";
import { RegionPage } from "./region.tsx";
import { RegionTable } from "./table.tsx";

const everyMs = 5_000;

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
  const states = usePolled(`regions ${model}`, () => client.regions(model), everyMs);
  const runs = usePolled(`runs ${model}`, () => client.allRuns(model), everyMs * 6);
  const [filter, setFilter] = useState("");
  const isShown = ({ region }: { region: string }) => region.toLowerCase().includes(filter.toLowerCase());
  return (
    <Loaded of={states}>
      {(all) =>
        all.length === 0 ? (
          <Empty title="No region has stored a question yet.">
            <p>A region appears with its first escalated question or its first label.</p>
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
              Accuracy of both heads on questions that neither was trained on, by retrain. Each region has its own
              scale, shown below its chart.
            </p>
            <div class="multiples">
              {all.filter(isShown).map(({ region }) => (
                <a key={region} href={linkTo("regions", model, region)}>
                  <HeadComparisonChart
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
  const withStatus = (status: string) => regions.filter(({ certificate }) => certificate?.status === status).length;
  const facts: [string, number][] = [
    ["Regions", regions.length],
    ["Own head", regions.filter(({ head }) => head !== null).length],
    ["Certificate valid", withStatus("valid")],
    ["Pending", withStatus("pending")],
    ["Void", withStatus("void")],
    ["Input drift", regions.filter(({ drift }) => drift?.alarm).length],
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
