import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** A process's resident memory. */
export interface ProcessMemory {
  pid: number;
  /** What it is: the file that Node runs, or the program's name. */
  name: string;
  bytes: number;
}

/** Lists the processes that descend from `root`, with their resident memory; none on systems without /proc. */
export async function memoryBelow(root: number): Promise<ProcessMemory[]> {
  if (!existsSync("/proc/self/status")) return [];
  const all = new Map<number, { parent: number; memory: ProcessMemory }>();
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "";
    const bytes = 1024 * Number(field("VmRSS"));
    all.set(Number(pid), { parent: Number(field("PPid")), memory: { pid: Number(pid), name: field("Name"), bytes } });
  }
  const isBelow = (pid: number): boolean => {
    const parent = all.get(pid)?.parent;
    return parent === root || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  const found = [...all.values()].map(({ memory }) => memory).filter(({ pid, bytes }) => bytes > 0 && isBelow(pid));
  return Promise.all(found.map(async (one) => ({ ...one, name: await nameOf(one) })));
}

/** Returns the resident memory, in MB, of the processes that descend from `root`, by name: those of one name together. */
export async function megabytesBelow(root: number): Promise<Record<string, number>> {
  const megabytes: Record<string, number> = {};
  for (const { name, bytes } of await memoryBelow(root)) megabytes[name] = (megabytes[name] ?? 0) + bytes / 1e6;
  return megabytes;
}

async function nameOf({ pid, name }: ProcessMemory): Promise<string> {
  if (name === "workerd") return name;
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  const script = command.split("\0").find((part) => /\.(ts|js|mjs)$/.test(part));
  return script ? script.split("/").slice(-3).join("/") : name;
}
