import type { QuestionWay, RungName } from "#client/index.ts";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Scores } from "#console/parts/scores.tsx";
import { Badge } from "#console/parts/states.tsx";
import { percent, shortVersion } from "#core/format.ts";

interface Props {
  way: QuestionWay;
  /** The edge's threshold in this region, and the origin's. */
  threshold: number;
  full: number | null;
}

/** What each rung said, from the edge up, against its threshold. */
export function OpinionList({ way: { answer, opinions }, threshold, full }: Props) {
  const isStored = opinions.some(({ rung, version }) => rung === answer.rung && version === answer.version);
  const { rung, version, label, confidence, scores } = answer;
  const all = isStored ? opinions : [...opinions, { rung, version, label, confidence, scores }];
  const thresholds: Partial<Record<RungName, number | null>> = { edge: threshold, origin: full };
  return (
    <>
      {all.map((opinion) => {
        const least = thresholds[opinion.rung] ?? null;
        const isReached = least !== null && opinion.confidence >= least;
        const isAccepted = answer.accepted && opinion.rung === rung && opinion.version === version;
        return (
          <section key={`${opinion.rung} ${opinion.version}`} class="opinion">
            <h3>
              {rungTitles[opinion.rung]}{" "}
              <span class="muted">version {shortVersion(opinion.version, answer.region)}</span>
            </h3>
            <p>
              {opinion.label}, {percent(opinion.confidence)}{" "}
              {least !== null && (
                <Badge kind={isReached || isAccepted ? "good" : "warn"}>
                  {isReached ? "reaches" : isAccepted ? "accepted, now below" : "below"} the threshold{" "}
                  {least.toFixed(3)}
                </Badge>
              )}
            </p>
            {opinion.rung !== "human" && <Scores scores={opinion.scores} />}
          </section>
        );
      })}
      <p class="muted">
        These are the current thresholds; they may have changed since the question was asked. Scores of the origin may
        be combined with the edge's after it accepted its own.
      </p>
    </>
  );
}
