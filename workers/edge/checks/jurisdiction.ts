import type { Finding } from "#core/contract/index.ts";
import { registryObject } from "#objects/stubs.ts";
import type { Call } from "../call.ts";
import { faulty, sound } from "./finding.ts";

const check = "jurisdiction";

/**
 * Checks that objects are where the setting says, which only they can tell, and that it was not changed: the objects of another
 * jurisdiction have the same names and are empty.
 */
export async function checkJurisdiction({ env }: Call, models: readonly string[]): Promise<Finding> {
  const wanted = env.JURISDICTION || null;
  const empty: string[] = [];
  const others = new Set<string>();
  for (const model of models) {
    const registry = () => registryObject(env, model);
    try {
      if ((await registry().list()).versions.length === 0) empty.push(model);
      const found = await registry().jurisdiction();
      if (found !== wanted) others.add(found ?? "none");
    } catch (error) {
      if (wanted !== null) return faulty(check, String(error), "Leave JURISDICTION empty where the platform has none.");
    }
  }
  if (others.size > 0) {
    const remedy = "The platform did not apply the setting: ask its support before you store anything.";
    return faulty(check, `objects are in ${[...others].join(", ")} instead of ${wanted ?? "none"}`, remedy);
  }
  if (empty.length > 0) {
    const remedy =
      "Was JURISDICTION changed? Set it back: the objects of another jurisdiction are other, empty ones. See OPERATIONS.md, Jurisdictions.";
    return faulty(check, `R2 has versions of ${empty.join(", ")}, and their registries have none`, remedy);
  }
  if (wanted === null) return sound(check, "none: objects are placed near their callers");
  return sound(
    check,
    `objects are in '${wanted}'; the bucket's own setting can't be read from here: see wrangler.toml`,
  );
}
