import { useRef, useState } from "preact/hooks";
import { Loaded, ProblemNotice } from "#console/parts/states.tsx";
import { usePolled } from "#console/polled.ts";
import { can, type Session } from "#console/session.ts";
import { count } from "#core/format.ts";
import { type Comparison, compareVersions, type Slice } from "./compare.ts";
import { ComparisonView } from "./comparison.tsx";

const namedMax = 3;

interface Props {
  session: Session;
  model: string;
  /** The version that serves all callers; null where none does. */
  stable: number | null;
  version: number;
  onMove: () => void;
}

/** A button that compares a version with the one that serves, and promotes it. One that is worse beyond chance needs its name typed. */
export function Promote({ session, model, stable, version, onMove }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setOpen] = useState(false);
  const open = () => {
    setOpen(true);
    dialog.current?.showModal();
  };
  const close = () => dialog.current?.close();
  return (
    <>
      <button type="button" onClick={open}>
        {stable === null ? "Promote" : "Compare and promote"}
      </button>
      <dialog ref={dialog} class="wide" aria-label={`Promote version ${version}`} onClose={() => setOpen(false)}>
        {isOpen && <Body {...{ session, model, stable, version, onMove, close }} />}
      </dialog>
    </>
  );
}

function Body({ session, model, stable, version, onMove, close }: Props & { close: () => void }) {
  const compared = usePolled(
    `compare ${model} ${stable} ${version}`,
    () => load(session, model, stable, version),
    null,
  );
  const [typed, setTyped] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Error | null>(null);
  const promote = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await session.client.rollout(model, { version });
      close();
      onMove();
    } catch (error) {
      setFailure(error as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={promote}>
      <h2 class="small">Promote version {version}</h2>
      <p>
        Version {version} will serve all callers. Regions that are still preparing a head for it switch when it is
        ready.
      </p>
      <Loaded of={compared}>
        {({ comparison }) => {
          const regressions = comparison?.regressions ?? [];
          const isWorse = regressions.length > 0;
          const isAllowed = !isWorse || typed.trim() === String(version);
          return (
            <>
              {comparison?.isLower && !isWorse && (
                <p class="muted">Version {version} did a little worse, within chance.</p>
              )}
              {isWorse && (
                <label class="notice warn">
                  Version {version} is worse than version {stable} beyond chance ({namesOf(regressions)}). To promote it
                  anyway, type its name: {version}
                  <input value={typed} autocomplete="off" onInput={(event) => setTyped(event.currentTarget.value)} />
                </label>
              )}
              {comparison && <ComparisonView comparison={comparison} stable={stable as number} version={version} />}
              {failure && <ProblemNotice error={failure} />}
              <div class="actions">
                <button type="button" onClick={close}>
                  Cancel
                </button>
                <button type="submit" class={isWorse ? "danger" : "primary"} disabled={isBusy || !isAllowed}>
                  Promote
                </button>
              </div>
            </>
          );
        }}
      </Loaded>
    </form>
  );
}

/** Loads what versions are compared by; nothing is compared for tensor models, and without a version that serves. */
async function load(
  session: Session,
  model: string,
  stable: number | null,
  version: number,
): Promise<{ comparison: Comparison | null }> {
  const { client } = session;
  if (stable === null) return { comparison: null };
  const [before, after, runs, canary, trainings, { history }] = await Promise.all([
    client.manifest(model, stable),
    client.manifest(model, version),
    can(session, "admin") ? client.runPage(model) : { runs: [] },
    client.canary(model),
    // The origin may be down.
    client.trainings(model).catch(() => []),
    client.versions(model),
  ]);
  if (before.task === "tensor" || after.task === "tensor") return { comparison: null };
  return { comparison: compareVersions(before, after, runs.runs, { canary, trainings, history }) };
}

function namesOf(slices: readonly Slice[]): string {
  const names = slices.slice(0, namedMax).map(({ name, metric }) => `${name} ${metric}`);
  return [...names, ...(slices.length > namedMax ? [`and ${count(slices.length - namedMax)} more`] : [])].join(", ");
}
