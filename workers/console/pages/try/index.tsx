import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Instance, Manifest, ModelState, Picture } from "#client/index.ts";
import type { PageProps } from "#console/page.ts";
import { ModelChoice } from "#console/parts/model-choice.tsx";
import { Loaded, ProblemNotice } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { can, type Session } from "#console/session.ts";
import { useAsking } from "./asking.ts";
import { Candidates } from "./candidates.tsx";
import { OnThisDevice } from "./device/lazy.tsx";
import { EscalationPath } from "./escalation.tsx";
import { FeatureForm } from "./feature-form.tsx";
import { JsonForm } from "./json-form.tsx";
import { PictureForm } from "./picture-form.tsx";
import { TryTensors } from "./tensors.tsx";

/** The try page: asks by form, file, drawing or camera, and shows how the question escalates. */
export function TryPage({ session, route }: PageProps) {
  return (
    <ModelChoice client={session.client} route={route} title="Try it" titleOf={(model) => `Ask ${model}`}>
      {({ model }) => <Model key={model} session={session} model={model} />}
    </ModelChoice>
  );
}

function Model({ session, model }: { session: Session; model: string }) {
  const { client } = session;
  const loaded = usePolled(
    `model ${model}`,
    async () => ({ state: await client.model(model), manifest: await client.manifest(model) }),
    null,
  );
  return (
    <Loaded of={loaded}>
      {({ state, manifest }) =>
        state.task === "tensor" ? (
          <TryTensors client={client} state={state} />
        ) : (
          <Where
            user={session.token.id}
            state={state}
            ladder={<Ask session={session} state={state} manifest={manifest} />}
          />
        )
      }
    </Loaded>
  );
}

type Classifier = Exclude<ModelState, { task: "tensor" }>;
type Way = "form" | "picture" | "json";

/** Asks the ladder, or runs the model in this browser. */
function Where({ user, state, ladder }: { user: string; state: Classifier; ladder: ComponentChildren }) {
  const [isHere, setHere] = useState(false);
  return (
    <>
      <fieldset class="tabs" aria-label="Where to ask">
        <button type="button" aria-pressed={!isHere} onClick={() => setHere(false)}>
          The edge
        </button>
        <button type="button" aria-pressed={isHere} onClick={() => setHere(true)}>
          On this device
        </button>
      </fieldset>
      {isHere ? <OnThisDevice state={state} user={user} /> : ladder}
    </>
  );
}

function Ask({ session, state, manifest }: { session: Session; state: Classifier; manifest: Manifest }) {
  const { model, policy, examples } = state;
  const input = manifest.task !== "tensor" ? manifest.thin.input : null;
  const isNumber = state.task === "regress";
  const ways: Way[] =
    input?.kind === "features" ? ["form", "json"] : input?.kind === "image" ? ["picture", "json"] : ["json"];
  const [way, setWay] = useState<Way>(ways[0] as Way);
  const [region, setRegion] = useState("");
  const [candidates, setCandidates] = useState<string[]>([]);
  const asked = useAsking(session.client, model);
  const { regions } = policy;
  const isFieldless = regions.from !== "field";
  const ask = (what: Instance | Picture) => {
    // An instance contains its region, a picture does not.
    const isPicture = what instanceof Blob;
    void asked.ask(what, {
      ...(can(session, "admin") ? { trace: true } : {}),
      ...(isPicture && region ? { region } : {}),
      ...(candidates.length > 0 ? { candidates } : {}),
    });
  };
  return (
    <div class="pair wide">
      <div>
        {ways.length > 1 && (
          <fieldset class="tabs" aria-label="How to ask">
            {ways.map((one) => (
              <button key={one} type="button" aria-pressed={one === way} onClick={() => setWay(one)}>
                {{ form: "Form", picture: "Picture", json: "JSON" }[one]}
              </button>
            ))}
          </fieldset>
        )}
        {way === "picture" && (
          <label class="filter">
            Region
            <select value={region} onChange={(event) => setRegion(event.currentTarget.value)}>
              <option value="">{isFieldless ? "by location" : regions.parent}</option>
              {regions.keys.map((key) => (
                <option key={key} value={key}>
                  {key}
                </option>
              ))}
            </select>
          </label>
        )}
        {way === "form" && input?.kind === "features" && (
          <FeatureForm
            columns={input.columns}
            policy={policy}
            examples={examples}
            onAsk={ask}
            isBusy={asked.isAsking && !asked.answer}
          />
        )}
        {way === "picture" && input?.kind === "image" && (
          <PictureForm input={input} onAsk={ask} isBusy={asked.isAsking && !asked.answer} />
        )}
        {way === "json" && <JsonForm examples={examples} onAsk={ask} isBusy={asked.isAsking && !asked.answer} />}
        {!isNumber && <Candidates labels={state.labels} chosen={candidates} onChoose={setCandidates} />}
      </div>
      <div>
        {asked.error && <ProblemNotice error={asked.error} />}
        <EscalationPath
          ladder={policy.ladder}
          answer={asked.answer}
          isAsking={asked.isAsking}
          tookMs={asked.tookMs}
          labels={state.labels}
        />
      </div>
    </div>
  );
}
