import { useState } from "preact/hooks";
import type { Instance } from "#client/index.ts";
import { ProblemNotice } from "#console/parts/states.tsx";

interface Props {
  examples: Instance[];
  onAsk: (instance: Instance) => void;
  isBusy: boolean;
}

/** A form for an instance as JSON, typed or from a file. */
export function JsonForm({ examples, onAsk, isBusy }: Props) {
  const [text, setText] = useState(() => JSON.stringify(examples[0] ?? {}, null, 1).slice(0, 20_000));
  const [failure, setFailure] = useState<Error | null>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    setFailure(null);
    try {
      onAsk(JSON.parse(text));
    } catch {
      setFailure(new Error("This is not valid JSON. Check quotes, commas and brackets."));
    }
  };
  const read = async (input: HTMLInputElement) => {
    const [file] = input.files ?? [];
    if (file) setText(await file.text());
  };
  return (
    <form onSubmit={submit}>
      <label>
        Instance
        <textarea rows={12} spellcheck={false} value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      {failure && <ProblemNotice error={failure} />}
      <div class="actions start">
        <button type="submit" class="primary" disabled={isBusy}>
          Ask
        </button>
        <label>
          From a file{" "}
          <input type="file" accept=".json,application/json" onChange={(event) => read(event.currentTarget)} />
        </label>
      </div>
    </form>
  );
}
