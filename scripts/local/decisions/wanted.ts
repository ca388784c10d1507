import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import type { ExternalRung } from "#core/contract/index.ts";
import { isDoubled, reachOf } from "#core/rung/external/endpoint.ts";
import { externalRungsOf, ladderOf } from "#core/rung/external/ladder.ts";
import { findDocument } from "#origin/recipes/index.ts";

const suffix = ".recipe.json";

/** A recipe's rungs that the local decision server stands in for. */
export interface WantedDouble {
  recipe: string;
  rungs: ExternalRung[];
}

/** Finds the recipes of a folder, and the one that is served, whose external rungs have no key in `.dev.vars`. */
export async function wantedDoubles(folder: string, served: string | null): Promise<WantedDouble[]> {
  const vars = join(folder, ".dev.vars");
  const settings = existsSync(vars) ? parseEnv(await readFile(vars, "utf8")) : {};
  const files = (await readdir(folder)).filter((name) => name.endsWith(suffix));
  const names = new Set([...files.map((name) => name.slice(0, -suffix.length)), ...(served === null ? [] : [served])]);
  const found = await Promise.all(
    [...names].map(async (recipe) => {
      // A recipe that can't be read is reported where it is used.
      const document = (await findDocument(recipe, folder).catch(() => null))?.document;
      const rungs = document && "rungs" in document ? externalRungsOf(ladderOf(document.rungs)) : [];
      return { recipe, rungs: rungs.filter((rung) => isDoubled(rung) && reachOf(rung, settings) === null) };
    }),
  );
  return found.filter(({ rungs }) => rungs.length > 0);
}
