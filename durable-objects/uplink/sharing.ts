import { toBase64 } from "#core/bytes.ts";
import {
  contributionMinLabels,
  type NewContribution,
  type Share,
  shareSchema,
  type Truths,
} from "#core/contract/index.ts";
import type { Jobs } from "../jobs.ts";
import type { LabelsForAbove, RegionApi } from "../region/api.ts";
import type { RegistryApi } from "../registry/api.ts";
import type { Remote } from "../stubs.ts";
import { type Above, AboveError } from "./above.ts";
import type { ContributedRegions } from "./tables/contributed.ts";
import type { SentSums } from "./tables/sent.ts";
import type { Settings } from "./tables/settings.ts";
import type { SharedRegions } from "./tables/shared.ts";
import type { TakenModels } from "./tables/taken.ts";

const sumsSeconds = 300;
/** How long what could not go up waits, unless the line comes back before. */
const retryMs = 15_000;
/** How long what the rung above has refused waits. */
const refusedMs = 5 * 60_000;
/** How often every region is looked at, whatever it has reported. */
const sweepMs = 3_600_000;
/** Characters of a request with labels, and how many it has at most. */
const batchMaxChars = 1024 * 1024;
const batchMaxLabels = 200;

type Region = Pick<Remote<RegionApi>, "labelsForAbove" | "sumsForAbove">;
type Labels = LabelsForAbove["labels"];

interface SharingNeeds {
  /** The setting SHARE. */
  share: string | undefined;
  /** The setting SUMS_SECONDS. */
  sumsSeconds: string | undefined;
  above: Pick<Above, "call">;
  taken: Pick<TakenModels, "all">;
  shared: SharedRegions;
  contributed: ContributedRegions;
  sent: SentSums;
  settings: Settings;
  jobs: Pick<Jobs, "bringForward" | "put">;
  registry: (model: string) => Pick<Remote<RegistryApi>, "news" | "regions">;
  region: (model: string, region: string) => Region;
}

/**
 * Sends up what was learned on site, as the setting SHARE says: each label as a sample (`samples`), sums over the labels
 * (`sums`), or nothing. What waits is on the disk of the regions: samples up to a revision have gone up, and their ids above
 * are always the same, so that what is sent twice counts once.
 */
export class Sharing {
  readonly share: Share;
  private readonly needs: SharingNeeds;
  /** The reports that this instance has seen, by model; a new instance looks at every region once. */
  private readonly seenUntil = new Map<string, number>();
  private sweptAt = 0;
  /** When the sums of a region, by key, were last found to be nothing to send: a region reports more often than they change. */
  private readonly unsentAt = new Map<string, number>();

  constructor(needs: SharingNeeds) {
    this.needs = needs;
    // A name that is not known shares nothing.
    this.share = shareSchema.catch("nothing").parse(needs.share || "samples");
    if (!this.hasFollowed()) needs.jobs.put("follow", "", Date.now());
  }

  /**
   * Looks where something is new, in one call of each registry, and schedules the jobs. Returns how many questions and changes of
   * samples wait to go up.
   */
  async look(): Promise<number> {
    const { taken, registry, shared, jobs } = this.needs;
    const isSweep = Date.now() - this.sweptAt > sweepMs;
    if (isSweep) await this.withdrawWhatIsGone();
    let backlog = 0;
    for (const { model, version } of taken.all()) {
      if (version === null) continue;
      const news = await registry(model).news(isSweep ? 0 : (this.seenUntil.get(model) ?? 0));
      backlog += news.backlog;
      this.seenUntil.set(model, Math.max(this.seenUntil.get(model) ?? 0, ...news.regions.map(({ at }) => at)));
      const regions = new Set(news.regions.map(({ region }) => region));
      if (isSweep) for (const region of await registry(model).regions()) regions.add(region);
      if (this.share === "samples") {
        for (const { region, revision } of news.regions) {
          const known = shared.get(model, region);
          if (revision > known.seen) shared.set(model, region, { ...known, seen: revision });
          else if (!isSweep && revision === known.revision) regions.delete(region);
        }
      }
      const keys = [...regions].map((region) => keyOf(model, region));
      if (this.share !== "nothing") jobs.bringForward(this.share, keys, Date.now());
    }
    if (isSweep) this.sweptAt = Date.now();
    return backlog + (this.share === "samples" ? shared.waiting() : 0);
  }

