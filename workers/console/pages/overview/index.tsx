import type { Ladder, ModelLadder } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { NothingServed } from "#console/parts/nothing-served.tsx";
import { Badge, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { duration } from "#core/format.ts";
import { Attention } from "./attention.tsx";
import { useLive } from "./live.ts";
import { Model } from "./model.tsx";
import { NodeList } from "./nodes.tsx";
import { RangeChoice, rangeOf } from "./range.tsx";

const everyMs = 2_000;

/** The overview: what needs attention, and every rung of every model with its figures over time. */
export function OverviewPage({ session, route }: PageProps) {
  const live = usePolled("ladder", () => session.client.ladder(), everyMs);
  const polls = useLive(live.value);
  const range = rangeOf(route);
  return (
    <>
      <div class="head">
        <h1>Overview</h1>
        <RangeChoice chosen={range} />
      </div>
      <Loaded of={live}>
        {(ladder) => (
          <>
            <NextRung nextRung={ladder.nextRung} />
            <Attention session={session} ladder={ladder} />
            {ladder.models.length === 0 && <NothingServed />}
            {byQuestions(ladder.models).map((model, i) => (
              <Model
                key={model.model}
                session={session}
                ladder={model}
                nextRung={ladder.nextRung}
                range={range}
                polls={polls.get(model.model) ?? []}
                isOpen={i < openAtFirst}
              />
            ))}
            {ladder.nodes && <NodeList nodes={ladder.nodes} at={ladder.at} />}
            {ladder.models.length > 0 && (
              <p class="muted">
                Questions are counted within ten seconds; with more than ten regions within a second for each, ten
                minutes at most. Cost is Cloudflare's list price beyond what a plan includes, without the origin's host
                and decision models: of a million questions as they came, and in the table of a million that reach the
                rung. Latencies of the edge include only the time it waited for others: its clock stops while it
                computes.
              </p>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

/** Models whose charts are drawn at once; those of others when they are opened. */
const openAtFirst = 2;

function byQuestions(models: readonly ModelLadder[]): ModelLadder[] {
  return models.toSorted((a, b) => b.questions - a.questions || a.model.localeCompare(b.model));
}

function NextRung({ nextRung }: Pick<Ladder, "nextRung">) {
  return (
    <p role="status" class="status">
      {nextRung === null ? (
        <Badge kind="plain">No origin: questions that the edge does not accept go to a person</Badge>
      ) : nextRung.up ? (
        <Badge kind="good">Origin is up, {duration(nextRung.ms)}</Badge>
      ) : (
        <>
          <Badge kind="bad">Origin is down</Badge> Escalated questions are stored and retried. The edge still answers
          what it accepts. {nextRung.reason}
        </>
      )}
    </p>
  );
}
