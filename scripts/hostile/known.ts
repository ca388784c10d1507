import { benchInstance, benchModel } from "../bench/model.ts";
import type { LocalLadder } from "../local/ladder.ts";
import type { Known } from "./requests.ts";

/** Most requests have the token that may do everything: with others most end at a scope. */
const scopesOfTokens = 8;

/** What hostile requests may name on a ladder that serves the bench's model. */
export function knownOf({ credentials: { tokens } }: Pick<LocalLadder, "credentials">, models = [benchModel]): Known {
  const instance = JSON.stringify(benchInstance);
  const columns = Object.entries(benchInstance as Record<string, number>);
  const inputs = columns.map(([name, value]) => ({ name, shape: [1], datatype: "FP64", data: [value] }));
  const choice = { type: "yes-no", instructions: "Is it?" };
  return {
    models,
    regions: ["world", "weur"],
    tokens: [...Object.values(tokens), ...Array<string>(2 * scopesOfTokens).fill(tokens.admin)],
    bodies: {
      "/ask": `{"instances":[${instance}]}`,
      ":predict": `{"instances":[${instance}]}`,
      ":regress": `{"examples":[${instance}]}`,
      "/infer": JSON.stringify({ id: "a", inputs, outputs: [{ name: "label" }], parameters: { region: "world" } }),
      "/systemone": JSON.stringify({ model: models[0], state: benchInstance, questions: { q: choice } }),
      "/decisions": JSON.stringify({ model: models[0], input: instance, questions: [choice] }),
      "/truths": `{"truths":[{"label":"no-such-label","question":{"instance":${instance}}}]}`,
      "/truth": '{"label":"no-such-label"}',
      "/answer": '{"label":"no-such-label"}',
      "/flag": '{"reason":"none"}',
      "/review/label-studio": `[{"data":{"upriver_id":"${models[0]}~world~never"},"annotations":[]}]`,
      "/rollout": '{"version":2147483647,"share":0.5,"watch":true}',
      "/rollback": '{"region":"world","head":2147483647}',
      "/retrain": '{"at":-1}',
    },
  };
}
