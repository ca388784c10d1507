import type { QuestionFilter } from "#client/index.ts";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { linkTo } from "#console/route.ts";

type Query = QuestionFilter & { region?: string; before?: number };

/** Reads the filter that an address carries. */
export function filterOf(query: URLSearchParams): Query {
  const text = (name: string) => query.get(name) || undefined;
  const number = (name: string) => (text(name) === undefined ? undefined : Number(query.get(name)));
  const truth = (name: string) => (text(name) === undefined ? undefined : query.get(name) === "true");
  // While a year is typed it is that of a first century.
  const day = (name: string) => {
    const at = Date.parse(query.get(name) ?? "");
    return at >= 0 ? at : undefined;
  };
  const given = {
    ...{ region: text("region"), rung: text("rung"), label: text("label") },
    ...{ from: number("from"), to: number("to"), before: number("before") },
    ...{ wrong: truth("wrong"), open: truth("open"), warned: truth("warned") },
    ...{ since: day("since"), until: day("until") },
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Query;
}

interface Props {
  model: string;
  query: URLSearchParams;
  labels: readonly string[];
  regions: readonly string[];
}

/** The filter of a list of questions. It stands in the address, so that a list can be shared. */
export function Filter({ model, query, labels, regions }: Props) {
  const change = (name: string) => (event: { currentTarget: HTMLInputElement | HTMLSelectElement }) => {
    const next = new URLSearchParams(query);
    next.delete("before");
    if (event.currentTarget.value === "") next.delete(name);
    else next.set(name, event.currentTarget.value);
    // Without a step back for each key.
    location.replace(`${linkTo("questions", model)}?${next}`);
  };
  const choice = (name: string, title: string, values: readonly [value: string, text: string][]) => (
    <label>
      {title}
      <select value={query.get(name) ?? ""} onChange={change(name)}>
        <option value="">any</option>
        {values.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
  const field = (name: string, title: string, type: "number" | "date") => (
    <label>
      {title}
      <input
        type={type}
        value={query.get(name) ?? ""}
        {...(type === "number" ? { min: 0, max: 1, step: 0.01 } : {})}
        onChange={change(name)}
      />
    </label>
  );
  const same = (values: readonly string[]) => values.map((value): [string, string] => [value, value]);
  return (
    <form class="fields" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      {choice("region", "Region", same(regions))}
      {choice("rung", "Answered by", Object.entries(rungTitles))}
      {labels.length > 0 && choice("label", "Label", same(labels))}
      {choice("wrong", "Prediction", [
        ["true", "wrong"],
        ["false", "right"],
      ])}
      {choice("open", "State", [
        ["true", "open"],
        ["false", "answered"],
      ])}
      {choice("warned", "Warnings", [
        ["true", "some"],
        ["false", "none"],
      ])}
      {field("from", "Confidence from", "number")}
      {field("to", "Confidence to", "number")}
      {field("since", "Since", "date")}
      {field("until", "Before", "date")}
    </form>
  );
}
