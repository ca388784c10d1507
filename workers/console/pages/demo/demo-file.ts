import { useEffect, useState } from "preact/hooks";
import { type Demo, demoPath } from "#core/demo.ts";

const thisMachine: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);
let loading: Promise<Demo | null> | undefined;

/** Returns the demo that this ladder serves: null without one, as in a deployment; undefined until that is known. */
export function useDemo(): Demo | null | undefined {
  const [demo, setDemo] = useState<Demo | null | undefined>(undefined);
  useEffect(() => {
    loading ??= load();
    void loading.then(setDemo);
  }, []);
  return demo;
}

async function load(): Promise<Demo | null> {
  if (!thisMachine.has(location.hostname)) return null;
  try {
    const response = await fetch(`/${demoPath}`);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
