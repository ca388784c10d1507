import type { Ladder } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { NothingServed } from "#console/parts/nothing-served.tsx";
import { Badge, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { can } from "#console/session.ts";
import { duration } from "#core/format.ts";
import { Model } from "./model.tsx";
import { useSpeed } from "./speed.ts";

const everyMs = 2_000;

/** The rungs as they are now. */
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
            {ladder.models.length > 0 && (
              <p class="muted">
                What escalates is counted at once, what the edge answers within a few seconds. Cost is Cloudflare's, for
                a million questions that get as far as the rung; the origin's host is not in it. The edge's times are
                what it waited for: its clock stands still while it works.
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
        <Badge kind="plain">No origin: what the edge does not know goes to a person</Badge>
      ) : nextRung.up ? (
        <Badge kind="good">Origin answers, {duration(nextRung.ms)}</Badge>
      ) : (
        <>
          <Badge kind="bad">Origin is down</Badge> Questions are kept and asked again; the edge answers what it is
          accepted of. {nextRung.reason}
        </>
      )}
    </p>
  );
}
