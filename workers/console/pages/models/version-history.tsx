import type { VersionList } from "#client/index.ts";
import { Empty } from "#console/parts/states.tsx";
import { moment, percent } from "#core/format.ts";

/** The history of the versions; the history of heads is on the page of their region. */
export function VersionHistory({ list: { history } }: { list: VersionList }) {
  const own = history.filter(({ region }) => region === null);
  if (own.length === 0) return <Empty title="No history yet." />;
  return (
    <ul class="list">
      {own.slice(0, 20).map((event) => (
        <li key={`${event.at}${event.action}${event.version}`}>
          {moment(event.at)}: {describeEvent(event)}
          {event.reason && `: ${event.reason}`}
        </li>
      ))}
    </ul>
  );
}

function describeEvent({ action, version, share }: VersionList["history"][number]): string {
  switch (action) {
    case "published":
      return `version ${version} published`;
    case "stable":
      return `version ${version} serves all callers`;
    case "canary":
      return `version ${version} serves ${percent(share)} of callers as a canary`;
    case "rollback":
      return `rolled back to version ${version}`;
    default:
      return `${action} ${version}`;
  }
}
