import type { LadderRung } from "#client/index.ts";
import { Bar } from "#console/parts/bar.tsx";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Badge } from "#console/parts/states.tsx";
import { count, dollars, duration, percent } from "#core/format.ts";

const descriptions = {
  human: "answers open questions",
  origin: "the large model",
  region: "the semantic cache",
  edge: "the thin model, near the caller",
} as const;

/** A row for a rung: questions, answers, accuracy, latency and cost. */
export function RungRow({ model, rung, isDown }: { model: string; rung: LadderRung; isDown: boolean }) {
  const { asked, answered, passed, share, judged, accuracy, p50Ms, p99Ms, usdPerMillion } = rung;
  return (
    <tr data-rung={rung.rung}>
      <th scope="row">
        <span class={`dot ${rung.rung}`} aria-hidden="true" /> {rungTitles[rung.rung]}
        {isDown && <Badge kind="bad">down</Badge>}
        <small>{descriptions[rung.rung]}</small>
      </th>
      <td class="number" data-label="Asked" data-count={`${model}-${rung.rung}-asked`}>
        {count(asked)}
      </td>
      <td class="number" data-label="Answered" data-count={`${model}-${rung.rung}-answered`}>
        {count(answered)}
      </td>
      <td class="number" data-label="Escalated">
        {rung.rung === "human" ? `${count(passed)} open` : count(passed)}
      </td>
      <td data-label="Share of all" class="share">
        <Bar share={share ?? 0} kind={rung.rung} /> <span>{percent(share)}</span>
      </td>
      <td class="number" data-label="Accuracy">
        <span>
          {percent(accuracy)}
          {judged > 0 && <small>of {count(judged)}</small>}
        </span>
      </td>
      <td class="number" data-label="p50">
        {duration(p50Ms)}
      </td>
      <td class="number" data-label="p99">
        {duration(p99Ms)}
      </td>
      <td class="number" data-label="Cost / million">
        {dollars(usdPerMillion)}
      </td>
    </tr>
  );
}
