import type { TableColumn } from "../table/table.ts";

const leakRows = 20_000;
const minRows = 20;
/** The share of a number's variance above which a column that explains it alone is suspicious. */
const leakShare = 0.98;

/** Computes the share of a number's variance that another column explains alone, by a line; null unless suspicious. */
export function numberLeak(column: TableColumn, label: TableColumn): number | null {
  const step = Math.max(1, Math.floor(column.rows / leakRows));
  let [n, meanX, meanY, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
  for (let row = 0; row < column.rows; row += step) {
    const [x, y] = [column.number(row), label.number(row)];
    if (Number.isNaN(x + y)) continue;
    n++;
    const [fromX, fromY] = [x - meanX, y - meanY];
    meanX += fromX / n;
    meanY += fromY / n;
    xx += fromX * (x - meanX);
    yy += fromY * (y - meanY);
    xy += fromX * (y - meanY);
  }
  const share = xx > 0 && yy > 0 ? xy ** 2 / (xx * yy) : 0;
  return n >= minRows && share >= leakShare ? share : null;
}