  /** The job `samples`: sends a page of the labels that a region has learned on site. */
  async sendSamples(key: string): Promise<number | null> {
    const { shared, region } = this.needs;
    if (this.share !== "samples") return null;
    if (!this.hasFollowed()) return Date.now() + retryMs;
    const [model, name] = addressOf(key);
    const known = shared.get(model, name);
    const page = await region(model, name).labelsForAbove(known.revision, known.epoch ?? undefined);
    if (!page) return null;
    try {
      for (const labels of batchesOf(page.labels)) await this.sendLabels(model, page.region, labels);
      for (const id of page.forgotten) await this.remove(`/v1/questions/${encodeURIComponent(id)}`);
    } catch (error) {
      if (!(error instanceof AboveError)) throw error;
      return Date.now() + retryMs;
    }
    const seen = Math.max(page.revision, page.isLast ? 0 : shared.get(model, name).seen);
    shared.set(model, name, { epoch: page.epoch ?? null, revision: page.revision, seen });
    return page.isLast ? null : Date.now();
  }

  /** The job `sums`: brings what the rung above has of a region up to date. */
  async sendSums(key: string): Promise<number | null> {
    const { shared, contributed, sent, region, above } = this.needs;
    if (this.share !== "sums") return null;
    const [model, name] = addressOf(key);
    const before = contributed.find(model, name);
    const sendAt = (before?.at ?? 0) + (before?.fault ? refusedMs : this.everyMs());
    const dueAt = Math.max(sendAt, (this.unsentAt.get(key) ?? 0) + this.everyMs());
    if (Date.now() < dueAt) return dueAt;
    const sentThrough = shared.get(model, name).revision;
    const now = await region(model, name).sumsForAbove({
      ...{ minLabels: contributionMinLabels, sentThrough },
      sent: sent.of(model, name),
    });
    const rest = () => {
      this.unsentAt.set(key, Date.now());
      return null;
    };
    if (!now) return rest();
    if (now.sums === null) return before ? this.withdraw(key) : rest();
    // What is in another region above would count there as well, and nothing here would know of it.
    if (before && before.above !== now.above) return (await this.withdraw(key)) ?? Date.now();
    // The difference of two contributions would tell the rung above what is in it. What was forgotten leaves at once.
    if (now.change === "few") return before && now.forgotten > before.forgotten ? this.withdraw(key) : rest();
    if (before && !before.fault && now.change === "none") return rest();
    const revision = Math.max(Date.now(), (before?.revision ?? 0) + 1);
    const { labels, forgotten, backbone, classes } = now;
    const row = { model, region: name, above: now.above, revision, labels, forgotten, backbone, at: Date.now() };
    // Before it is sent: what may be above can be withdrawn.
    contributed.set({ ...row, fault: "it was not taken yet" });
    sent.set({ model, region: name, backbone, classes });
    try {
      const sums = toBase64(new Uint8Array(now.sums));
      const body: NewContribution = { revision, backbone, labels: now.names, sums };
      const { status, detail } = await above.call("PUT", pathOf(model, now.above, name), body);
      const fault = status < 300 ? null : `status ${status}: ${detail}`;
      if (fault) console.warn(JSON.stringify({ event: "sums-not-taken", model, region: name, fault }));
      contributed.set({ ...row, fault });
      return fault ? Date.now() + refusedMs : null;
    } catch (error) {
      if (!(error instanceof AboveError)) throw error;
      contributed.set({ ...row, at: 0, fault: "it was not taken yet" });
      return Date.now() + retryMs;
    }
  }

  /** The job `withdraw`: removes what the rung above has of a region. */
  async withdraw(key: string): Promise<number | null> {
    const { contributed } = this.needs;
    const [model, name] = addressOf(key);
    const row = contributed.find(model, name);
    if (!row) return null;
    try {
      if (!(await this.remove(pathOf(model, row.above, name)))) return Date.now() + refusedMs;
    } catch (error) {
      if (!(error instanceof AboveError)) throw error;
      return Date.now() + retryMs;
    }
    contributed.remove(model, name);
    console.log(JSON.stringify({ event: "sums-withdrawn", model, region: name }));
    return null;
  }

