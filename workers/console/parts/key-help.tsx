import { useRef } from "preact/hooks";
import { useKeys } from "./keys.ts";

const keys: readonly [key: string, does: string][] = [
  ["?", "show these keys"],
  ["Tab", "go to the next link, button or field; the first goes to the content"],
  ["Enter", "follow a link, press a button, send a form"],
  ["Esc", "close a dialog"],
  ["1 … z", "Review: give the label with this key"],
  ["s", "Review: skip the question, or keep the answer"],
  ["u", "Review: return to the last answer"],
  ["f", "Review: flag a question that can't be answered"],
];

/** A dialog with the keys of the console: ? opens it. */
export function KeyHelp() {
  const dialog = useRef<HTMLDialogElement>(null);
  useKeys((key) => {
    if (key !== "?") return false;
    dialog.current?.showModal();
    return true;
  });
  return (
    <>
      <button type="button" class="quiet" title="Keys" aria-label="Keys" onClick={() => dialog.current?.showModal()}>
        <kbd>?</kbd>
      </button>
      <dialog ref={dialog} aria-label="Keys">
        <h2 class="small">Keys</h2>
        <dl class="keys">
          {keys.map(([key, does]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      </dialog>
    </>
  );
}
