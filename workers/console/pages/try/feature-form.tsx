import { useState } from "preact/hooks";
import type { Column, Instance, Policy } from "#client/index.ts";

const numberPattern = "[+\\-]?[0-9]*\\.?[0-9]*([eE][+\\-]?[0-9]+)?";

type Values = Record<string, string>;
type Field = { name: string; kind: "number" | "choice" | "text" | "long"; values: string[] };

interface Props {
  columns: Column[];
  policy: Policy;
  examples: Instance[];
  onAsk: (instance: Instance) => void;
  isBusy: boolean;
}

/** A form with a field for each of the model's columns, filled with an example. */
export function FeatureForm({ columns, policy, examples, onAsk, isBusy }: Props) {
  const fields = fieldsOf(columns, policy);
  const [values, setValues] = useState<Values>(() => valuesOf(fields, examples[0]));
  const submit = (event: Event) => {
    event.preventDefault();
    onAsk(instanceOf(fields, values));
  };
  return (
    <form onSubmit={submit}>
      {examples.length > 1 && (
        <p class="line">
          <span class="muted">Fill in</span>
          {examples.map((example, i) => (
            <button key={i} type="button" class="quiet" onClick={() => setValues(valuesOf(fields, example))}>
              example {i + 1}
            </button>
          ))}
        </p>
      )}
      <div class="fields">
        {fields.map((field) => (
          <FieldInput
            key={field.name}
            field={field}
            value={values[field.name] ?? ""}
            onChange={(value) => setValues((before) => ({ ...before, [field.name]: value }))}
          />
        ))}
      </div>
      <button type="submit" class="primary" disabled={isBusy}>
        Ask
      </button>
    </form>
  );
}

interface FieldProps {
  field: Field;
  value: string;
  onChange: (value: string) => void;
}

function FieldInput({ field: { name, kind, values }, value, onChange }: FieldProps) {
  const id = `field-${name}`;
  return (
    <div class={kind === "long" ? "long" : undefined}>
      <label for={id}>{name}</label>
      {kind === "long" ? (
        <textarea id={id} rows={4} value={value} onInput={(event) => onChange(event.currentTarget.value)} />
      ) : kind === "choice" ? (
        <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          <option value="">missing</option>
          {values.map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : (
        <>
          <input
            id={id}
            inputMode={kind === "number" ? "decimal" : "text"}
            pattern={kind === "number" ? numberPattern : undefined}
            title={kind === "number" ? "A number; leave empty if the value is missing" : undefined}
            value={value}
            placeholder="missing"
            list={values.length > 0 ? `${id}-values` : undefined}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
          {values.length > 0 && (
            <datalist id={`${id}-values`}>
              {values.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          )}
        </>
      )}
    </div>
  );
}

function fieldsOf(columns: Column[], { regions, groupBy }: Policy): Field[] {
  const own = columns.flatMap((column): Field[] => {
    if (column.type === "region") return [];
    return [fieldOf(column)];
  });
  const has = (name: string) => own.some((field) => field.name === name);
  const region: Field[] =
    regions.from === "field" && regions.name && !has(regions.name)
      ? [{ name: regions.name, kind: "choice", values: regions.keys }]
      : [];
  const key: Field[] =
    groupBy.by === "field" && !has(groupBy.name) ? [{ name: groupBy.name, kind: "text", values: [] }] : [];
  return [...region, ...own, ...key];
}

function fieldOf(column: Exclude<Column, { type: "region" }>): Field {
  const { name } = column;
  switch (column.type) {
    case "number":
    case "cycle":
      return { name, kind: "number", values: [] };
    case "boolean":
      return { name, kind: "choice", values: ["true", "false"] };
    case "category":
      // With an other bucket any text is an answer.
      return column.other
        ? { name, kind: "text", values: column.values }
        : { name, kind: "choice", values: column.values };
    case "date":
    case "hashed":
      return { name, kind: "text", values: [] };
    case "text":
      return { name, kind: "long", values: [] };
  }
}

function valuesOf(fields: Field[], example: Instance | undefined): Values {
  const given = (example ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    fields.map(({ name }) => [name, given[name] === null || given[name] === undefined ? "" : String(given[name])]),
  );
}

function instanceOf(fields: Field[], values: Values): Instance {
  return Object.fromEntries(
    fields.flatMap(({ name, kind }): [string, string | number | null][] => {
      const value = values[name] ?? "";
      if (value === "") return kind === "text" || kind === "long" ? [] : [[name, null]];
      return [[name, kind === "number" ? Number(value) : value]];
    }),
  );
}
