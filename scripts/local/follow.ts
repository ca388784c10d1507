import type { UpriverClient } from "#client/index.ts";
import type { Training } from "#core/contract/index.ts";
import { trainingSteps } from "#core/contract/index.ts";
import { showProgress } from "./output.ts";
import { patiently } from "./patience.ts";

const lookEveryMs = 1_000;

/** Follows a training at the origin to its end and shows its progress. */
export async function followTraining(
  client: UpriverClient,
  { model, id }: Pick<Training, "model" | "id">,
): Promise<Training> {
  const bar = showProgress(`training ${model} at the origin`, trainingSteps.length);
  try {
    for (;;) {
      const training = await patiently(() => client.training(model, id));
      if (training.endedAt !== null) return training;
      const { step, progress } = training;
      bar.update(trainingSteps.indexOf(step) + (progress ? shareOf(progress) : 0), noteOf(training));
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  } finally {
    bar.end();
  }
}

// The full and the thin network count half each.
function shareOf({ network, epoch, epochs, share }: NonNullable<Training["progress"]>): number {
  return ((network === "full" ? 0 : 1) + (epoch - 1 + share) / epochs) / 2;
}

function noteOf({ state, step, progress }: Training): string {
  if (state === "queued") return "waiting for another training";
  if (!progress) return step;
  const { network, epoch, validationLoss, loss, secondsLeft } = progress;
  return `${step}: ${network} ${epoch}, loss ${(validationLoss ?? loss).toFixed(4)}, ${Math.ceil(secondsLeft / 60)} min left`;
}

/** Describes a training in one line. */
export function describeTraining({ id, model, state, step, version, verdict, samples, reason }: Training): string {
  const facts = [
    ...[`${model} ${id}: ${state}${state === "running" ? ` (${step})` : ""}`],
    ...(samples ? [`${samples.added} new samples of ${samples.known}`] : []),
    ...(verdict ? [verdict.reason] : []),
    ...(version === null ? [] : [`version ${version}`]),
    ...(reason && reason !== verdict?.reason ? [reason] : []),
  ];
  return facts.join("; ");
}
