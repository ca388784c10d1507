import type { Ladder, ModelLadder, RegionState, Training } from "#client/index.ts";
import { needs } from "#console/parts/needs.ts";
import { linkTo } from "#console/route.ts";
import { count, dollars, nodeStateOf } from "#core/format.ts";
import { needsOf, regionNeeds } from "#core/region-need.ts";

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
  /** The regions that need most; null where they could not be read. */
  regions: readonly RegionState[] | null;
  /** The newest first. */
  trainings: readonly Training[];
}

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
  if (regions === null) {
    const links = [{ text: "Regions", href: linkTo("regions", model) }];
    const detail = `${model}: what its regions need is not known. This page asks again.`;
    return [{ kind: "warn", title: "Regions not read", detail, links }];
  }
  return regionNeeds.flatMap((need) => {
    const mine = regions.filter((state) => needsOf(state).includes(need));
    if (mine.length === 0) return [];
    const { kind, title, todo } = needs[need];
    const links = mine
      .slice(0, namedMax)
      .map(({ region }) => ({ text: region, href: linkTo("regions", model, region) }));
    const more = { text: `all ${count(mine.length)}`, href: linkTo("regions", model) };
    const where = mine.length === 1 ? model : `${model}, ${count(mine.length)} regions`;
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
