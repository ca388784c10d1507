import type { PageProps } from "#console/page.ts";
import { Bar } from "#console/parts/bar.tsx";
import { Confirm } from "#console/parts/confirm.tsx";
import { Empty, ProblemNotice } from "#console/parts/states.tsx";
import { linkTo } from "#console/route.ts";
import type { Demo } from "#core/demo.ts";
import { count } from "#core/format.ts";
import { RegionTable } from "../regions/table.tsx";
import { DemoCharts } from "./charts.tsx";
import { useDemo } from "./demo-file.ts";
import { type RunningDemo, startDemo, stopDemo, useRunningDemo } from "./running.ts";
import { storyOf } from "./story.ts";

/** The guided demo: plays known questions through the running ladder, and shows what the regions learn from them. */
export function DemoPage({ session }: PageProps) {
  const demo = useDemo();
  const running = useRunningDemo();
  return (
    <>
      <h1>Demo</h1>
      {demo === undefined ? (
        <p class="loading">Loading …</p>
      ) : demo === null ? (
        <Empty title="There is no demo here.">
          <p>
            <code>npm start</code> brings up a ladder on your machine that has one. Deployments have none.
          </p>
        </Empty>
      ) : (
        <>
          <About demo={demo} />
          <p>
            {running?.status === "playing" ? (
              <button type="button" onClick={stopDemo}>
                Stop
              </button>
            ) : (
              <Confirm
                label={running ? "Start again" : "Start the demo"}
                what={`The regions of ${demo.model} first forget their questions, labels and heads, so that the demo starts from zero.`}
                kind="primary"
                onConfirm={async () => {
                  void startDemo(session.client, demo);
                }}
              />
            )}
          </p>
          {running && <Played demo={demo} running={running} />}
        </>
      )}
    </>
  );
}

function About({ demo: { model, rounds, seconds } }: { demo: Demo }) {
  const questions = rounds.reduce((sum, { length }) => sum + length, 0);
  const regions = new Set(rounds.flat().map(({ region }) => region)).size;
  return (
    <p>
      In about {Math.max(1, Math.round(seconds / 60))} min, {count(questions)} questions of {regions} regions go through
      this ladder, and their labels follow. They are newer than what {model} was trained on, and shuffled so that no
      season hides what the regions learn. Everything you see is computed now: watch it on the{" "}
      <a href={`${linkTo("overview")}?range=live`}>overview</a>, too. The demo goes on while this tab is open.
    </p>
  );
}

function Played({ demo, running }: { demo: Demo; running: RunningDemo }) {
  const { step, status, error } = running;
  const { rounds, regions } = step;
  const asked = rounds.reduce((sum, round) => sum + round.asked, 0);
  const all = demo.rounds.reduce((sum, { length }) => sum + length, 0);
  const left = status === "playing" ? secondsLeft(demo, running) : 0;
  return (
    <>
      {error && <ProblemNotice error={error} />}
      <p role="status" class="status">
        {storyOf(demo, running)}
      </p>
      <p class="share">
        <Bar share={asked / all} kind="edge" />
        <span>
          {count(asked)} of {count(all)} questions{left > 0 && `; about ${left} s left`}
        </span>
      </p>
      {rounds.length > 0 && (
        <>
          <DemoCharts rounds={rounds} regions={regions.length} />
          <h2>Regions</h2>
          <RegionTable model={demo.model} regions={[...regions]} />
        </>
      )}
    </>
  );
}

/** The seconds that are left: as planned at first, then at the pace so far. */
function secondsLeft(demo: Demo, { step: { rounds }, startedAt }: RunningDemo): number {
  if (rounds.length === 0) return demo.seconds;
  const pace = (Date.now() - startedAt) / rounds.length;
  return Math.ceil((pace * (demo.rounds.length - rounds.length)) / 1_000);
}
