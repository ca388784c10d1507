import { Confirm } from "#console/parts/confirm.tsx";
import { Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { linkTo } from "#console/route.ts";
import type { Session } from "#console/session.ts";
import { HeadComparisonChart } from "./comparison-chart.tsx";
import { Facts } from "./facts.tsx";
import { HeadList } from "./heads.tsx";
import { LiveConfusion } from "./live-confusion.tsx";
import { RunList } from "./runs.tsx";

const everyMs = 5_000;

interface Props {
  session: Session;
  model: string;
  region: string;
}

/** The page of a region: figures, heads and retrains. */
export function RegionPage({ session, model, region }: Props) {
  const { client } = session;
  const live = usePolled(`region ${model} ${region}`, () => client.region(model, region), everyMs);
  const retrain = async () => {
    await client.retrain(model, region);
    live.reload();
  };
  return (
    <>
      <p class="crumbs">
        <a href={linkTo("regions", model)}>Regions of {model}</a>
      </p>
      <div class="head">
        <h1>{region}</h1>
        {live.value && (
          <Confirm
            label="Retrain now"
            what={`Region ${region} will retrain on all its labels. If the new head is better, it serves at once.`}
            onConfirm={retrain}
          />
        )}
      </div>
      <Loaded of={live}>
        {(detail) => (
          <>
            <Facts state={detail.state} />
            <h2>Regional against global head</h2>
            {detail.runs.some(({ report }) => report?.comparison) ? (
              <div class="pair">
                <HeadComparisonChart title="Accuracy on held-out questions" runs={detail.runs} />
                <HeadComparisonChart title="Log-loss on held-out questions" runs={detail.runs} of="logLoss" />
              </div>
            ) : (
              <Empty title="No retrain has compared heads yet." />
            )}
            <LiveConfusion client={client} model={model} region={region} />
            <p>
              <a href={`${linkTo("questions", model)}?region=${encodeURIComponent(region)}`}>
                Stored questions of {region}
              </a>
            </p>
            <HeadList detail={detail} session={session} model={model} region={region} onChange={live.reload} />
            <h2>Retrains</h2>
            <RunList runs={detail.runs} />
          </>
        )}
      </Loaded>
    </>
  );
}
