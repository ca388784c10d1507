import type { Page } from "puppeteer-core";

/** The longest task of a page's main thread, ms: by the clock, and by the time that it had a CPU. */
export interface LongestTasks {
  wallMs: number;
  cpuMs: number;
}

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args: { name?: string; data?: { frames?: { processId: number; url: string }[] } };
}

/** Traces a page while work is done in it. */
export async function longestTasks(page: Page, work: () => Promise<void>): Promise<LongestTasks> {
  await page.tracing.start({ categories: ["toplevel", "disabled-by-default-devtools.timeline"] });
  await work();
  const trace = await page.tracing.stop();
  const { traceEvents } = JSON.parse(new TextDecoder().decode(trace)) as { traceEvents: TraceEvent[] };
  const own = page.url();
  const isOwn = ({ processId, url }: { processId: number; url: string }) => processId !== undefined && url === own;
  const processes = new Set(
    traceEvents.flatMap(({ args }) => (args.data?.frames ?? []).filter(isOwn).map(({ processId }) => processId)),
  );
  const threads = new Set(
    traceEvents.flatMap(({ name, args, pid, tid }) =>
      name === "thread_name" && args.name === "CrRendererMain" && processes.has(pid) ? [`${pid} ${tid}`] : [],
    ),
  );
  const tasks = traceEvents.filter(
    ({ name, ph, pid, tid }) => ph === "X" && name === "RunTask" && threads.has(`${pid} ${tid}`),
  );
  if (tasks.length === 0) throw new Error("The trace has no task of the page's main thread.");
  const longest = (of: (task: TraceEvent) => number | undefined) =>
    Math.max(...tasks.map((task) => of(task) ?? 0)) / 1_000;
  return { wallMs: longest(({ dur }) => dur), cpuMs: longest(({ tdur }) => tdur) };
}
