import type { UpriverClient } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { type ConsoleRoute, linkTo } from "#console/route.ts";
import { Filter, filterOf } from "./filter.tsx";
import { QuestionPage } from "./question.tsx";
import { QuestionTable } from "./table.tsx";

const everyMs = 5_000;

/** The questions page: stored questions by filter, or one question. The address of both can be shared. */
export function QuestionsPage({ session, route }: PageProps) {
  const [, model, id] = route.path;
  if (model !== undefined && id !== undefined) return <QuestionPage key={id} session={session} model={model} id={id} />;
  return (
    <ModelChoice client={session.client} route={route} title="Questions" titleOf={(name) => `Questions of ${name}`}>
      {({ model }) => <Questions key={model} client={session.client} model={model} route={route} />}
    </ModelChoice>
  );
}

function Questions({ client, model, route }: { client: UpriverClient; model: string; route: ConsoleRoute }) {
  const query = filterOf(route.query);
  const key = `questions ${model} ${JSON.stringify(query)}`;
  // A page of older ones does not change.
  const page = usePolled(key, () => client.questionPage(model, query), query.before === undefined ? everyMs : null);
  const known = usePolled(`model ${model}`, () => client.model(model), null);
  const regions = usePolled(`region names ${model}`, () => client.regionPage(model), null);
  const state = known.value;
  return (
    <>
      <Filter
        key={model}
        model={model}
        query={route.query}
        labels={state && state.task !== "tensor" ? state.labels : []}
        regions={regions.value?.regions.map(({ region }) => region) ?? []}
      />
      <Loaded of={page}>
        {({ questions, next }) => (
          <>
            {questions.length === 0 ? (
              <Empty title="No stored question passes this filter.">
                <p>
                  {query.region === undefined
                    ? "Without a region, only the last questions of each region are searched. Choose one to search all that it stores."
                    : "A region stores what escalates, what is audited, and, if the recipe says so, every question."}
                </p>
              </Empty>
            ) : (
              <QuestionTable model={model} questions={questions} />
            )}
            {next !== null && (
              <p>
                <a href={`${linkTo("questions", model)}?${withQuery(route.query, "before", String(next))}`}>
                  Older questions
                </a>
              </p>
            )}
          </>
        )}
      </Loaded>
    </>
  );
}

function withQuery(query: URLSearchParams, name: string, value: string): URLSearchParams {
  const next = new URLSearchParams(query);
  next.set(name, value);
  return next;
}
