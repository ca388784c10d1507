import {
  assignByContent,
  assignSplit,
  contentKey,
  groupKeyOf,
  type Keyed,
  type SplitAssignment,
  splitsOf,
} from "#core/confidence/splits.ts";
import type { ClassifyManifest } from "#core/contract/index.ts";
import type { GroupKeys } from "../tables/group-keys.ts";

/** What splitting reads and changes. */
interface SplittingNeeds {
  splitSecret: string;
  groupKeys: Pick<GroupKeys, "isEnoughWith">;
}

/** Assigns a region's questions to splits, each once. */
export class Splitting {
  private readonly needs: SplittingNeeds;

  constructor(needs: SplittingNeeds) {
    this.needs = needs;
  }

  /** Assigns a question by its group key; by its content while the region has few groups, so that it learns at once. */
  assign(manifest: ClassifyManifest, question: Keyed): SplitAssignment & { groupKey: string } {
    const { groupBy } = manifest.policy;
    const splits = splitsOf(manifest, this.needs.splitSecret);
    const groupKey = groupKeyOf(groupBy, question);
    const isAlone = groupBy.by === "question" || groupBy.by === "content";
    if (isAlone || this.needs.groupKeys.isEnoughWith(groupKey)) {
      return { ...assignSplit(splits, groupKey), groupKey };
    }
    const { content } = question;
    return { ...assignByContent(splits, content), groupKey: contentKey(groupKey, content) };
  }
}
