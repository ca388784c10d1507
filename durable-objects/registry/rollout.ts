import type { Certificate, CertificateState, ModelPointer } from "#core/contract/index.ts";
import { own } from "#core/own.ts";
import { fail, ok, type Result } from "#core/result.ts";
import type { RegistryRefusal } from "./api.ts";
import type { HeadPointers } from "./head-pointers.ts";
import type { Outbox } from "./outbox.ts";
import type { RolloutHistory } from "./tables/history.ts";
import type { Pointers } from "./tables/pointers.ts";
import type { Versions } from "./tables/versions.ts";

/** What moving the pointer needs. */
interface Needs {
  model: string;
  pointers: Pointers;
  versions: Pick<Versions, "get" | "latest" | "setState">;
  heads: Pick<HeadPointers, "regionsWithHead" | "isReady">;
  history: Pick<RolloutHistory, "add">;
  outbox: Pick<Outbox, "put">;
}

/** The versions that answer the regions that are not held back. */
interface ServedVersions {
  stable: number;
  canary: ModelPointer["canary"];
}

/** Moves the pointer that says which version serves which callers. */
export class Rollout {
  private readonly needs: Needs;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  pointer(): ModelPointer {
    const { pointers, model } = this.needs;
    return pointers.get() ?? { model, revision: 0, stable: null, previous: null, canary: null, heldBack: {} };
  }

  /** Moves the pointer to a version: for all callers (`share` null), or for a share of them as a canary. */
  move(version: number, share: number | null, reason?: string): Result<ModelPointer, RegistryRefusal> {
    const { versions, history } = this.needs;
    if (!versions.get(version)) return fail({ kind: "version-unknown", version, latest: versions.latest() });
    const pointer = this.pointer();
    if (share !== null && pointer.stable === null) return fail({ kind: "canary-without-stable" });
    if (share !== null && pointer.stable === version) return fail({ kind: "canary-is-stable", version });
    if (share !== null) {
      const canary = { version, share };
      const heldBack = this.holdsIn(pointer, { stable: pointer.stable as number, canary });
      history.add("canary", canary);
      return ok(this.save({ ...pointer, canary, heldBack }));
    }
    const heldBack = this.holdsIn(pointer, { stable: version, canary: null });
    history.add("stable", { version, reason: reason ?? null });
    const previous = pointer.stable === version ? pointer.previous : pointer.stable;
    return ok(this.save({ ...pointer, stable: version, previous, canary: null, heldBack }));
  }

  /** Ends the canary; without one, returns to the previous stable version. */
  back(reason?: string): Result<ModelPointer, RegistryRefusal> {
    const { history } = this.needs;
    const pointer = this.pointer();
    if (pointer.canary) {
      history.add("rollback", { version: pointer.canary.version, reason: reason ?? null });
      return ok(this.save({ ...pointer, canary: null, heldBack: heldBackElsewhere(pointer.heldBack, pointer.stable) }));
    }
    if (pointer.previous === null) return fail({ kind: "no-previous-version" });
    history.add("rollback", { version: pointer.previous });
    const heldBack = heldBackElsewhere(pointer.heldBack, pointer.previous);
    return ok(this.save({ ...pointer, stable: pointer.previous, previous: null, heldBack }));
  }

  /** Shows the certificate of a version's regions together while it is valid, where it has changed enough. */
  showGroup(base: number, state: CertificateState, scope: string): boolean {
    const pointer = this.pointer();
    const known = pointer.group?.base === base ? pointer.group.certificate : null;
    const certificate = state.status === "valid" ? groupCertificate(state, scope) : null;
    const isSame = certificate === null ? known === null : isNear(certificate, known);
    if (isSame) return false;
    const { group: _, ...rest } = pointer;
    this.save({ ...rest, ...(certificate ? { group: { base, certificate } } : {}) });
    return known === null;
  }

  /** Takes a pointer with its revision: that of a registry which is restored. */
  restore(pointer: ModelPointer): void {
    const { pointers, outbox, model } = this.needs;
    const before = this.pointer();
    pointers.set(pointer);
    outbox.put(`current/${model}`, pointer);
    this.updateStates(before, pointer);
  }

  /** Ends that a region is held back, as far as it is ready for the versions that serve. */
  release(region: string, version: number): void {
    const pointer = this.pointer();
    const { stable, canary } = pointer;
    const held = own(pointer.heldBack, region);
    if (stable === null || held === undefined || (canary?.version !== version && stable !== version)) return;
    const { [region]: _, ...others } = pointer.heldBack;
    const hold = this.holdOf(region, held, { stable, canary });
    if (hold === held) return;
    this.save({ ...pointer, heldBack: hold === null ? others : { ...others, [region]: hold } });
  }

  // The holds after a move: of the regions that were held back, and of those with a head on the stable version.
  private holdsIn(pointer: ModelPointer, next: ServedVersions) {
    const { stable, heldBack } = pointer;
    if (stable === null) return {};
    const mayLose = new Set([...Object.keys(heldBack), ...this.needs.heads.regionsWithHead(stable)]);
    const holds = [...mayLose].map((region) => [region, this.holdOf(region, own(heldBack, region) ?? stable, next)]);
    return Object.fromEntries(holds.filter(([, hold]) => hold !== null)) as ModelPointer["heldBack"];
  }

  /**
   * Returns the version that a region stays on; null where it is ready for each version that would answer it. A region that
   * is ready for a canary alone stays where it is: the stable version answers most of its questions.
   */
  private holdOf(region: string, on: number, { stable, canary }: ServedVersions) {
    const isReady = (version: number) => this.needs.heads.isReady(version, region);
    const base = on === stable || isReady(stable) ? stable : on;
    if (base !== stable) return base;
    return canary && !isReady(canary.version) ? stable : null;
  }

  private save(next: ModelPointer): ModelPointer {
    const { pointers, outbox, model } = this.needs;
    const before = this.pointer();
    const pointer = { ...next, revision: before.revision + 1 };
    pointers.set(pointer);
    outbox.put(`current/${model}`, pointer);
    this.updateStates(before, pointer);
    return pointer;
  }

  private updateStates(before: ModelPointer, now: ModelPointer): void {
    const { versions } = this.needs;
    if (before.stable !== null) versions.setState(before.stable, "retired");
    if (before.canary) versions.setState(before.canary.version, "retired");
    if (now.stable !== null) versions.setState(now.stable, "stable");
    if (now.canary) versions.setState(now.canary.version, "canary");
  }
}

/** The least change of a bound or a coverage that is shown. */
const shownStep = 0.005;

function isNear(next: Certificate, known: Certificate | null): boolean {
  if (known === null) return false;
  const moved = Math.max(Math.abs(next.bound - known.bound), Math.abs(next.coverage - known.coverage));
  return moved < shownStep;
}

function groupCertificate(state: CertificateState, scope: string): Certificate {
  const { targetRisk, confidence, bound, coverage, labels, window } = state;
  const { from, to } = window;
  return { targetRisk, confidence, bound, coverage, labels, source: "truth", scope, window: { from, to } };
}

function heldBackElsewhere(heldBack: ModelPointer["heldBack"], stable: number | null): ModelPointer["heldBack"] {
  return Object.fromEntries(Object.entries(heldBack).filter(([, version]) => version !== stable));
}
