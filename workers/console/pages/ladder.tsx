import { useRef } from "preact/hooks";
import type { Ladder, LadderRung, ModelLadder } from "../../client/index.ts";
import { count, dollars, duration, percent } from "../../core/format.ts";
import type { PageProps } from "../app.tsx";
import { useLive } from "../live.ts";
import { Bar } from "../parts/bar.tsx";
import { Badge, Empty, Loaded } from "../parts/states.tsx";
import { linkTo } from "../route.ts";
import { can } from "../session.ts";

const everyMs = 2_000;
const titles = { human: "Person", origin: "Origin", region: "Region", edge: "Edge" } as const;
const places = {
  human: "answers what nobody could",
  origin: "the large model",
  region: "recalls what it was told",
  edge: "the thin model, near the asker",
} as const;

/** The rungs as they are now. */
export function LadderPage({ session }: PageProps) {
  const live = useLive("ladder", () => session.client.ladder(), everyMs);
  const speed = useSpeed(live.value);
  return (
    <>
      <h1>Ladder</h1>
      <Loaded of={live}>
        {(ladder) => (
          <>
            <NextRung nextRung={ladder.nextRung} />
            {ladder.models.length === 0 && (
              <Empty title="No model is served yet.">
                <p>
                  <code>npx upriver publish storefront</code> publishes the example; <code>npx upriver import</code>{" "}
                  takes a TensorFlow.js model that you have.
                </p>
              </Empty>
            )}
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
                What climbs is counted at once, what the edge answers within a few seconds. Cost is Cloudflare's, for a
                million questions that get as far as the rung; the origin's host is not in it. The edge's times are what
                it waited for: its clock stands still while it works.
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
          <Badge kind="bad">Origin is down</Badge> Questions are kept and asked again; the edge answers what it is sure
          of. {nextRung.reason}
        </>
      )}
    </p>
  );
}

interface ModelProps {
  ladder: ModelLadder;
  perSecond: number | null;
  nextRung: Ladder["nextRung"];
  isLinked: boolean;
}

function Model({ ladder, perSecond, nextRung, isLinked }: ModelProps) {
  const { model, pointer, questions, rungs, targetRisk, open, waiting, breakersOpen, unanswered } = ladder;
  const id = `model-${model}`;
  return (
    <section aria-labelledby={id}>
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
        <div>
          <dt>Now</dt>
          <dd>{perSecond === null ? "–" : `${perSecond.toFixed(1)} / s`}</dd>
        </div>
        <div>
          <dt>Open</dt>
          <dd>{count(open)}</dd>
        </div>
        <div>
          <dt>Wait for a person</dt>
          <dd>{waiting > 0 && isLinked ? <a href={linkTo("review", model)}>{count(waiting)}</a> : count(waiting)}</dd>
        </div>
      </dl>
      <div class="scroll">
        <table class="rungs">
          <caption class="unseen">The rungs of {model}, top to bottom</caption>
          <thead>
            <tr>
              <th scope="col">Rung</th>
              <th scope="col" class="number">
                Asked
              </th>
              <th scope="col" class="number">
                Answered
              </th>
              <th scope="col" class="number">
                Passed on
              </th>
              <th scope="col">Share of all</th>
              <th scope="col" class="number">
                Right
              </th>
              <th scope="col" class="number">
                p50
              </th>
              <th scope="col" class="number">
                p99
              </th>
              <th scope="col" class="number">
                Cost / million
              </th>
            </tr>
          </thead>
          <tbody>
            {rungs.toReversed().map((rung) => (
              <Rung
                key={rung.rung}
                model={model}
                rung={rung}
                isDown={rung.rung === "origin" && nextRung?.up === false}
              />
            ))}
          </tbody>
        </table>
      </div>
      {breakersOpen.length > 0 && (
        <p class="notice warn">
          {breakersOpen.length === 1 ? "One region leaves" : `${breakersOpen.length} regions leave`} the origin alone
          after failures: {breakersOpen.join(", ")}.
        </p>
      )}
      {unanswered.length > 0 && <p class="notice warn">Did not say what they counted: {unanswered.join(", ")}.</p>}
    </section>
  );
}

function Rung({ model, rung, isDown }: { model: string; rung: LadderRung; isDown: boolean }) {
  const { asked, answered, passed, share, judged, accuracy, p50Ms, p99Ms, usdPerMillion } = rung;
  return (
    <tr data-rung={rung.rung}>
      <th scope="row">
        <span class={`dot ${rung.rung}`} aria-hidden="true" /> {titles[rung.rung]}
        {isDown && <Badge kind="bad">down</Badge>}
        <small>{places[rung.rung]}</small>
      </th>
      <td class="number" data-label="Asked" data-count={`${model}-${rung.rung}-asked`}>
        {count(asked)}
      </td>
      <td class="number" data-label="Answered" data-count={`${model}-${rung.rung}-answered`}>
        {count(answered)}
      </td>
      <td class="number" data-label="Passed on">
        {rung.rung === "human" ? `${count(passed)} open` : count(passed)}
      </td>
      <td data-label="Share of all" class="share">
        <Bar share={share ?? 0} kind={rung.rung} /> <span>{percent(share)}</span>
      </td>
      <td class="number" data-label="Right">
        <span>
          {percent(accuracy)}
          {judged > 0 && <small>of {count(judged)}</small>}
        </span>
      </td>
      <td class="number" data-label="p50">
        {duration(p50Ms)}
      </td>
      <td class="number" data-label="p99">
        {duration(p99Ms)}
      </td>
      <td class="number" data-label="Cost / million">
        {dollars(usdPerMillion)}
      </td>
    </tr>
  );
}

/** Questions a second of each model, over the last few looks. */
function useSpeed(ladder: Ladder | null): Map<string, number> {
  const looks = useRef<Ladder[]>([]);
  if (ladder && looks.current.at(-1) !== ladder) looks.current = [...looks.current.slice(-5), ladder];
  const [first] = looks.current;
  const last = looks.current.at(-1);
  if (!first || !last || last.at === first.at) return new Map();
  return new Map(
    last.models.flatMap(({ model, questions }) => {
      const before = first.models.find((one) => one.model === model);
      return before ? [[model, Math.max(0, questions - before.questions) / ((last.at - first.at) / 1_000)]] : [];
    }),
  );
}
