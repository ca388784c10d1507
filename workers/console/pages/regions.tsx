import { useState } from "preact/hooks";
import type { ModelSummary, RegionRun, RegionState, UpriverClient } from "../../client/index.ts";
import { count, day, percent } from "../../core/format.ts";
import type { PageProps } from "../app.tsx";
import { useLive } from "../live.ts";
import { Chart } from "../parts/chart.tsx";
import { ModelChoice } from "../parts/model-choice.tsx";
import { Badge, Empty, Loaded } from "../parts/states.tsx";
import { linkTo } from "../route.ts";
import { RegionPage } from "./region.tsx";

const everyMs = 5_000;

/** What the regions of a model learn; of one region, all of it. */
export function RegionsPage({ session, place }: PageProps) {
  const [, asked, region] = place.path;
  const models = useLive("models", () => session.client.models(), null);
  return (
    <Loaded of={models}>
      {(all) => {
        const model = asked ?? all[0]?.model;
        if (model === undefined) return <Nothing />;
        if (region !== undefined) return <RegionPage key={region} session={session} model={model} region={region} />;
        return <Regions key={model} client={session.client} models={all} model={model} />;
      }}
    </Loaded>
  );
}

function Nothing() {
  return (
    <>
      <h1>Regions</h1>
      <Empty title="No model is published yet." />
    </>
  );
}

function Regions({ client, models, model }: { client: UpriverClient; models: ModelSummary[]; model: string }) {
  const states = useLive(`regions ${model}`, () => client.regions(model), everyMs);
  const runs = useLive(`runs ${model}`, () => client.allRuns(model), everyMs * 6);
  const [filter, setFilter] = useState("");
  const isShown = ({ region }: { region: string }) => region.toLowerCase().includes(filter.toLowerCase());
  return (
    <>
      <h1>Regions of {model}</h1>
      <ModelChoice page="regions" models={models.map((one) => one.model)} model={model} />
      <Loaded of={states}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="No region has been asked anything that it keeps yet.">
              <p>A region appears with its first question that climbs, or its first label.</p>
            </Empty>
          ) : (
            <>
              <Summary regions={all} />
              <label class="filter">
                Find a region
                <input type="search" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
              </label>
              <Table model={model} regions={all.filter(isShown)} />
              <h2>Regional against global head</h2>
              <p class="muted">The share that each answers rightly of questions that neither learned from, by run.</p>
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
    </>
  );
}

function Summary({ regions }: { regions: RegionState[] }) {
  const having = (status: string) => regions.filter(({ certificate }) => certificate?.status === status).length;
  const facts: [string, number][] = [
    ["Regions", regions.length],
    ["Own head", regions.filter(({ head }) => head !== null).length],
    ["Certificate held", having("held")],
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

function Table({ model, regions }: { model: string; regions: RegionState[] }) {
  if (regions.length === 0) return <Empty title="No region of that name." />;
  return (
    <div class="scroll">
      <table>
        <caption class="unseen">The regions of {model}</caption>
        <thead>
          <tr>
            <th scope="col">Region</th>
            <th scope="col">Head</th>
            <th scope="col" class="number">
              Labels
            </th>
            <th scope="col" class="number">
              Open
            </th>
            <th scope="col" class="number">
              Coverage
            </th>
            <th scope="col">Certificate</th>
            <th scope="col">Input</th>
            <th scope="col">Last run</th>
          </tr>
        </thead>
        <tbody>
          {regions.map((state) => (
            <Row key={state.region} model={model} state={state} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ model, state }: { model: string; state: RegionState }) {
  const { region, base, head, samples, archived, questions, certificate, drift, lastRun } = state;
  return (
    <tr>
      <th scope="row">
        <a href={linkTo("regions", model, region)}>{region}</a>
      </th>
      <td data-label="Head" class="whole">
        {head === null ? `${base}, global` : `${base}+${head}`}
      </td>
      <td class="number" data-label="Labels">
        {count(samples.train + samples.tune + samples.certify + archived)}
      </td>
      <td class="number" data-label="Open">
        {count(questions.open)}
      </td>
      <td class="number" data-label="Coverage">
        {percent(certificate?.coverage)}
      </td>
      <td data-label="Certificate">
        <Certificate certificate={certificate} />
      </td>
      <td data-label="Input">
        {drift?.alarm ? (
          <Badge kind="warn">drifts</Badge>
        ) : (
          <span class="muted">{drift ? "steady" : "not looked at"}</span>
        )}
      </td>
      <td data-label="Last run">{lastRun ? <RunState run={lastRun} /> : <span class="muted">none yet</span>}</td>
    </tr>
  );
}

/** Where a region's certificate stands. */
export function Certificate({ certificate }: Pick<RegionState, "certificate">) {
  if (!certificate) return <span class="muted">nothing asked yet</span>;
  const { status, bound, targetRisk, labelsNeeded } = certificate;
  switch (status) {
    case "held":
      return <Badge kind="good">held: at most {percent(bound)}</Badge>;
    case "void":
      return <Badge kind="bad">void: above {percent(targetRisk)}</Badge>;
    case "pending":
      return (
        <Badge kind="warn">{labelsNeeded === null ? "none at this error" : `${count(labelsNeeded)} more labels`}</Badge>
      );
  }
}

/** How a run ended, and why. */
export function RunState({ run: { status, reason } }: { run: RegionRun }) {
  const kinds = { promoted: "good", refused: "plain", skipped: "plain", running: "warn", failed: "bad" } as const;
  return (
    <>
      <Badge kind={kinds[status]}>{status}</Badge> <small class="reason">{reason}</small>
    </>
  );
}

/** How the region's head and the global one answered what neither learned from, run by run. */
export function StandingChart({
  title,
  runs,
  isSmall = false,
}: {
  title: string;
  runs: RegionRun[];
  isSmall?: boolean;
}) {
  const judged = runs.filter(({ report }) => report?.standing).toReversed();
  return (
    <Chart
      title={title}
      isSmall={isSmall}
      format={percent}
      steps={judged.map(({ at }) => day(at))}
      lines={[
        {
          name: "regional",
          kind: "own",
          values: judged.map(({ report }) => report?.standing?.regional.accuracy ?? null),
        },
        {
          name: "global",
          kind: "global",
          values: judged.map(({ report }) => report?.standing?.global.accuracy ?? null),
        },
      ]}
    />
  );
}
