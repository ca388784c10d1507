import { count } from "#core/format.ts";

interface Props {
  labels: string[];
  /** The allowed labels; none stands for all. */
  chosen: string[];
  onChoose: (chosen: string[]) => void;
}

/** A checkbox for each label, which allows it as an answer. */
export function Candidates({ labels, chosen, onChoose }: Props) {
  const toggle = (label: string) =>
    onChoose(labels.filter((one) => (one === label ? !chosen.includes(one) : chosen.includes(one))));
  return (
    <details>
      <summary>
        {chosen.length === 0
          ? "All labels are allowed"
          : `Only ${count(chosen.length)} of ${count(labels.length)} labels are allowed`}
      </summary>
      <fieldset aria-label="Allowed labels; all if none is chosen">
        {labels.map((label) => (
          <label key={label}>
            <input type="checkbox" checked={chosen.includes(label)} onChange={() => toggle(label)} /> {label}
          </label>
        ))}
      </fieldset>
    </details>
  );
}
