import type { ComponentChildren } from "preact";

/** A column: its title, which may be for the ear alone, and whether it holds numbers. */
export interface TableColumn {
  title: string;
  isNumber?: boolean;
  isUnseen?: boolean;
}

interface Props {
  /** What the table is of, for whoever does not see it. */
  caption: string;
  columns: TableColumn[];
  /** Rows, whose cells carry `data-label`: a narrow page shows each row as a card. */
  children: ComponentChildren;
}

/** A table, or on a narrow page a card for each row. */
export function Table({ caption, columns, children }: Props) {
  return (
    <div class="scroll">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, isNumber, isUnseen }) => (
              <th key={title} scope="col" class={isNumber ? "number" : undefined}>
                {isUnseen ? <span class="unseen">{title}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** Columns by their titles: `#` before one of numbers, `~` before one for the ear alone. */
export function columnsOf(...titles: string[]): TableColumn[] {
  return titles.map((title) => ({
    title: title.replace(/^[#~]/, ""),
    isNumber: title.startsWith("#"),
    isUnseen: title.startsWith("~"),
  }));
}
