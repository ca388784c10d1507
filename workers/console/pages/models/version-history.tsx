import type { VersionList } from "#client/index.ts";
import { Empty } from "#console/parts/states.tsx";
import { moment, percent } from "#core/format.ts";

/** What was done with the versions; what was done with heads stands with their region. */
export function VersionHistory({ list: { history } }: { list: VersionList }) {
  const own = history.filter(({ region }) => region === null);
  if (own.length === 0) return <Empty title="Nothing was done yet." />;
  return (
    <ul class="list">
      {own.slice(0, 20).map((event) => (
        <li key={`${event.at}${event.action}${event.version}`}>
          {moment(event.at)}: {wordsOf(event)}
          {event.reason && `: ${event.reason}`}
        </li>
      ))}
    </ul>
  );
}

function wordsOf({ action, version, share }: VersionList["history"][number]): string {
  switch (action) {
    case "published":
      return `version ${version} published`;
    case "stable":
      return `version ${version} serves all`;
    case "canary":
      return `version ${version} for ${percent(share)} of callers`;
    case "rollback":
      return `rolled back, version ${version}`;
    default:
      return `${action} ${version}`;
  }
}
