import type { DeviceAnswer } from "#client/device/types.ts";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Scores } from "#console/parts/scores.tsx";
import { Badge, Empty } from "#console/parts/states.tsx";
import { duration, percent, shortVersion } from "#core/format.ts";

interface Props {
  first: DeviceAnswer | null;
  /** The final answer of a question that escalated. */
  final: DeviceAnswer | null;
  /** Time from asking to the device's answer, ms. */
  tookMs: number;
}

/** What the device answered, and the final answer where it escalated. */
export function DeviceResult({ first, final, tookMs }: Props) {
  if (!first) {
    return (
      <Empty title="No question asked on this device yet.">
        <p>Press Ask: this browser answers with the model that it has loaded.</p>
      </Empty>
    );
  }
  return (
    <div role="status">
      <p class="result">
        <strong>{first.label}</strong> {percent(first.confidence)}{" "}
        {first.status === "open" ? <Badge kind="warn">escalated</Badge> : <Badge kind="good">answered here</Badge>}
      </p>
      <p class="muted">
        By this device in {duration(tookMs)}, version {shortVersion(first.version, first.region)}, region {first.region}
        . {proof(first)}
      </p>
      <Scores scores={first.scores} />
      {first.status === "open" && !final && (
        <p class="loading">Not accepted here. The final answer will appear; without a network it waits.</p>
      )}
      {final && (
        <p class="result" data-final={final.rung}>
          <strong>{final.label}</strong> {percent(final.confidence)}{" "}
          <span class="muted">by the {final.rung === "device" ? "device" : rungTitles[final.rung].toLowerCase()}</span>
        </p>
      )}
    </div>
  );
}

function proof({ accepted, personal, certificate, uncertified }: DeviceAnswer): string {
  if (!accepted) return "Not accepted.";
  if (personal) return "Accepted, by what this device was taught.";
  if (certificate) return `Accepted: at most ${percent(certificate.bound)} of accepted answers are wrong.`;
  return uncertified ? `Accepted without a certificate: ${uncertified.reason}.` : "Accepted.";
}
