import * as z from "zod";

/** What the setting SPLIT_SECRET draws by. */
export interface SplitSecrets {
  /** Draws which new questions are audited, explored and left out. What was drawn is stored with its question. */
  draws: string;
  /** Splits the samples of versions that have no key of their own. With another, a group would be in two splits. */
  splits: string;
}

const rotatedSchema = z.tuple([z.string().min(1), z.string().min(1)]);

/** Reads SPLIT_SECRET: one secret or, once it has been rotated, a JSON array of the new one and the first. */
export function splitSecretsOf(setting: string): SplitSecrets {
  const rotated = rotatedSchema.safeParse(setting.trimStart().startsWith("[") ? parsed(setting) : null);
  if (!rotated.success) return { draws: setting, splits: setting };
  const [draws, splits] = rotated.data;
  return { draws, splits };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
