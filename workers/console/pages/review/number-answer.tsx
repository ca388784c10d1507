import { useState } from "preact/hooks";

interface Props {
  /** The number given before, if the question is back after an undo. */
  given: string | null;
  unit: string | undefined;
  isDisabled: boolean;
  onAnswer: (label: string) => void;
}

/** A field for the number that answers a question; Enter sends it. */
export function NumberAnswer({ given, unit, isDisabled, onAnswer }: Props) {
  const [text, setText] = useState(given ?? "");
  const send = (event: Event) => {
    event.preventDefault();
    // The browser empties the field of what is no number.
    if (text === "" || isDisabled) return;
    onAnswer(text);
    setText("");
  };
  return (
    <form class="answers" onSubmit={send}>
      <label>
        Number{unit === undefined ? "" : `, ${unit}`}{" "}
        <input
          type="number"
          step="any"
          required
          value={text}
          disabled={isDisabled}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={isDisabled}>
        Answer
      </button>
    </form>
  );
}
