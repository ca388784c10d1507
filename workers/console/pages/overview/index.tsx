import { useRef } from "preact/hooks";
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
  const order = useRef<string[]>([]);
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
            {inOrder(order.current, ladder.models).map((model, i) => (
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
                Counts are at most ten seconds old; with more than ten regions, one second for each region, up to ten
                minutes. Costs are Cloudflare's list prices beyond what a plan includes, without the origin's host and
                decision models; a rung's row shows the cost of a million questions that reach it. The edge's latency is
                the time it waited for other rungs: its clock stops while it computes.
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

/** Lists models by their questions. One that is shown keeps its place: it would lose the focus, and its reader. */
function inOrder(shown: string[], models: readonly ModelLadder[]): ModelLadder[] {
  const fresh = models.filter(({ model }) => !shown.includes(model));
  const sorted = fresh.toSorted((a, b) => b.questions - a.questions || a.model.localeCompare(b.model));
  shown.push(...sorted.map(({ model }) => model));
  return models.toSorted((a, b) => shown.indexOf(a.model) - shown.indexOf(b.model));
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
