import type { Ladder, ModelLadder, RegionState, Training } from "#client/index.ts";
import { linkTo } from "#console/route.ts";
import { count, dollars, nodeStateOf } from "#core/format.ts";
import { needsOf, type RegionNeed, regionNeeds } from "#core/region-need.ts";

/** Something that needs attention, and what to do: pages to open, or a command. */
export interface AttentionItem {
  kind: "bad" | "warn";
  title: string;
  detail: string;
  links: { text: string; href: string }[];
  command?: string;
}

/** What a model's regions and trainings need. */
export interface ModelNeeds {
  model: string;
  /** The regions that need most. */
  regions: readonly RegionState[];
  /** The newest first. */
  trainings: readonly Training[];
}

const needs: Record<RegionNeed, { kind: AttentionItem["kind"]; title: string; todo: string }> = {
  "certificate-void": {
    kind: "bad",
    title: "Certificate void",
    todo: "more answers were wrong than the target allows; look at the questions, or return to an earlier head",
  },
  "retrain-held": {
    kind: "warn",
    title: "Retrain held",
    todo: "labels of tokens that are not trusted decide it; accept or forget them",
  },
  "rung-above-fails": {
    kind: "bad",
    title: "Rung above fails",
    todo: "the region does not ask it for some seconds after repeated failures",
  },
  drift: {
    kind: "warn",
    title: "Input drift",
    todo: "the questions differ from those that the model was trained on; retrain",
  },
  "retrain-failed": { kind: "bad", title: "Retrain failed", todo: "see its reason, and retrain" },
  "escalation-does-not-pay": {
    kind: "warn",
    title: "Escalation does not pay",
    todo: "the rung above is not better than the edge; train a better one, or leave it out",
  },
  "cannot-be-certified": {
    kind: "warn",
    title: "Cannot be certified",
    todo: "the error is above the target; more labels, or a new version",
  },
};
const namedMax = 4;

/** Lists what needs attention, the most urgent first. */
export function attentionOf({ nextRung, models, nodes = [], at }: Ladder, of: readonly ModelNeeds[]): AttentionItem[] {
  const items: AttentionItem[] = [];
  if (nextRung?.up === false) {
    const detail = "Questions that escalate wait, and are asked again.";
    items.push({ kind: "bad", title: "Origin down", detail, links: [], command: "npx upriver doctor" });
  }
  for (const node of nodes.filter((one) => nodeStateOf(one, at) === "away")) {
    const detail = `Node ${node.id} has not been heard of for a minute.`;
    items.push({ kind: "bad", title: "Node away", detail, links: [], command: "npx upriver node list" });
  }
  for (const own of of) items.push(...regionItems(own), ...trainingItems(own));
  for (const model of models) items.push(...modelItems(model));
  return [...items.filter(({ kind }) => kind === "bad"), ...items.filter(({ kind }) => kind !== "bad")];
}

function regionItems({ model, regions }: ModelNeeds): AttentionItem[] {
  return regionNeeds.flatMap((need) => {
    const mine = regions.filter((state) => needsOf(state).includes(need));
    if (mine.length === 0) return [];
    const { kind, title, todo } = needs[need];
    const links = mine
      .slice(0, namedMax)
      .map(({ region }) => ({ text: region, href: linkTo("regions", model, region) }));
    const more = { text: `all ${count(mine.length)}`, href: `${linkTo("regions", model)}?by=need` };
    const where = mine.length === 1 ? `${model}` : `${model}, ${count(mine.length)} regions`;
    return [{ kind, title, detail: `${where}: ${todo}.`, links: mine.length > namedMax ? [...links, more] : links }];
  });
}

function trainingItems({ model, trainings }: ModelNeeds): AttentionItem[] {
  const [newest] = trainings;
  if (newest?.state !== "failed") return [];
  const links = [{ text: "Trainings", href: linkTo("models", model) }];
  return [{ kind: "bad", title: "Training failed", detail: `${model}: ${newest.reason ?? "no reason given"}`, links }];
}

function modelItems({ model, waiting, group, spending, unanswered }: ModelLadder): AttentionItem[] {
  const items: AttentionItem[] = [];
  if (group?.status === "void") {
    const detail = `${model}, all regions together: ${group.reason}.`;
    items.push({
      kind: "bad",
      title: "Certificate void",
      detail,
      links: [{ text: "Regions", href: linkTo("regions", model) }],
    });
  }
  if (waiting > 0) {
    const detail = `${model}: ${waiting === 1 ? "a question waits" : `${count(waiting)} questions wait`} for a person.`;
    items.push({
      kind: "warn",
      title: "Review queue",
      detail,
      links: [{ text: "Review", href: linkTo("review", model) }],
    });
  }
  if (spending && (spending.status === "choosing" || spending.status === "used-up")) {
    const limit = dollars(spending.usdPerMonth);
    const detail = `${model}: ${count(spending.leftOut)} questions were left out of ${limit} for ${spending.month}.`;
    items.push({ kind: "warn", title: "Budget", detail, links: [{ text: "Versions", href: linkTo("models", model) }] });
  }
  if (unanswered.length > 0) {
    const names = unanswered.slice(0, namedMax);
    const links = names.map((region) => ({ text: region, href: linkTo("regions", model, region) }));
    items.push({
      kind: "warn",
      title: "No report",
      detail: `${model}: regions that did not report their counts.`,
      links,
    });
  }
  return items;
}
