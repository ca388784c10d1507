import { execFile } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { writeSecret } from "../local/secrets.ts";

/** A process, recognised after a restart of the machine as well, when another may have its number. */
export interface Mark {
  pid: number;
  began: string;
}

/** The fields of `/proc/{pid}/stat` after the name of the program, which may contain spaces: the first is the state. */
const stateField = 0;
const startField = 19;

/** Marks a process that runs; null where it does not. */
export async function markOf(pid: number): Promise<Mark | null> {
  const began = process.platform === "linux" ? await beganHere(pid) : await beganByPs(pid);
  return began === null ? null : { pid, began };
}

export async function isRunning({ pid, began }: Mark): Promise<boolean> {
  return (await markOf(pid))?.began === began;
}

/** Tells whether every thread of a process is stopped. Only Linux can say. */
export async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(threads.map((thread) => fieldsOf(`/proc/${pid}/task/${thread}/stat`)));
  // A thread that has ended meanwhile has no state.
  return states.every((fields) => fields === null || fields[stateField] === "T");
}

export async function writeMarks(path: string, marks: object): Promise<void> {
  await writeSecret(path, JSON.stringify(marks));
}

export async function removeMarks(path: string): Promise<void> {
  await rm(path, { force: true });
}

async function beganHere(pid: number): Promise<string | null> {
  const fields = await fieldsOf(`/proc/${pid}/stat`);
  if (fields === null || fields[stateField] === "Z") return null;
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  return `${boot.trim()} ${fields[startField]}`;
}

async function fieldsOf(path: string): Promise<string[] | null> {
  const text = await readFile(path, "utf8").catch(() => null);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ") ?? null;
}

async function beganByPs(pid: number): Promise<string | null> {
  return promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]).then(
    ({ stdout }) => stdout.trim() || null,
    () => null,
  );
}
