import type { Confusion } from "#client/index.ts";
import { count, percent } from "#core/format.ts";
import { columnsOf, DataTable } from "./table.tsx";

/** Labels up to which the whole matrix is drawn. */
const matrixMax = 12;
const listed = 15;

/** How often questions of each label got each prediction: as a matrix, or with many labels the most frequent confusions. */
export function ConfusionView({ labels, confusion }: { labels: readonly string[]; confusion: Confusion }) {
  const totals = labels.map((_, label) => confusion.reduce((sum, [true_, , n]) => sum + (true_ === label ? n : 0), 0));
  const used = labels.flatMap((name, label) =>
    confusion.some(([a, b]) => a === label || b === label) ? [{ name, label }] : [],
  );
  if (used.length > matrixMax) return <Worst labels={labels} confusion={confusion} totals={totals} />;
  const of = (label: number, predicted: number) => confusion.find(([a, b]) => a === label && b === predicted)?.[2] ?? 0;
  return (
    <div class="scroll">
      <p class="muted">Rows: true labels. Columns: predictions.</p>
      <table class="instance confusion">
        <caption class="unseen">Confusion matrix</caption>
        <thead>
          <tr>
            <td />
            {used.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {used.map(({ name, label }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {used.map((column) => {
                const n = of(label, column.label);
                const share = n / (totals[label] || 1);
                return (
                  <td
                    key={column.name}
                    class="number"
                    style={{
                      background: `color-mix(in srgb, var(--${column.label === label ? "good" : "bad"}) ${Math.round(share * 45)}%, transparent)`,
                    }}
                  >
                    {n === 0 ? "" : count(n)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Worst({ labels, confusion, totals }: { labels: readonly string[]; confusion: Confusion; totals: number[] }) {
  const worst = confusion
    .filter(([label, predicted]) => label !== predicted)
    .toSorted(([, , a], [, , b]) => b - a)
    .slice(0, listed);
  return (
    <DataTable
      caption="The most frequent confusions"
      columns={columnsOf("Label", "Predicted", "#Questions", "#Of the label's")}
    >
      {worst.map(([label, predicted, n]) => (
        <tr key={`${label} ${predicted}`}>
          <th scope="row">{labels[label]}</th>
          <td data-label="Predicted">{labels[predicted]}</td>
          <td class="number" data-label="Questions">
            {count(n)}
          </td>
          <td class="number" data-label="Of the label's">
            {percent(n / (totals[label] || 1))}
          </td>
        </tr>
      ))}
    </DataTable>
  );
}
