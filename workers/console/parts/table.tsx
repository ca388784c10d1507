import type { ComponentChildren } from "preact";

/** A column: its title, whether it holds numbers, and whether only screen readers get the title. */
interface TableColumn {
  title: string;
  isNumber?: boolean;
  isUnseen?: boolean;
}

interface Props {
  /** A description for screen readers. */
  caption: string;
  columns: TableColumn[];
  /** Rows whose cells carry `data-label`: narrow pages show each row as a card. */
  children: ComponentChildren;
}

/** A table; on narrow pages, a card for each row. */
export function DataTable({ caption, columns, children }: Props) {
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

/** Builds columns from titles: `#` marks numbers, `~` a title for screen readers only. */
export function columnsOf(...titles: string[]): TableColumn[] {
  return titles.map((title) => ({
    title: title.replace(/^[#~]/, ""),
    isNumber: title.startsWith("#"),
    isUnseen: title.startsWith("~"),
  }));
}
