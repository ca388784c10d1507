import * as z from "zod";
import { SetupError } from "../setup-error.ts";

/** Where and how PyTorch trains. */
export interface TorchSettings {
  /** The Python that has torch and numpy; found on this machine unless given. */
  python: string | null;
  /** How many processes train a network together. */
  processes: number;
  device: "auto" | "cpu" | "cuda";
  /** `auto` is mixed on CUDA; a CPU always computes in float32. */
  precision: "auto" | "float32";
  /** A command that has an engine start the program; null starts it on this machine. */
  command: string | null;
  /** A command that has the engine end it. */
  cancelCommand: string | null;
  /** The folder of the files that the origin and the program exchange, such as a mounted bucket; the training's unless given. */
  folder: string | null;
}

const text = z
  .string()
  .optional()
  .transform((value) => value || null);
const schema = z.object({
  UPRIVER_PYTHON: text,
  ORIGIN_TORCH_PROCESSES: z.coerce.number().int().min(1).max(1024).default(1),
  ORIGIN_TORCH_DEVICE: z.enum(["auto", "cpu", "cuda"]).default("auto"),
  ORIGIN_TORCH_PRECISION: z.enum(["auto", "float32"]).default("auto"),
  ORIGIN_TORCH_COMMAND: text,
  ORIGIN_TORCH_CANCEL_COMMAND: text,
  ORIGIN_TORCH_FOLDER: text,
});

/** Reads the settings of PyTorch from environment variables. Throws `SetupError`, which names them, when one is invalid. */
export function readTorchSettings(environment: NodeJS.ProcessEnv): TorchSettings {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) {
    const names = [...new Set(parsed.error.issues.map((issue) => issue.path.join(".")))].join(", ");
    throw new SetupError(
      `Invalid environment variables: ${names}. See workers/origin/README.md, "PyTorch", for what each must be.`,
    );
  }
  const { data } = parsed;
  return {
    python: data.UPRIVER_PYTHON,
    processes: data.ORIGIN_TORCH_PROCESSES,
    device: data.ORIGIN_TORCH_DEVICE,
    precision: data.ORIGIN_TORCH_PRECISION,
    command: data.ORIGIN_TORCH_COMMAND,
    cancelCommand: data.ORIGIN_TORCH_CANCEL_COMMAND,
    folder: data.ORIGIN_TORCH_FOLDER,
  };
}
