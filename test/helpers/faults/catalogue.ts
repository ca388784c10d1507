import { type StoreFault, storeFaults } from "./inject.ts";
import { type OriginFault, originFaults } from "./origin-faults.ts";

/** What callers and operators do while something fails. */
export const acts = ["ask", "ask-above", "teach", "retrain", "publish", "rollout", "restore"] as const;
export type Act = (typeof acts)[number];

/** What fails. */
export type Fault =
  | { kind: "kill"; of: "region" | "registry" }
  | { kind: "kv" | "r2"; how: StoreFault }
  | { kind: "clock"; edge: number; objects: number }
  | { kind: "alarms" }
  | { kind: "origin"; how: OriginFault }
  | { kind: "damage"; of: Damage };

/** What is lost or spoilt in a store for good. */
export const damages = [
  "pointer-lost",
  "pointer-old",
  "pointer-spoilt",
  "head-lost",
  "head-spoilt",
  "copy-spoilt",
] as const;
export type Damage = (typeof damages)[number];

export interface Planned {
  act: Act;
  fault: Fault;
}

const minutes10 = 600_000;
const killed: readonly (readonly [act: Act, of: "region" | "registry"])[] = [
  ["ask", "region"],
  ["ask-above", "region"],
  ["teach", "region"],
  ["retrain", "region"],
  ["retrain", "registry"],
  ["publish", "registry"],
  ["publish", "region"],
  ["rollout", "registry"],
  ["restore", "registry"],
  ["restore", "region"],
];

/** Every fault that is injected, kills at four places of each act. */
export const catalogue: readonly Planned[] = [
  ...killed.flatMap(([act, of]) => Array.from({ length: 4 }, (): Planned => ({ act, fault: { kind: "kill", of } }))),
  ...(["kv", "r2"] as const).flatMap((kind) =>
    storeFaults.flatMap((how) => acts.map((act): Planned => ({ act, fault: { kind, how } }))),
  ),
  ...[-minutes10, 0, minutes10].flatMap((edge) =>
    [-minutes10, 0, minutes10].flatMap((objects) =>
      edge === objects ? [] : [{ act: "ask" as const, fault: { kind: "clock" as const, edge, objects } }],
    ),
  ),
  ...(["ask-above", "teach", "retrain", "rollout"] as const).flatMap((act) =>
    [-minutes10, minutes10].map((objects): Planned => ({ act, fault: { kind: "clock", edge: -objects, objects } })),
  ),
  ...acts.map((act): Planned => ({ act, fault: { kind: "alarms" } })),
  ...originFaults.map((how): Planned => ({ act: "ask-above", fault: { kind: "origin", how } })),
  ...damages.map((of): Planned => ({ act: "ask", fault: { kind: "damage", of } })),
];

/** Draws `count` faults: the whole catalogue in a random order, again and again. */
export function draw(count: number, random: () => number): Planned[] {
  const drawn: Planned[] = [];
  while (drawn.length < count) {
    const round = [...catalogue];
    for (let i = round.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [round[i], round[j]] = [round[j] as Planned, round[i] as Planned];
    }
    drawn.push(...round);
  }
  return drawn.slice(0, count);
}
