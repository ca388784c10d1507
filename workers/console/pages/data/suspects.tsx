import { useState } from "preact/hooks";
import type { Suspect, Suspects, UpriverClient } from "#client/index.ts";
import { Badge, Empty, Loaded, ProblemNotice } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { usePolled } from "#console/polled.ts";
import { linkTo } from "#console/route.ts";
import { count, day, three } from "#core/format.ts";
import { suspectsLeast } from "#core/suspect-limits.ts";

const columns = columnsOf("Asked", "Label", "Predicted", "#Margin", "To review");

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
            <p class="muted">Compares a region's labels with the predictions of heads that were not trained on them.</p>
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
            {found && <Found key={found.region} client={client} model={model} {...found} />}
          </>
        );
      }}
    </Loaded>
  );
}

interface FoundProps {
  client: UpriverClient;
  model: string;
  region: string;
  suspects: Suspects;
}

function Found({ client, model, region, suspects: { samples, disagreements, suspects } }: FoundProps) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [sent, setSent] = useState<{ ids: ReadonlySet<string>; now: number; waiting: number } | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  if (suspects.length === 0) {
    return (
      <Empty title={`No suspect in ${region}.`}>
        <p>
          {samples < suspectsLeast
            ? `It has ${count(samples)} labels that a retrain has read. Suspects are looked for from ${suspectsLeast} on.`
            : `A head that was not trained on them agrees with all ${count(samples)} labels.`}
        </p>
      </Empty>
    );
  }
  const isSent = ({ id, inReview }: Suspect) => inReview === true || (sent?.ids.has(id) ?? false);
  const open = suspects.filter((one) => !isSent(one));
  const wanted = chosen.size > 0 ? open.filter(({ id }) => chosen.has(id)) : open;
  const choose = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      const ids = wanted.map(({ id }) => id);
      const { sent: now, waiting } = await client.reviewSuspects(model, region, ids);
      setSent({ ids: new Set([...(sent?.ids ?? []), ...ids]), now, waiting });
      setChosen(new Set());
    } catch (error) {
      setFailure(error as Error);
    }
    setBusy(false);
  };
  return (
    <form onSubmit={send}>
      <p class="muted">
        Of {count(samples)} labels of {region}, heads that were not trained on them disagree with {count(disagreements)}
        . The first ones are the most suspicious. Open one to correct it, or send them to review: a person sees neither
        the label nor the prediction, and the answer replaces the label.
      </p>
      <div class="actions start">
        <button type="submit" disabled={isBusy || wanted.length === 0}>
          Send {chosen.size > 0 ? "" : "all "}
          {count(wanted.length)} to review
        </button>
        {sent && (
          <span role="status">
            {count(sent.now)} sent; {count(sent.waiting)} of {region} wait for people.{" "}
            <a href={linkTo("review", model)}>Review</a>
          </span>
        )}
      </div>
      {failure && <ProblemNotice error={failure} />}
      <DataTable caption={`Labels of ${region} that may be wrong`} columns={columns}>
        {suspects.map((one) => (
          <tr key={one.id} data-suspect={one.id}>
            <th scope="row">
              <a href={linkTo("questions", model, one.id)}>{day(one.at)}</a>
            </th>
            <td data-label="Label">
              {one.label} <small>by {one.source}</small>
            </td>
            <td data-label="Predicted">{one.suggestion}</td>
            <td class="number" data-label="Margin">
              {three(one.margin)}
            </td>
            <td data-label="To review">
              {isSent(one) ? (
                <Badge kind="plain">in review</Badge>
              ) : (
                <input
                  type="checkbox"
                  aria-label={`Send ${one.label}, ${day(one.at)}, to review`}
                  checked={chosen.has(one.id)}
                  onChange={() => choose(one.id)}
                />
              )}
            </td>
          </tr>
        ))}
      </DataTable>
    </form>
  );
}
