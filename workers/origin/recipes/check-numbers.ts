import type { TrainableDocument } from "#core/contract/index.ts";
import { numberOf } from "#core/input/columns.ts";
import type { TableColumn } from "../table/table.ts";
import type { Checked, DataFault } from "./checked.ts";
import { labelIn, rowsText } from "./rows.ts";

type LabelPlan = Exclude<TrainableDocument["label"], string>;

const minRows = 20;
/** More labels than this, all numbers, are a quantity. */
const numericLabelsMax = 50;
const namedMax = 6;

/** Whether a label's column holds many different numbers: a quantity to predict, not labels to choose from. */
export function isQuantity(column: TableColumn, label: LabelPlan = { column: column.name }): boolean {
  if (column.isLong) return true;
  const texts = [...column.counts().keys()].filter((text) => labelIn({ task: "regress", label }, text) !== null);
  // A leading zero marks a code, such as a post code.
  return texts.length > numericLabelsMax && texts.every((text) => numberOf(text) !== null && !/^\s*0\d/.test(text));
}

/** Checks the label's column of a table whose label is a number. */
export function checkNumbers(column: TableColumn, label: LabelPlan): Checked {
  const faults: DataFault[] = [];
  const warnings: string[] = [];
  const { name } = column;
  const labelOf = (text: string) => labelIn({ task: "regress", label }, text);
  let [empty, known] = [0, 0];
  const distinct = new Set<number>();
  const odd = new Map<string, number>();
  for (let row = 0; row < column.rows; row++) {
    const text = column.text(row);
    const found = labelOf(text);
    const number = numberOf(found);
    if (found === null) empty++;
    else if (number === null) odd.set(text, (odd.get(text) ?? 0) + 1);
    else {
      known++;
      if (distinct.size < 2) distinct.add(number);
    }
  }
  if (odd.size > 0) {
    const listed = [...odd]
      .slice(0, namedMax)
      .map(([text, n]) => `'${text}' (${rowsText(column, (one) => one === text, n)})`);
    const rest = odd.size > namedMax ? ` and ${odd.size - namedMax} more` : "";
    faults.push({
      text: `'${name}' has texts that are no numbers: ${listed.join(", ")}${rest}. Write numbers such as 24.5, without units or thousands separators, or leave the rows out.`,
      repair: { drop: [...odd.keys()] },
    });
  }
  if (empty > 0) {
    warnings.push(
      `'${name}' is empty in ${rowsText(column, (text) => labelOf(text) === null, empty)}: left out. Fill in the number to train on them.`,
    );
  }
  if (known < minRows) {
    faults.push({
      text: `There are ${known} rows with a number; at least ${minRows} are needed. Add rows.`,
      repair: null,
    });
  } else if (distinct.size < 2) {
    const text = `'${name}' has a single number, ${[...distinct][0]}. There is nothing to predict: choose another label.`;
    faults.push({ text, repair: null });
  }
  return { faults, warnings };
}
