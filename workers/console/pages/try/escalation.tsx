import type { Answer, RungName } from "#client/index.ts";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Scores } from "#console/parts/scores.tsx";
import { Badge, Empty } from "#console/parts/states.tsx";
import { duration, percent } from "#core/format.ts";

interface Props {
  ladder: RungName[];
  answer: Answer | null;
  isAsking: boolean;
  tookMs: number | null;
  labels: string[];
}

/** How far a question got, rung by rung, and who answered it. */
export function Escalation({ ladder, answer, isAsking, tookMs, labels }: Props) {
  if (!answer && !isAsking) return <Empty title="Nothing was asked yet." />;
  const isOpen = answer?.status === "open";
  const at = answer ? (isOpen ? ladder.length - 1 : ladder.indexOf(answer.rung)) : -1;
  return (
    <>
      <ol class="escalation" aria-label="How far the question got, top to bottom">
        {ladder
          .map((rung, i) => (
            <li key={rung} class={i < at ? "passed" : i === at ? (isOpen ? "waits" : "answered") : undefined}>
              <span class={`dot ${rung}`} aria-hidden="true" /> {rungTitles[rung]}{" "}
              {i < at && <span class="muted">not accepted</span>}
              {i === at &&
                (isOpen ? <Badge kind="warn">asked, no answer yet</Badge> : <Badge kind="good">answered</Badge>)}
            </li>
          ))
          .toReversed()}
      </ol>
      <div role="status">
        {!answer && <p class="loading">Asking …</p>}
        {answer && (
          <>
            <p class="result">
              <strong>{answer.label}</strong> {percent(answer.confidence)}
              {isOpen && <span class="muted"> so far; the answer comes here by itself</span>}
            </p>
            <p class="muted">
              {answer.status === "answered" ? `By the ${rungTitles[answer.rung].toLowerCase()}` : "Provisional"},
              version {answer.version}, region {answer.region}, {duration(tookMs === null ? null : Math.round(tookMs))}.{" "}
              {sureness(answer)}
            </p>
            <Scores scores={answer.scores} />
            {answer.trace && answer.trace.length > 0 && (
              <details>
                <summary>What each head made of it</summary>
                {answer.trace.map(({ head, version, scores }) => (
                  <section key={head} class="opinion">
                    <h3>
                      {head} <span class="muted">version {version}</span>
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

function sureness({ accepted, certificate, uncertified, rung }: Answer): string {
  if (rung === "human") return "";
  if (certificate) return `Certified: at most ${percent(certificate.bound)} of such answers are wrong.`;
  if (!accepted) return "It is not sure.";
  return uncertified ? `Sure, without a certificate: ${uncertified.reason}.` : "Sure.";
}
