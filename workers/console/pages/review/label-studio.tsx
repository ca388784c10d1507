import { useState } from "preact/hooks";
import type { LabelStudioImported, UpriverClient } from "#client/index.ts";
import { ProblemNotice } from "#console/parts/states.tsx";
import { count } from "#core/format.ts";

/** Exports open questions to Label Studio and imports its annotations as answers. */
export function LabelStudio({ client, model, reviewer }: { client: UpriverClient; model: string; reviewer: string }) {
  const [failure, setFailure] = useState<Error | null>(null);
  const [result, setResult] = useState<LabelStudioImported | null>(null);
  // Under another name, so that exported questions do not appear on this page as well.
  const elsewhere = { reviewer: `${reviewer} in Label Studio` };
  const trying = (work: () => Promise<void>) => async () => {
    setFailure(null);
    await work().catch(setFailure);
  };
  const tasks = trying(async () => {
    const found = await client.labelStudioTasks(model, elsewhere);
    save(`${model}-tasks.json`, JSON.stringify(found, null, 2), "application/json");
  });
  const config = trying(async () =>
    save(`${model}-label-studio.xml`, await client.labelStudioConfig(model), "text/xml"),
  );
  const take = (input: HTMLInputElement) =>
    trying(async () => {
      const [file] = input.files ?? [];
      if (!file) return;
      setResult(null);
      setResult(await client.labelStudioImport(model, parseTasks(file.name, await file.text()), elsewhere));
      input.value = "";
    })();
  return (
    <details>
      <summary>Label Studio</summary>
      <p class="muted">
        Exported tasks are reserved for you for a day. Import the JSON export of Label Studio to answer them.
      </p>
      <div class="actions start">
        <button type="button" onClick={config}>
          Labelling configuration
        </button>
        <button type="button" onClick={tasks}>
          Export tasks
        </button>
        <label>
          Import annotations{" "}
          <input type="file" accept=".json,application/json" onChange={(event) => take(event.currentTarget)} />
        </label>
      </div>
      {failure && <ProblemNotice error={failure} />}
      {result && (
        <p role="status">
          {count(result.accepted)} accepted, {count(result.skipped)} without a label, {count(result.refused.length)}{" "}
          refused
          {result.refused[0] && `; the first one: ${result.refused[0].reason}`}.
        </p>
      )}
    </details>
  );
}

function parseTasks(name: string, text: string) {
  try {
    const tasks: unknown = JSON.parse(text);
    if (Array.isArray(tasks)) return tasks;
  } catch {
    // Reported below.
  }
  throw new Error(`${name} is not a JSON export of Label Studio. In Label Studio, choose Export, then JSON.`);
}

function save(name: string, text: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
