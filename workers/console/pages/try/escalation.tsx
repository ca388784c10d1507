import type { Answer, RungName } from "#client/index.ts";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Scores } from "#console/parts/scores.tsx";
import { Badge, Empty } from "#console/parts/states.tsx";
import { duration, percent, shortVersion } from "#core/format.ts";

interface Props {
  ladder: RungName[];
  answer: Answer | null;
  isAsking: boolean;
  tookMs: number | null;
  labels: string[];
}

/** The rungs that a question reached, and its answer. */
export function EscalationPath({ ladder, answer, isAsking, tookMs, labels }: Props) {
  if (!answer && !isAsking) {
    return (
      <Empty title="No question asked yet.">
        <p>Press Ask: the answer appears here, with the rungs that the question reached.</p>
      </Empty>
    );
  }
  const isOpen = answer?.status === "open";
  const at = answer ? (isOpen ? ladder.length - 1 : ladder.indexOf(answer.rung)) : -1;
  return (
    <>
      <ol class="escalation" aria-label="Rungs that the question reached, top to bottom">
        {ladder
          .map((rung, i) => (
            <li key={rung} class={i < at ? "passed" : i === at ? (isOpen ? "waits" : "answered") : undefined}>
              <span class={`dot ${rung}`} aria-hidden="true" /> {rungTitles[rung]}{" "}
              {i < at && <span class="muted">not accepted</span>}
              {i === at &&
                (isOpen ? <Badge kind="warn">waiting for an answer</Badge> : <Badge kind="good">answered</Badge>)}
            </li>
          ))
          .toReversed()}
      </ol>
      <div role="status">
        {!answer && <p class="loading">Asking …</p>}
        {answer && (
          <>
            <p class="result">
              <strong>
                {answer.label}
                {answer.unit && ` ${answer.unit}`}
              </strong>{" "}
              {percent(answer.confidence)}
              {answer.tolerance !== undefined && ` within ${answer.tolerance}`}
              {isOpen && <span class="muted"> provisional; the final answer will appear here</span>}
            </p>
            {answer.interval && (
              <p>
                {percent(answer.intervalCoverage)} of truths lie in such an interval: {answer.interval[0]} to{" "}
                {answer.interval[1]}; mean {answer.mean}
              </p>
            )}
            <p class="muted">
              {answer.status === "answered" ? `By the ${rungTitles[answer.rung].toLowerCase()}` : "Provisional"},
              version {shortVersion(answer.version, answer.region)}, region {answer.region},{" "}
              {duration(tookMs === null ? null : Math.round(tookMs))}. {acceptance(answer)}
            </p>
            <Scores scores={answer.scores} />
            {answer.trace && answer.trace.length > 0 && (
              <details>
                <summary>Scores of each head</summary>
                {answer.trace.map(({ head, version, scores }) => (
                  <section key={head} class="opinion">
                    <h3>
                      {head} <span class="muted">version {shortVersion(version, answer.region)}</span>
                    </h3>
                    <Scores scores={Object.fromEntries(labels.map((label, i) => [label, scores[i] ?? 0]))} />
                  </section>
                ))}
              </details>
            )}
            <p class="muted id">
              <code>{answer.id}</code>
            </p>
          </>
        )}
      </div>
    </>
  );
}

function acceptance({ accepted, certificate, uncertified, rung }: Answer): string {
  if (rung === "human") return "";
  if (certificate)
    return `Accepted with a valid certificate: at most ${percent(certificate.bound)} of accepted answers are wrong.`;
  if (!accepted) return "Not accepted.";
  return uncertified ? `Accepted without a certificate: ${uncertified.reason}.` : "Accepted.";
}
