import type { Input, ReviewQuestion } from "#client/index.ts";
import { InstanceView } from "#console/parts/instance.tsx";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Scores } from "#console/parts/scores.tsx";
import { Badge } from "#console/parts/states.tsx";
import { moment, percent, shortVersion } from "#core/format.ts";

/** A question with the opinion of each rung. */
export function QuestionView({
  question,
  input,
  given,
}: {
  question: ReviewQuestion;
  input: Input | null;
  given: string | null;
}) {
  const { id, region, instance, opinions, queuedAt } = question;
  return (
    <article class="question" data-question={id} aria-label="Question">
      <p class="head">
        <span>
          <strong>{region}</strong> <span class="muted">since {moment(queuedAt)}</span>
        </span>
        {given !== null && <Badge kind="warn">your answer: {given}; choose another label to correct it</Badge>}
      </p>
      <div class="pair">
        <InstanceView input={input} instance={instance} />
        <div>
          <h2 class="small">What each rung said</h2>
          {opinions.length === 0 && <p class="muted">None stored.</p>}
          {opinions.map(({ rung, version, label, confidence, scores }) => (
            <section key={rung} class="opinion">
              <h3>
                {rungTitles[rung]} <span class="muted">version {shortVersion(version, region)}</span>
              </h3>
              <p>
                {label}, {percent(confidence)}
              </p>
              <Scores scores={scores} />
            </section>
          ))}
        </div>
      </div>
    </article>
  );
}
