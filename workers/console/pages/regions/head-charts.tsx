import { useState } from "preact/hooks";
import type { UpriverClient } from "#client/index.ts";
import { Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { linkTo } from "#console/route.ts";
import { HeadComparisonChart } from "./comparison-chart.tsx";

const everyMs = 30_000;

interface Props {
  client: UpriverClient;
  model: string;
  page: { after?: string; limit: number };
  /** The regions of the page that are shown, in order. */
  regions: readonly string[];
}

/** A chart of the heads of each region, once it is opened: it takes a call of each region of the page. */
export function HeadCharts(props: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Regional against global heads</summary>
      {isOpen && <Charts {...props} />}
    </details>
  );
}

function Charts({ client, model, page, regions }: Props) {
  const live = usePolled(`runs ${model} ${page.after}`, () => client.runPage(model, page), everyMs);
  return (
    <>
      <p class="muted">
        Accuracy of both heads on questions that neither was trained on, by retrain; a dotted line is a head that was
        promoted. Each region has its own scale.
      </p>
      <Loaded of={live}>
        {({ runs }) => (
          <div class="multiples">
            {regions.map((region) => (
              <a key={region} href={linkTo("regions", model, region)}>
                <HeadComparisonChart title={region} runs={runs.filter((run) => run.region === region)} isSmall />
              </a>
            ))}
          </div>
        )}
      </Loaded>
    </>
  );
}
