import { useState } from "preact/hooks";
import type { Suspects, UpriverClient } from "#client/index.ts";
import { Empty, Loaded, ProblemNotice } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { usePolled } from "#console/polled.ts";
import { linkTo } from "#console/route.ts";
import { count, day, three } from "#core/format.ts";

const columns = columnsOf("Sample", "Label", "A head says", "#Margin");

interface Props {
  client: UpriverClient;
  model: string;
  /** The region that the address names. */
  asked: string | null;
}

/** Finds labels of a region that a head, which has not learned from them, confidently disagrees with. */
export function SuspectList({ client, model, asked }: Props) {
  const regions = usePolled(`region names ${model}`, () => client.regionPage(model), null);
  const [chosen, setChosen] = useState(asked ?? "");
  const [found, setFound] = useState<{ region: string; suspects: Suspects } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  const find = (region: string) => async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    await client.suspects(model, region).then((suspects) => setFound({ region, suspects }), setFailure);
    setBusy(false);
  };
  return (
    <Loaded of={regions}>
      {({ regions: known }) => {
        const region = chosen || known[0]?.region;
        if (region === undefined) return <Empty title="No region has stored a question yet." />;
        return (
          <>
            <form class="line" onSubmit={find(region)}>
              <select aria-label="Region" value={region} onChange={(event) => setChosen(event.currentTarget.value)}>
                {known.map((one) => (
                  <option key={one.region} value={one.region}>
                    {one.region}
                  </option>
                ))}
              </select>
              <button type="submit" disabled={isBusy}>
                {isBusy ? "Looking …" : "Find suspects"}
              </button>
            </form>
            {failure && <ProblemNotice error={failure} />}
            {found && <Found model={model} {...found} />}
          </>
        );
      }}
    </Loaded>
  );
}

function Found({
  model,
  region,
  suspects: { samples, disagreements, suspects },
}: {
  model: string;
  region: string;
  suspects: Suspects;
}) {
  if (suspects.length === 0) {
    return (
      <Empty title={`No suspect in ${region}.`}>
        <p>
          {samples === 0
            ? "Its labels are looked through once a retrain has learned from them."
            : `A head that has not learned from them agrees with all of ${count(samples)} labels.`}
        </p>
      </Empty>
    );
  }
  return (
    <>
      <p class="muted">
        Of {count(samples)} labels of {region}, heads that have not learned from them disagree with{" "}
        {count(disagreements)}. The first ones are the most suspicious; open one to correct it.
      </p>
      <DataTable caption={`Labels of ${region} that may be wrong`} columns={columns}>
        {suspects.map(({ id, label, source, suggestion, margin, at }) => (
          <tr key={id} data-suspect={id}>
            <th scope="row">
              <a href={linkTo("questions", model, id)}>{day(at)}</a>
            </th>
            <td data-label="Label">
              {label} <small>by {source}</small>
            </td>
            <td data-label="A head says">{suggestion}</td>
            <td class="number" data-label="Margin">
              {three(margin)}
            </td>
          </tr>
        ))}
      </DataTable>
    </>
  );
}
