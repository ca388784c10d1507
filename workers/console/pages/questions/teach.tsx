import { useState } from "preact/hooks";
import type { UpriverClient } from "#client/index.ts";
import { ProblemNotice } from "#console/parts/states.tsx";

interface Props {
  client: UpriverClient;
  id: string;
  /** Data time of the question, where it is known. */
  at?: number;
  /** The labels to choose from; none where a number is typed. */
  labels: readonly string[];
  known: string | null;
  onTaught: () => void;
}

/** A form that teaches what a question turned out to be. */
export function Teach({ client, id, at, labels, known, onTaught }: Props) {
  const [label, setLabel] = useState(known ?? "");
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  const teach = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    await client.teach(id, { label, ...(at === undefined ? {} : { at }) }).then(onTaught, setFailure);
    setBusy(false);
  };
  const given = { value: label, required: true, "aria-label": "True label" };
  return (
    <form class="line" onSubmit={teach}>
      {labels.length > 0 ? (
        <select {...given} onChange={(event) => setLabel(event.currentTarget.value)}>
          <option value="">Choose the true label</option>
          {labels.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      ) : (
        <input {...given} type="number" step="any" onInput={(event) => setLabel(event.currentTarget.value)} />
      )}
      <button type="submit" disabled={isBusy || label === "" || label === known}>
        Teach
      </button>
      {failure && <ProblemNotice error={failure} />}
    </form>
  );
}
