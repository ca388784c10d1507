import { useState } from "preact/hooks";
import type { Instance, ModelState, TensorAnswer, UpriverClient } from "#client/index.ts";
import { Empty, ProblemNotice } from "#console/parts/states.tsx";
import { JsonForm } from "./json-form.tsx";

interface Props {
  client: UpriverClient;
  state: Extract<ModelState, { task: "tensor" }>;
}

/** The try page of a tensor model. */
export function TryTensors({ client, state: { model, inputs, outputs, examples } }: Props) {
  const [answer, setAnswer] = useState<TensorAnswer | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const ask = async (instance: Instance) => {
    setBusy(true);
    setFailure(null);
    await client.infer(model, [instance]).then(([first]) => setAnswer(first ?? null), setFailure);
    setBusy(false);
  };
  const shapes = (specs: typeof inputs) =>
    specs.map(({ name, shape, dtype }) => `${name}: ${dtype}[${shape.join(", ")}]`).join("; ");
  return (
    <div class="pair wide">
      <div>
        <p class="muted">Inputs: {shapes(inputs)}.</p>
        <JsonForm examples={examples} onAsk={ask} isBusy={isBusy} />
      </div>
      <div>
        {failure && <ProblemNotice error={failure} />}
        {answer ? (
          <>
            <p>Version {answer.version} at the edge.</p>
            <pre class="numbers">{JSON.stringify(answer.outputs, null, 1).slice(0, 4_000)}</pre>
          </>
        ) : (
          <Empty title="No question asked yet.">
            <p>Outputs: {shapes(outputs)}.</p>
          </Empty>
        )}
      </div>
    </div>
  );
}
