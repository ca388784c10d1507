import type { RegionState } from "#client/index.ts";
import { Certificate } from "#console/parts/certificate.tsx";
import { bytes, count, day, duration, percent } from "#core/format.ts";

/** What a region knows and is about. */
export function Facts({ state }: { state: RegionState }) {
  const { certificate, rule, samples, archived, questions, drift, semanticCache, retrainDueAt, breaker } = state;
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
          value={count(samples.train + samples.validation + samples.calibration)}
          note={`train ${count(samples.train)}, validation ${count(samples.validation)}, calibration ${count(samples.calibration)}${archived ? `, archived ${count(archived)}` : ""}`}
        />
        <Fact name="Kept questions" value={count(questions.total)} note={`${count(questions.open)} open`} />
        <Fact
          name="SemanticCache"
          value={semanticCache?.radius === null || !semanticCache ? "off" : `radius ${semanticCache.radius.toFixed(3)}`}
          note={semanticCache?.report.reason}
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
