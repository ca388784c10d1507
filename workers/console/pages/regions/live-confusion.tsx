import { useState } from "preact/hooks";
import type { Confusion, QuestionBrief, UpriverClient } from "#client/index.ts";
import { ConfusionView } from "#console/parts/confusion.tsx";
import { Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { count } from "#core/format.ts";

const pageSize = 200;
const pagesMax = 5;
const everyMs = 30_000;

interface Props {
  client: UpriverClient;
  model: string;
  region: string;
}

/** What the region's last labelled questions turned out to be against what was predicted, once it is opened. Models of numbers have none. */
export function LiveConfusion(props: Props) {
  const { client, model } = props;
  const known = usePolled(`model ${model}`, () => client.model(model), null);
  const [isOpen, setOpen] = useState(false);
  if (!known.value || known.value.task === "tensor" || known.value.number) return null;
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Confusion matrix of the last labelled questions</summary>
      {isOpen && <Matrix {...props} />}
    </details>
  );
}

function Matrix({ client, model, region }: Props) {
  const live = usePolled(`confusion ${model} ${region}`, () => load(client, model, region), everyMs);
  return (
    <Loaded of={live}>
      {({ labels, confusion, questions }) =>
        questions === 0 ? (
          <Empty title="No stored question has a label yet." />
        ) : (
          <>
            <p class="muted">
              Of {count(questions)} labelled questions among the last {count(pageSize * pagesMax)} stored.
            </p>
            <ConfusionView labels={labels} confusion={confusion} />
          </>
        )
      }
    </Loaded>
  );
}

async function load(client: UpriverClient, model: string, region: string) {
  const questions: QuestionBrief[] = [];
  let before: number | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const found = await client.questionPage(model, {
      region,
      limit: pageSize,
      ...(before === undefined ? {} : { before }),
    });
    questions.push(...found.questions);
    if (found.next === null) break;
    before = found.next;
  }
  return confusionOf(questions);
}

/** Counts what labelled questions turned out to be against what was predicted. */
export function confusionOf(questions: readonly Pick<QuestionBrief, "prediction" | "truth">[]) {
  const known = questions.flatMap(({ prediction, truth }) => (truth === null ? [] : [{ prediction, truth }]));
  const labels = [...new Set(known.flatMap(({ prediction, truth }) => [truth, prediction]))].sort();
  const counts = new Map<string, [number, number, number]>();
  for (const { prediction, truth } of known) {
    const [label, predicted] = [labels.indexOf(truth), labels.indexOf(prediction)];
    const cell = counts.get(`${label} ${predicted}`);
    if (cell) cell[2]++;
    else counts.set(`${label} ${predicted}`, [label, predicted, 1]);
  }
  return { labels, confusion: [...counts.values()] as Confusion, questions: known.length };
}
