import { vi } from "vitest";

/** A log line about questions. */
export type Heard = Record<string, unknown> & { event: string; span: string; parent?: string };

/** Records what the rungs of this isolate log from now on; returns a function that gives the lines about a question. */
export function listen(): (id: string) => Heard[] {
  const spies = (["log", "warn", "error"] as const).map((level) => vi.spyOn(console, level));
  return (id) => {
    const lines = spies.flatMap(({ mock }) =>
      mock.calls.map(([text], i) => ({ text, at: mock.invocationCallOrder[i] })),
    );
    return lines
      .sort((a, b) => (a.at as number) - (b.at as number))
      .flatMap(({ text }) => (typeof text === "string" && text.startsWith("{") ? [JSON.parse(text) as Heard] : []))
      .filter(({ question, questions }) => question === id || (questions as string[] | undefined)?.includes(id));
  };
}
