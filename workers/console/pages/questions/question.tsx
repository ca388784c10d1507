import { useState } from "preact/hooks";
import {
  type ClassifyManifest,
  ProblemError,
  type QuestionWay,
  type RegionState,
  type UpriverClient,
} from "#client/index.ts";
import { Confirm } from "#console/parts/confirm.tsx";
import { InstanceView } from "#console/parts/instance.tsx";
import { rungTitles } from "#console/parts/rung-titles.ts";
import { Badge, Empty, Loaded } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { linkTo } from "#console/route.ts";
import type { Session } from "#console/session.ts";
import { can } from "#console/session.ts";
import { moment, percent, shortVersion } from "#core/format.ts";
import { CopyCurl } from "./copy-curl.tsx";
import { OpinionList } from "./opinions.tsx";
import { Teach } from "./teach.tsx";
import { certificateInWords, labelInWords, routeInWords } from "./words.ts";

const everyMs = 5_000;

interface Props {
  session: Session;
  model: string;
  id: string;
}

/** What a page of a question shows. */
interface Known {
  way: QuestionWay;
  manifest: ClassifyManifest;
  region: RegionState;
}

/** The page of a question: what was asked, what each rung said, and what became of it. */
export function QuestionPage({ session, model, id }: Props) {
  const { client } = session;
  const live = usePolled(`question ${id}`, () => load(client, model, id), everyMs);
  const isGone = live.error instanceof ProblemError && live.error.problem.status === 404;
  return (
    <>
      <p class="crumbs">
        <a href={linkTo("questions", model)}>Questions of {model}</a>
      </p>
      <h1>Question</h1>
      <p class="muted id">
        <code>{id}</code>
      </p>
      {isGone ? (
        <NotStored session={session} model={model} id={id} />
      ) : (
        <Loaded of={live}>
          {(loaded) => <Question {...loaded} session={session} model={model} reload={live.reload} />}
        </Loaded>
      )}
    </>
  );
}

/** A question that the region does not have. It may have its label: a sample that was taught, or that has outlived its question. */
function NotStored({ session, model, id }: Props) {
  const { client } = session;
  const known = usePolled(`model ${model}`, () => client.model(model), null);
  const [isTaught, setTaught] = useState(false);
  const labels = known.value && known.value.task !== "tensor" && !known.value.number ? known.value.labels : [];
  return (
    <>
      <Empty title="This question is not stored.">
        <p>
          It was forgotten, has expired after 90 days, was answered at the edge and not kept, or was taught without
          having been asked. Its label can still be corrected, if it has one.
        </p>
      </Empty>
      {known.value && can(session, "teach") && (
        <Teach client={client} id={id} labels={labels} known={null} onTaught={() => setTaught(true)} />
      )}
      {isTaught && (
        <p role="status">
          <Badge kind="good">label corrected</Badge>
        </p>
      )}
    </>
  );
}

function Question({
  way,
  manifest,
  region,
  session,
  model,
  reload,
}: Known & { session: Session; model: string; reload: () => void }) {
  const { client } = session;
  const { answer, label, instance, owner, at, receivedAt, candidates, audited } = way;
  const input = manifest.thin.input;
  const forget = async () => {
    await client.forgetQuestion(way.id);
    reload();
  };
  return (
    <>
      <p class="result">
        <strong>
          {answer.label}
          {answer.unit && ` ${answer.unit}`}
        </strong>{" "}
        {percent(answer.confidence)}{" "}
        {answer.status === "open" ? (
          <Badge kind="warn">open: a provisional answer</Badge>
        ) : (
          <Badge kind="good">by the {rungTitles[answer.rung].toLowerCase()}</Badge>
        )}
      </p>
      <p>
        Asked on {moment(at)} by token {owner} in <a href={linkTo("regions", model, answer.region)}>{answer.region}</a>
        {receivedAt - at > 60_000 && `, stored on ${moment(receivedAt)}`}; version{" "}
        {shortVersion(answer.version, answer.region)}.{audited && " Its label was planned: it is part of the audit."}
        {candidates && ` Only these labels were allowed: ${candidates.join(", ")}.`} {routeInWords(way)}
      </p>
      {answer.warnings?.map((warning) => (
        <p key={warning} class="notice warn">
          {warning}
        </p>
      ))}
      <div class="pair">
        <section>
          <h2 class="small">What was asked</h2>
          {instance === null ? (
            <p class="muted">The instance is no longer stored: the model keeps no inputs.</p>
          ) : (
            <InstanceView input={input} instance={instance} />
          )}
        </section>
        <section>
          <h2 class="small">What each rung said</h2>
          <OpinionList
            way={way}
            threshold={(region.rule ?? manifest.thin.rule).threshold}
            full={manifest.full?.rule.threshold ?? null}
          />
        </section>
      </div>
      <h2 class="small">Certificate</h2>
      <p>{certificateInWords(answer)}</p>
      <h2 class="small">Label</h2>
      <p>{labelInWords(way)}</p>
      {can(session, "teach") && (
        <Teach
          client={client}
          id={way.id}
          at={way.at}
          labels={manifest.number ? [] : manifest.labels}
          known={label?.label ?? null}
          onTaught={reload}
        />
      )}
      <div class="actions start">
        {instance !== null && <CopyCurl model={model} way={way} />}
        {can(session, "teach") && (
          <Confirm
            label="Forget"
            kind="danger"
            what="The question and its label are deleted here and in the region's sums, and retrains in progress start over without it. This can't be undone."
            onConfirm={forget}
          />
        )}
      </div>
    </>
  );
}

async function load(client: UpriverClient, model: string, id: string): Promise<Known> {
  const way = await client.way(id);
  const [manifest, { state }] = await Promise.all([
    client.manifest(model, way.base),
    client.region(model, way.answer.region),
  ]);
  return { way, manifest: manifest as ClassifyManifest, region: state };
}
