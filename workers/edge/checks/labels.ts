import type { Finding } from "#core/contract/index.ts";
import type { RegionSummary } from "#objects/region/api.ts";
import { faulty, sound } from "./finding.ts";

type LabelledRegion = Pick<RegionSummary, "region" | "lastRun" | "influence">;

/** Above this share of its labels by one token without trust, a region has nothing to judge them by. */
const untrustedMaxShare = 0.9;

/** Checks the labels of tokens without trust: that no retrain waits for a person, and that they are few. */
export function checkLabels(model: string, states: readonly LabelledRegion[]): Finding {
  const check = `${model}: labels`;
  const held = states.find(({ lastRun }) => lastRun?.status === "held");
  if (held) {
    const { region, lastRun } = held;
    const owners = lastRun?.report?.heldFor ?? [];
    const names = owners.map((owner) => `'${owner}'`).join(", ");
    const accept = `npx upriver retrain ${model} --region ${region} ${owners.map((owner) => `--accept-owner ${owner}`).join(" ")}`;
    const remedy = `Read them with npx upriver samples ${model}. Then accept them: ${accept}; or forget them: npx upriver forget ${model} --owner ${owners[0] ?? "<token>"}.`;
    return faulty(
      check,
      `the last retrain of ${region} waits for a person: labels of ${names} decide it, and are not trusted`,
      remedy,
    );
  }
  for (const { region, influence } of states) {
    const all = influence?.owners.reduce((sum, { samples }) => sum + samples, 0) ?? 0;
    const [most] = influence?.owners ?? [];
    if (!most || most.trusted || most.samples <= untrustedMaxShare * all) continue;
    const found = `${most.samples} of ${all} labels in ${region} are of '${most.owner}', which is not trusted: nothing judges by them`;
    return faulty(
      check,
      found,
      "Label questions with a trusted token or by people, or trust this token if you know who labels with it.",
    );
  }
  const refused = states.filter(({ influence }) => (influence?.refusedToday ?? 0) > 0);
  if (refused.length > 0) {
    const where = refused.map(({ region, influence }) => `${region} (${influence?.refusedToday})`).join(", ");
    const remedy = `npx upriver samples ${model} shows who labels. Revoke a token that attacks, or trust it if you know who labels with it.`;
    return faulty(
      check,
      `labels of tokens that are not trusted were refused today in ${where}: more than the limits`,
      remedy,
    );
  }
  const untrusted = states.reduce((sum, { influence }) => sum + (influence?.untrusted ?? 0), 0);
  return sound(
    check,
    untrusted === 0
      ? "all are of trusted tokens"
      : `${untrusted} are of tokens that are not trusted, within the limits`,
  );
}
