import { useState } from "preact/hooks";
import type { UpriverClient } from "#client/index.ts";
import { Empty, ProblemNotice } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { linkTo } from "#console/route.ts";
import { count, day } from "#core/format.ts";
import { ndjsonOf, parquetOf, save } from "./export.ts";
import { isWanted, readSamples, type Sample, type SampleFilter, samplesMax } from "./read-samples.ts";

const shownMax = 25;
const briefMax = 80;
const columns = columnsOf("Asked", "Region", "Instance", "Label", "Source", "Split");
const all: SampleFilter = { region: "", label: "", source: "", since: "", until: "" };

/** The samples of all regions, read when somebody asks for them; filtered, counted and exported. */
export function Samples({ client, model }: { client: UpriverClient; model: string }) {
  const [loaded, setLoaded] = useState<{ samples: Sample[]; isAll: boolean } | null>(null);
  const [progress, setProgress] = useState<number | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [filter, setFilter] = useState(all);
  const load = async () => {
    setFailure(null);
    setProgress(0);
    await readSamples(client, model, setProgress).then(setLoaded, setFailure);
    setProgress(null);
  };
  if (!loaded) {
    return (
      <>
        {failure && <ProblemNotice error={failure} onRetry={load} />}
        <button type="button" disabled={progress !== null} onClick={load}>
          {progress === null ? "Read the samples" : `${count(progress)} read …`}
        </button>
        <p class="muted">
          Reads up to {count(samplesMax)} samples of all regions into this page, with their instances where the model
          keeps them.
        </p>
      </>
    );
  }
  const wanted = loaded.samples.filter((sample) => isWanted(sample, filter));
  return (
    <>
      {!loaded.isAll && (
        <p class="notice warn">
          There are more than this page holds: <code>npx upriver samples {model}</code> reads all.
        </p>
      )}
      <FilterForm samples={loaded.samples} filter={filter} onFilter={setFilter} />
      <div class="actions start">
        <span role="status">
          {count(wanted.length)} of {count(loaded.samples.length)} samples
          {wanted.length > shownMax && `, the newest ${shownMax} below`}
        </span>
        <button type="button" disabled={wanted.length === 0} onClick={() => save(ndjsonOf(wanted), `${model}.ndjson`)}>
          Export as NDJSON
        </button>
        <button
          type="button"
          disabled={wanted.length === 0}
          onClick={() => save(parquetOf(wanted), `${model}.parquet`)}
        >
          Export as Parquet
        </button>
      </div>
      {wanted.length === 0 ? (
        <Empty title="No sample passes this filter." />
      ) : (
        <DataTable caption={`The newest ${shownMax} samples that pass the filter`} columns={columns}>
          {wanted.slice(0, shownMax).map(({ id, region, instance, label, source, split, at }) => (
            <tr key={id}>
              <th scope="row" class="whole">
                <a href={linkTo("questions", model, id)}>{day(at)}</a>
              </th>
              <td data-label="Region">{region}</td>
              <td data-label="Instance">{briefOf(instance)}</td>
              <td data-label="Label">{label}</td>
              <td data-label="Source">{source}</td>
              <td data-label="Split">{split}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </>
  );
}

/** The start of an instance: its text, or its first values that are known. */
function briefOf(instance: Sample["instance"]): string {
  if (instance === null) return "–";
  if (Array.isArray(instance)) return `${count(instance.flat(8).length)} numbers`;
  const known = Object.entries(instance as Record<string, unknown>).filter(([, value]) => value !== null);
  const sentence = known.find(([, value]) => typeof value === "string" && value.includes(" "))?.[1] as string;
  const text = sentence ?? known.map(([name, value]) => `${name} ${value}`).join(", ");
  return text.length > briefMax ? `${text.slice(0, briefMax)}…` : text;
}

interface FormProps {
  samples: readonly Sample[];
  filter: SampleFilter;
  onFilter: (filter: SampleFilter) => void;
}

function FilterForm({ samples, filter, onFilter }: FormProps) {
  const set = (name: keyof SampleFilter) => (event: { currentTarget: HTMLInputElement | HTMLSelectElement }) =>
    onFilter({ ...filter, [name]: event.currentTarget.value });
  const choice = (name: "region" | "label" | "source", title: string) => {
    const counts = Map.groupBy(samples, (sample) => sample[name]);
    return (
      <label>
        {title}
        <select value={filter[name]} onChange={set(name)}>
          <option value="">all</option>
          {[...counts].sort().map(([value, own]) => (
            <option key={value} value={value}>
              {value} ({count(own.length)})
            </option>
          ))}
        </select>
      </label>
    );
  };
  return (
    <form class="fields" aria-label="Filter of samples" onSubmit={(event) => event.preventDefault()}>
      {choice("region", "Region")}
      {choice("label", "Label")}
      {choice("source", "Source")}
      <label>
        Since
        <input type="date" value={filter.since} onChange={set("since")} />
      </label>
      <label>
        Before
        <input type="date" value={filter.until} onChange={set("until")} />
      </label>
    </form>
  );
}
