import { readFileSync } from "node:fs";
import { memoryBelow } from "../hostile/memory.ts";

/** The kernel counts CPU time in hundredths of a second. */
const tickMs = 10;

/** Returns the CPU time that a process has used, in ms; 0 where there is no /proc. */
export function cpuMsOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, the program's name, may have spaces; user and system time are the 14th and 15th.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return 0;
  }
}

/** Returns the processes of workerd that this process has started. */
export async function workerdPids(): Promise<number[]> {
  return (await memoryBelow(process.pid)).filter(({ name }) => name === "workerd").map(({ pid }) => pid);
}
