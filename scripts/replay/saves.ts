import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { deserialize, serialize } from "node:v8";
import type { WalkSaves, WalkState } from "./walk.ts";

/** A walk's state in a file, with what it belongs to: another replay does not go on from it. */
export class ReplayFile implements WalkSaves {
  private readonly path: string;
  private readonly key: string;

  constructor(path: string, replay: object) {
    this.path = path;
    this.key = createHash("sha256").update(JSON.stringify(replay)).digest("hex");
  }

  /** Whether an interrupted replay can go on. */
  get isThere(): boolean {
    return this.read() !== null;
  }

  read(): WalkState | null {
    if (!existsSync(this.path)) return null;
    try {
      const { key, state } = deserialize(readFileSync(this.path)) as { key: string; state: WalkState };
      return key === this.key ? state : null;
    } catch {
      return null;
    }
  }

  // Renamed into place, so that an interrupted write never passes for a state.
  write(state: WalkState): void {
    mkdirSync(dirname(this.path), { recursive: true });
    writeFileSync(`${this.path}.part`, serialize({ key: this.key, state }));
    renameSync(`${this.path}.part`, this.path);
  }

  clear(): void {
    rmSync(this.path, { force: true });
  }
}
