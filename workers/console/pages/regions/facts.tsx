import type { RegionState } from "#client/index.ts";
import { CertificateBadge } from "#console/parts/certificate.tsx";
import { bytes, comparedText, count, day, dollars, duration, percent } from "#core/format.ts";

const statusTitles = { pays: "pays", unproven: "unproven", "does-not-pay": "does not pay" };

/** Figures of a region. */
export function Facts({ state }: { state: RegionState }) {
  const { certificate, rule, samples, archived, questions, drift, semanticCache, retrainDueAt, breaker, escalation } =
    state;
  const held = `train ${count(samples.train)}, validation ${count(samples.validation)}, calibration ${count(samples.calibration)}`;
  const splits = state.lastRun?.report?.crossFitted ? "few: all of them train, and cross-fitting judges" : held;
  const dueMs = retrainDueAt === null ? null : Math.max(0, retrainDueAt - Date.now());
  return (
    <>
      <p>
        <CertificateBadge certificate={certificate} isShort /> {certificate?.reason}
        {certificate?.status === "pending" && certificate.expected && `; expected on ${certificate.expected}`}
      </p>
      <dl class="figures">
        <Fact
          name="Error"
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
          note={`${splits}${archived ? `, archived ${count(archived)}` : ""}`}
        />
        <Fact
          name="Stored questions"
          value={count(questions.total)}
          note={`${count(questions.open)} open; the region stores ${bytes(state.bytes)}`}
        />
        <Fact
          name="Escalation"
          value={escalation ? statusTitles[escalation.status] : "no rung above"}
          note={
            escalation &&
            `${escalation.escalatesAll ? "" : "a share is asked; "}${comparedText(escalation)}${escalation.unasked > 0 ? `; ${count(escalation.unasked)} not asked above` : ""}`
          }
        />
        {state.spending && (
          <Fact
            name="Spent above"
            value={dollars(state.spending.usd)}
            note={`${count(state.spending.asked)} questions in ${state.spending.month}; ${count(state.spending.leftOut)} left out by the budget`}
          />
        )}
        <Fact
          name="Semantic cache"
          value={semanticCache?.radius === null || !semanticCache ? "off" : `radius ${semanticCache.radius.toFixed(3)}`}
          note={semanticCache?.report.reason}
        />
        <Fact
          name="Input drift"
          value={drift ? (drift.alarm ? "detected" : "none") : "not checked yet"}
          note={drift && `checked ${day(drift.at)}`}
        />
        <Fact name="Next retrain" value={dueMs === null ? "–" : `in ${duration(dueMs)}`} />
        <Fact name="Origin" value={breaker === "open" ? "not asked after failures" : "asked"} />
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
