import type { RegionDetail, RegionHead, RegionRun, RegionState } from "../../client/index.ts";
import { bytes, count, day, duration, four, moment, percent } from "../../core/format.ts";
import { useLive } from "../live.ts";
import { Chart } from "../parts/chart.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { Badge, Empty, Loaded } from "../parts/states.tsx";
import { linkTo } from "../route.ts";
import { can, type Session } from "../session.ts";
import { Certificate, RunState, StandingChart } from "./regions.tsx";

const everyMs = 5_000;

interface Props {
  session: Session;
  model: string;
  region: string;
}

/** One region: what it knows, its heads, its runs. */
export function RegionPage({ session, model, region }: Props) {
  const { client } = session;
  const live = useLive(`region ${model} ${region}`, () => client.region(model, region), everyMs);
  const retrain = async () => {
    await client.retrain(model, region);
    live.reload();
  };
  return (
    <>
      <p class="crumbs">
        <a href={linkTo("regions", model)}>Regions of {model}</a>
      </p>
      <div class="head">
        <h1>{region}</h1>
        <Confirm
          label="Retrain now"
          what={`Region ${region} learns from all labels that it has; a better head serves at once.`}
          onConfirm={retrain}
        />
      </div>
      <Loaded of={live}>
        {(detail) => (
          <>
            <Facts state={detail.state} />
            <h2>Regional against global head</h2>
            {detail.runs.some(({ report }) => report?.standing) ? (
              <div class="pair">
                <StandingChart title="Right, of held-out questions" runs={detail.runs} />
                <LossChart runs={detail.runs} />
              </div>
            ) : (
              <Empty title="No run has judged anything yet." />
            )}
            <Heads detail={detail} session={session} model={model} region={region} onChange={live.reload} />
            <h2>Runs</h2>
            <Runs runs={detail.runs} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Facts({ state }: { state: RegionState }) {
  const { certificate, rule, samples, archived, questions, drift, recall, retrainDueAt, breaker } = state;
  const dueMs = retrainDueAt === null ? null : Math.max(0, retrainDueAt - Date.now());
  return (
    <>
      <p>
        <Certificate certificate={certificate} /> {certificate?.reason}
      </p>
      <dl class="figures">
        <Fact
          name="Error so far"
          value={percent(certificate?.mean)}
          note={certificate && `at most ${percent(certificate.bound)}`}
        />
        <Fact
          name="Coverage"
          value={percent(certificate?.coverage)}
          note={certificate && `${count(certificate.labels)} labels`}
        />
        <Fact name="Threshold" value={rule ? rule.threshold.toFixed(3) : "the version's"} />
        <Fact
          name="Labels"
          value={count(samples.train + samples.tune + samples.certify)}
          note={`train ${count(samples.train)}, tune ${count(samples.tune)}, certify ${count(samples.certify)}${archived ? `, archived ${count(archived)}` : ""}`}
        />
        <Fact name="Kept questions" value={count(questions.total)} note={`${count(questions.open)} open`} />
        <Fact
          name="Recall"
          value={recall?.radius === null || !recall ? "off" : `radius ${recall.radius.toFixed(3)}`}
          note={recall?.report.reason}
        />
        <Fact
          name="Input"
          value={drift ? (drift.alarm ? "drifts" : "steady") : "not looked at"}
          note={drift && `looked at ${day(drift.at)}`}
        />
        <Fact name="Next run" value={dueMs === null ? "–" : `in ${duration(dueMs)}`} />
        <Fact
          name="Origin"
          value={breaker === "open" ? "left alone" : "asked"}
          note={`${bytes(state.bytes)} kept here`}
        />
      </dl>
    </>
  );
}

function Fact({ name, value, note }: { name: string; value: string; note?: string | null | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

function LossChart({ runs }: { runs: RegionRun[] }) {
  const judged = runs.filter(({ report }) => report?.standing).toReversed();
  return (
    <Chart
      title="Log-loss, of the same"
      format={four}
      steps={judged.map(({ at }) => day(at))}
      lines={[
        {
          name: "regional",
          kind: "own",
          values: judged.map(({ report }) => report?.standing?.regional.logLoss ?? null),
        },
        {
          name: "global",
          kind: "global",
          values: judged.map(({ report }) => report?.standing?.global.logLoss ?? null),
        },
      ]}
    />
  );
}

function Heads({ detail, session, model, region, onChange }: Props & { detail: RegionDetail; onChange: () => void }) {
  const { state, heads, runs, history } = detail;
  const serve = (head: number | null) => async () => {
    await session.client.rollbackRegion(model, region, { head });
    onChange();
  };
  const own = heads.filter(({ base }) => base === state.base);
  const runOf = ({ base, number }: RegionHead) => runs.find((run) => run.base === base && run.report?.head === number);
  const mayMove = can(session, "publish");
  if (heads.length === 0) {
    return (
      <>
        <h2>Heads</h2>
        <Empty title="The global head serves this region.">
          <p>A head of its own comes with a run whose candidate is better on labels that it has not seen.</p>
        </Empty>
      </>
    );
  }
  return (
    <>
      <div class="head">
        <h2>Heads</h2>
        {own.some(({ isCurrent }) => isCurrent) && mayMove && (
          <Confirm
            label="Serve the global head"
            what={`Region ${region} goes back to the global head of version ${state.base}.`}
            onConfirm={serve(null)}
          />
        )}
      </div>
      <div class="scroll">
        <table>
          <caption class="unseen">The heads of {region}, the newest first</caption>
          <thead>
            <tr>
              <th scope="col">Head</th>
              <th scope="col">Made</th>
              <th scope="col" class="number">
                Right
              </th>
              <th scope="col" class="number">
                Log-loss
              </th>
              <th scope="col">State</th>
              <th scope="col">
                <span class="unseen">What to do</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {heads.map((head) => {
              const standing = runOf(head)?.report?.standing;
              const serves = head.isCurrent && head.base === state.base;
              return (
                <tr key={`${head.base}+${head.number}`}>
                  <th scope="row">
                    {head.base}+{region}.{head.number}
                  </th>
                  <td data-label="Made">{moment(head.createdAt)}</td>
                  <td class="number" data-label="Right">
                    {percent(standing?.regional.accuracy)}
                  </td>
                  <td class="number" data-label="Log-loss">
                    {four(standing?.regional.logLoss)}
                  </td>
                  <td data-label="State">
                    {serves ? (
                      <Badge kind="good">serves</Badge>
                    ) : head.base === state.base ? (
                      <span class="muted">kept</span>
                    ) : (
                      <span class="muted">of version {head.base}</span>
                    )}
                  </td>
                  <td>
                    {!serves && head.base === state.base && mayMove && (
                      <Confirm
                        label="Roll back to this"
                        what={`Head ${head.number} serves region ${region} from now on.`}
                        onConfirm={serve(head.number)}
                      />
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <details>
        <summary>What was done with them</summary>
        <ul class="list">
          {history.map(({ at, action, version }) => (
            <li key={`${at}${action}`}>
              {moment(at)}: {action === "head" ? "a new head" : "rolled back"} on version {version}
            </li>
          ))}
        </ul>
      </details>
    </>
  );
}

function Runs({ runs }: { runs: RegionRun[] }) {
  if (runs.length === 0) return <Empty title="It has not learned yet: its first run comes by the model's schedule." />;
  return (
    <div class="scroll">
      <table>
        <caption class="unseen">The last runs</caption>
        <thead>
          <tr>
            <th scope="col">Data up to</th>
            <th scope="col">Version</th>
            <th scope="col">Outcome</th>
            <th scope="col" class="number">
              Held out
            </th>
            <th scope="col" class="number">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id}>
              <th scope="row">{moment(run.at)}</th>
              <td data-label="Version">{run.base}</td>
              <td data-label="Outcome">
                <RunState run={run} />
              </td>
              <td class="number" data-label="Held out">
                {run.report?.standing ? count(run.report.standing.questions) : "–"}
              </td>
              <td class="number" data-label="Took">
                {run.finishedAt === null ? "–" : duration(run.finishedAt - run.startedAt)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
