import type { TokenState as State } from "#client/index.ts";
import { count } from "#core/format.ts";

/** What the token of this page may do. */
export function TokenState({ token: { id, scopes, models, regions, limits, trusted, node } }: { token: State }) {
  const all = (names: readonly string[]) => (names.includes("*") ? "all" : names.join(", "));
  const facts: [string, string][] = [
    ["This page's token", id],
    ["At", node],
    ["Scopes", scopes.join(", ")],
    ["Models", all(models)],
    ["Regions", all(regions)],
    ["Questions a minute", limits ? count(limits.questionsPerMinute) : "no limit"],
    ["Its labels", trusted ? "trusted" : "within limits"],
  ];
  return (
    <dl class="figures">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
