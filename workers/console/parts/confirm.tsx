import { useRef, useState } from "preact/hooks";
import { ProblemNotice } from "./states.tsx";

interface Props {
  label: string;
  /** What the action does, in a sentence. */
  what: string;
  onConfirm: () => Promise<unknown>;
  kind?: "primary" | "danger";
  disabled?: boolean;
}

/** A button that asks for confirmation before it acts. */
export function Confirm({ label, what, onConfirm, kind, disabled = false }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const act = async () => {
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      dialog.current?.close();
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" class={kind} disabled={disabled} onClick={() => dialog.current?.showModal()}>
        {label}
      </button>
      <dialog ref={dialog} aria-label={label}>
        <h2 class="small">{label}</h2>
        <p>{what}</p>
        {error && <ProblemNotice error={error} />}
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="button" class={kind ?? "primary"} disabled={isBusy} onClick={act}>
            {label}
          </button>
        </div>
      </dialog>
    </>
  );
}
