import { closeSync, existsSync, openSync, renameSync, writeSync } from "node:fs";

const logMode = 0o600;
const logMaxBytes = 10 * 1024 * 1024;
/** Older logs that are kept, as `edge.log.1`, `edge.log.2`, …; the highest number is the oldest. */
const logsKept = 3;

/** A log file that is replaced when it is large; the files before it are kept for a while. */
export class RotatedLog {
  private readonly path: string;
  private readonly maxBytes: number;
  private file: number | null;
  private bytes = 0;
  private isClosed = false;

  constructor(path: string, maxBytes = logMaxBytes) {
    this.path = path;
    this.maxBytes = maxBytes;
    this.file = this.open();
  }

  /** Never throws: where the disk is full, what is logged is lost, and the process goes on. */
  write(chunk: Uint8Array): void {
    if (this.isClosed) return;
    try {
      if (this.bytes > 0 && this.bytes + chunk.length > this.maxBytes) this.release();
      this.file ??= this.open();
      writeSync(this.file, chunk);
      this.bytes += chunk.length;
    } catch {}
  }

  close(): void {
    this.isClosed = true;
    this.release();
  }

  private release(): void {
    if (this.file !== null) closeSync(this.file);
    this.file = null;
  }

  private open(): number {
    for (let number = logsKept - 1; number >= 0; number--) {
      const from = number === 0 ? this.path : `${this.path}.${number}`;
      if (existsSync(from)) renameSync(from, `${this.path}.${number + 1}`);
    }
    this.bytes = 0;
    return openSync(this.path, "w", logMode);
  }
}
