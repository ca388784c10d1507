import type { QuestionBrief } from "#client/index.ts";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Badge } from "#console/parts/states.tsx";
import { columnsOf, DataTable } from "#console/parts/table.tsx";
import { linkTo } from "#console/route.ts";
import { moment, percent, shortVersion } from "#core/format.ts";

const columns = columnsOf("Asked", "Region", "Answered by", "Answer", "#Confidence", "Label");

/** Questions with their answers; each links to its page. */
export function QuestionTable({ model, questions }: { model: string; questions: readonly QuestionBrief[] }) {
  return (
    <DataTable caption={`Questions of ${model}, the newest first`} columns={columns}>
      {questions.map((question) => (
        <tr key={question.id} data-id={question.id}>
          <th scope="row" class="whole">
            <a href={linkTo("questions", model, question.id)}>{moment(question.at)}</a>
          </th>
          <td data-label="Region">{question.region}</td>
          <td data-label="Answered by">
            <span class={`dot ${question.rung}`} aria-hidden="true" /> {rungTitles[question.rung]}{" "}
            {shortVersion(question.version, question.region)}
          </td>
          <td data-label="Answer">
            {question.label} {question.status === "open" && <Badge kind="warn">open</Badge>}
            {question.warnings > 0 && <Badge kind="warn">warned</Badge>}
          </td>
          <td class="number" data-label="Confidence">
            {percent(question.confidence)}
          </td>
          <td data-label="Label">
            {question.truth === null ? (
              <span class="muted">not known</span>
            ) : (
              <>
                {question.truth} <small>by {question.source}</small>
                {question.wrong && <Badge kind="bad">predicted {question.prediction}</Badge>}
              </>
            )}
          </td>
        </tr>
      ))}
    </DataTable>
  );
}
