import { count } from "#core/format.ts";

interface Props {
  labels: string[];
  /** The labels that may be answered; none stands for all. */
  chosen: string[];
  onChoose: (chosen: string[]) => void;
}

/** A checkbox for each label: which ones may be answered. */
export function Candidates({ labels, chosen, onChoose }: Props) {
  const toggle = (label: string) =>
    onChoose(labels.filter((one) => (one === label ? !chosen.includes(one) : chosen.includes(one))));
  return (
    <details>
      <summary>
        {chosen.length === 0
          ? "Any label may be answered"
          : `Only ${count(chosen.length)} of the labels may be answered`}
      </summary>
      <fieldset aria-label="Labels that may be answered; all if none is chosen">
        {labels.map((label) => (
          <label key={label}>
            <input type="checkbox" checked={chosen.includes(label)} onChange={() => toggle(label)} /> {label}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
