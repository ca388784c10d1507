import { doubleSetting } from "#core/rung/external/endpoint.ts";
import { type LocalProcessOptions, program, startProcess, stopProcess, untilReady } from "./process.ts";

interface EdgeOptions {
  /** The folder of `.dev.vars`, logs and data. */
  folder: string;
  port: number;
  /** Address of the next rung; none by default. */
  nextRungUrl?: string;
  /** Address of the local decision server; none by default. */
  doubleUrl?: string | undefined;
  /** The file of the console's demo; none by default. */
  demo?: string | undefined;
  /** Web origins whose pages may ask; by default those of wrangler.toml. */
  allowedOrigins?: string | undefined;
  onDeath?: LocalProcessOptions["onDeath"] | undefined;
}

/** Starts the edge in workerd with local R2, KV and objects, and waits until it answers. */
export async function startEdge(options: EdgeOptions): Promise<{ stop: () => Promise<void> }> {
  const { folder, port, nextRungUrl, doubleUrl, demo, allowedOrigins, onDeath } = options;
  const [command, args] = [process.execPath, [program("scripts/local/edge.process")]];
  const env = {
    // The tools' own store of traces, which nothing empties.
    X_LOCAL_OBSERVABILITY: "false",
    UPRIVER_FOLDER: folder,
    UPRIVER_PORT: String(port),
    ...(nextRungUrl === undefined ? {} : { NEXT_RUNG_URL: nextRungUrl }),
    ...(doubleUrl === undefined ? {} : { [doubleSetting]: doubleUrl }),
    ...(demo === undefined ? {} : { UPRIVER_DEMO: demo }),
    ...(allowedOrigins === undefined ? {} : { ALLOWED_ORIGINS: allowedOrigins }),
  };
  const edge = await startProcess({ name: "edge", command, args, env, folder, onDeath });
  try {
    await untilReady(edge, `http://127.0.0.1:${port}/readyz`);
  } catch (error) {
    await stopProcess(edge);
    throw error;
  }
  return { stop: () => stopProcess(edge) };
}
