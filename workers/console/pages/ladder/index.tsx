import type { Ladder } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { NothingServed } from "#console/parts/nothing-served.tsx";
import { Badge, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { can } from "#console/session.ts";
import { duration } from "#core/format.ts";
import { Model } from "./model.tsx";
import { NodeList } from "./nodes.tsx";
import { useSpeed } from "./speed.ts";

const everyMs = 2_000;

/** The ladder page: every rung with its current figures. */
export function LadderPage({ session }: PageProps) {
  const live = usePolled("ladder", () => session.client.ladder(), everyMs);
  const speed = useSpeed(live.value);
  return (
    <>
      <h1>Ladder</h1>
      <Loaded of={live}>
        {(ladder) => (
          <>
            <NextRung nextRung={ladder.nextRung} />
            {ladder.models.length === 0 && <NothingServed />}
            {ladder.models.map((model) => (
              <Model
                key={model.model}
                ladder={model}
                perSecond={speed.get(model.model) ?? null}
                nextRung={ladder.nextRung}
                isLinked={can(session, "review")}
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
