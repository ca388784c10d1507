import { useRef, useState } from "preact/hooks";
import { ProblemNotice } from "#console/parts/states.tsx";
import type { Session } from "#console/session.ts";

/** A button that opens a training's report in a frame without scripts. */
export function ReportButton({ session, model, id }: { session: Session; model: string; id: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [page, setPage] = useState<string | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const [isOpen, setOpen] = useState(false);
  const open = async () => {
    setFailure(null);
    setOpen(true);
    dialog.current?.showModal();
    await session.client.trainingReport(model, id).then(setPage, setFailure);
  };
  return (
    <>
      <button type="button" class="quiet" onClick={open}>
        Report
      </button>
      <dialog ref={dialog} class="wide" aria-label="Training report" onClose={() => setOpen(false)}>
        {failure && <ProblemNotice error={failure} />}
        {page === null || !isOpen ? (
          isOpen && !failure && <p class="loading">Loading …</p>
        ) : (
          <iframe title="Training report" sandbox="" srcdoc={page} />
        )}
        <div class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
      </dialog>
    </>
  );
}
