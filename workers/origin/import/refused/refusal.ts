/** An operation that the edge cannot run: the reason, the nodes or layers that use it, and what to do. */
export interface Refusal {
  operation: string;
  reason: string;
  advice: string;
  where: string[];
}

/** Joins refusals of one operation for one reason. */
export function refusalsOf(all: readonly Refusal[]): Refusal[] {
  const groups = Map.groupBy(all, ({ operation, reason }) => `${operation} ${reason}`);
  return [...groups.values()].map((group) => {
    return { ...(group[0] as Refusal), where: [...new Set(group.flatMap(({ where }) => where))] };
  });
}

const namedPlaces = 3;

/** Says what the edge cannot run, where, why, and what to do. */
export function refusalText(refusals: readonly Refusal[]): string {
  const texts = refusals.map(({ operation, reason, where, advice }) => {
    const places = where.slice(0, namedPlaces).map((place) => `'${place}'`);
    const more = where.length > namedPlaces ? ` and ${where.length - namedPlaces} more` : "";
    const at = where.length > 0 ? ` in ${places.join(", ")}${more}` : "";
    return `${operation}${at}: ${reason}. To serve it, ${advice}`;
  });
  return texts.join(". ");
}
