import { useState } from "preact/hooks";
import type { Ladder, ModelLadder, SeriesStep } from "#client/index.ts";
import { CertificateBadge } from "#console/parts/certificate.tsx";
import { Empty } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { linkTo } from "#console/route.ts";
import { can, type Session } from "#console/session.ts";
import { count, dollars, percent, spendingText } from "#core/format.ts";
import { Charts, SeriesCharts } from "./charts.tsx";
import { perSecondOf } from "./live.ts";
import type { ShownRange } from "./range.tsx";
import { RungRow } from "./rung.tsx";

interface ModelProps {
  session: Session;
  ladder: ModelLadder;
  nextRung: Ladder["nextRung"];
  range: ShownRange;
  /** The steps that this page has seen. */
  polls: readonly SeriesStep[];
  /** Whether its charts are shown at first. */
  isOpen: boolean;
}

const columns = columnsOf(
  "Rung",
  "#Asked",
  "#Answered",
  "#Escalated",
  "Share of all",
  "#Accuracy",
  "#p50",
  "#p99",
  "#Cost / million",
);

/** A model's figures and its rungs, top to bottom. */
export function Model({ session, ladder, nextRung, range, polls, isOpen }: ModelProps) {
  const { model, pointer, questions, rungs, targetRisk, open, waiting, breakersOpen, unanswered } = ladder;
  const id = `model-${model}`;
  const perSecond = perSecondOf(polls);
  const isLinked = can(session, "review");
  const [isDrawn, setDrawn] = useState(isOpen);
  const drawn = { targetRisk, ladder: rungs.map(({ rung }) => rung) };
  return (
    <section class="card" aria-labelledby={id}>
      <div class="head">
        <h2 id={id}>{model}</h2>
        <p>
          version {pointer.stable}
          {pointer.canary && `, canary ${pointer.canary.version} for ${percent(pointer.canary.share)}`}
          {targetRisk !== null && `; target error ${percent(targetRisk)}`}
        </p>
      </div>
      <dl class="figures">
        <div>
          <dt>Questions</dt>
          <dd data-count={`${model}-questions`}>{count(questions)}</dd>
        </div>
        {ladder.group && (
          <div>
            <dt>All regions together</dt>
            <dd>
              <CertificateBadge certificate={ladder.group} />
              <small>weighted by traffic; promises nothing for one region</small>
            </dd>
          </div>
        )}
        {ladder.spending && (
          <div>
            <dt>Spent above in {ladder.spending.month}</dt>
            <dd data-count={`${model}-spent`}>
              {dollars(ladder.spending.usd)}
              <small>{spendingText(ladder.spending)}</small>
            </dd>
          </div>
        )}
        <div>
          <dt>Cost / million questions</dt>
          <dd data-count={`${model}-cost`}>{dollars(ladder.usdPerMillion)}</dd>
        </div>
        <div>
          <dt>Rate</dt>
          <dd>{perSecond === null ? "–" : `${perSecond.toFixed(1)} / s`}</dd>
        </div>
        <div>
          <dt>Open</dt>
          <dd>{count(open)}</dd>
        </div>
        <div>
          <dt>Waiting for a person</dt>
          <dd>{waiting > 0 && isLinked ? <a href={linkTo("review", model)}>{count(waiting)}</a> : count(waiting)}</dd>
        </div>
      </dl>
      {ladder.questions === 0 && (
        <Empty title="No question yet.">
          <p>
            Ask one on <a href={linkTo("try", model)}>Try it</a>. To see it learn, play data through it for some
            minutes: <code>npx upriver replay {model} --forget --no-controls</code>, and watch it{" "}
            <a href={`${linkTo("overview")}?range=live`}>live</a>.
          </p>
        </Empty>
      )}
      <details open={isDrawn} onToggle={(event) => setDrawn(event.currentTarget.open)}>
        <summary>Over time</summary>
        {isDrawn &&
          (range === "live" ? (
            <Charts {...drawn} steps={polls} empty="No question since this page was opened." isLive />
          ) : (
            <SeriesCharts {...drawn} client={session.client} model={model} range={range} />
          ))}
      </details>
      <DataTable caption={`The rungs of ${model}, top to bottom`} columns={columns}>
        {rungs.toReversed().map((rung) => (
          <RungRow
            key={rung.rung}
            model={model}
            rung={rung}
            isDown={rung.rung === "origin" && nextRung?.up === false}
          />
        ))}
      </DataTable>
      {breakersOpen.length > 0 && (
        <p class="notice warn">
          {breakersOpen.length === 1 ? "One region has" : `${breakersOpen.length} regions have`} stopped asking the
          origin after repeated failures, for a few seconds: {breakersOpen.join(", ")}.
        </p>
      )}
      {unanswered.length > 0 && (
        <p class="notice warn">Regions that did not report their counts: {unanswered.join(", ")}.</p>
      )}
    </section>
  );
}