  /** Sends at once what has waited since the line was cut. */
  isBack(): void {
    const { contributed, jobs } = this.needs;
    this.sweptAt = 0;
    if (this.share === "sums") return;
    jobs.bringForward(
      "withdraw",
      contributed.all().map(({ model, region }) => keyOf(model, region)),
      Date.now(),
    );
  }

  /**
   * The job `follow`: follows a change of the setting. Sums that are above are withdrawn, unless sums are what is shared; samples go up from now on,
   * and not what was learned while nothing of it was to leave the site.
   */
  async follow(): Promise<null> {
    const { settings, taken, registry, region, shared } = this.needs;
    const before = settings.get("share");
    if (before !== null && before !== this.share && this.share === "samples") {
      for (const { model } of taken.all()) {
        for (const name of await registry(model).regions()) {
          let page = await region(model, name).labelsForAbove(0);
          while (page && !page.isLast) page = await region(model, name).labelsForAbove(page.revision, page.epoch);
          if (!page) continue;
          shared.set(model, name, { epoch: page.epoch ?? null, revision: page.revision, seen: page.revision });
        }
      }
    }
    settings.set("share", this.share);
    this.isBack();
    return null;
  }

  private hasFollowed(): boolean {
    return this.needs.settings.get("share") === this.share;
  }

  private everyMs(): number {
    const seconds = Number(this.needs.sumsSeconds || sumsSeconds);
    return (seconds > 0 ? seconds : sumsSeconds) * 1_000;
  }

  private async withdrawWhatIsGone(): Promise<void> {
    const { contributed, registry, jobs } = this.needs;
    for (const [model, rows] of Map.groupBy(contributed.all(), (row) => row.model)) {
      const known = new Set(await registry(model).regions());
      const gone = rows.filter(({ region }) => !known.has(region));
      jobs.bringForward(
        "withdraw",
        gone.map(({ region }) => keyOf(model, region)),
        Date.now(),
      );
    }
  }

  /** Sends labels; where the rung above refuses them together, one by one without those that it does not take. */
  private async sendLabels(model: string, region: string, labels: Labels): Promise<void> {
    const [{ source }] = labels as [Labels[number]];
    const truths = labels.map(({ id, label, instance, at }) => {
      return instance === null ? { id, label } : { label, question: { id, region, instance, at } };
    });
    const body: Truths = { truths, ...(source === "human" ? { source } : {}) };
    const { status, detail } = await this.needs.above.call("POST", `/v1/models/${model}/truths`, body);
    if (status < 300) return;
    if (labels.length > 1) {
      for (const label of labels) await this.sendLabels(model, region, [label]);
      return;
    }
    console.warn(JSON.stringify({ event: "label-not-taken", model, ids: labels.map(({ id }) => id), status, detail }));
  }

  /** Removes something above; false where the rung above refuses it. What is not there is removed. */
  private async remove(path: string): Promise<boolean> {
    const { status, detail } = await this.needs.above.call("DELETE", path);
    if (status < 300 || status === 404) return true;
    console.warn(JSON.stringify({ event: "not-removed-above", path, status, detail }));
    return false;
  }
}

function* batchesOf(labels: Labels): Generator<Labels> {
  for (const ofSource of Map.groupBy(labels, ({ source }) => source).values()) {
    let batch: Labels = [];
    let chars = 0;
    for (const label of ofSource) {
      const own = JSON.stringify(label).length;
      if (batch.length > 0 && (batch.length === batchMaxLabels || chars + own > batchMaxChars)) {
        yield batch;
        [batch, chars] = [[], 0];
      }
      batch.push(label);
      chars += own;
    }
    if (batch.length > 0) yield batch;
  }
}

function pathOf(model: string, above: string, region: string): string {
  return `/v1/models/${model}/regions/${encodeURIComponent(above)}/contributions/${encodeURIComponent(region)}`;
}

const keyOf = (model: string, region: string) => JSON.stringify([model, region]);
const addressOf = (key: string) => JSON.parse(key) as [model: string, region: string];
