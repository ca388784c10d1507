import { useRef } from "preact/hooks";

/** A dialog that asks why no person can answer a question. */
export function FlagDialog({
  dialog,
  onFlag,
}: {
  dialog: { current: HTMLDialogElement | null };
  onFlag: (reason: string) => void;
}) {
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    const reason = field.current?.value.trim() ?? "";
    if (!reason) return;
    onFlag(reason);
    dialog.current?.close();
    if (field.current) field.current.value = "";
  };
  return (
    <dialog ref={dialog} aria-label="Flag the question">
      <form onSubmit={submit}>
        <label>
          Why can this question not be answered?
          <input ref={field} maxLength={500} required placeholder="blurred; not one of the labels; …" />
        </label>
        <p class="muted">The question leaves the queue. The caller receives the provisional answer.</p>
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Flag
          </button>
        </div>
      </form>
    </dialog>
  );
}
