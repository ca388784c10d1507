import { type Code, type Local, type Type, unsigned } from "./code.ts";

/** A function in WebAssembly that returns nothing: it reads and writes memory. */
export interface Routine {
  params: readonly Type[];
  locals: readonly Type[];
  body: Code;
}

const typeBytes: Record<Type, number> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/**
 * Writes a routine: `write` receives a function that declares locals, and the parameters in order, and returns the
 * instructions. It must use each parameter as what it is declared.
 */
export function routine(params: readonly Type[], write: (local: Declare, ...params: Local[]) => Code): Routine {
  const locals: Type[] = [];
  const at = (index: number, type: Type): Local => ({
    type,
    get: [0x20, ...unsigned(index)],
    set: (value) => [...value, 0x21, ...unsigned(index)],
  });
  const declare: Declare = (type) => at(params.length + locals.push(type) - 1, type);
  const body = write(declare, ...params.map((type, i) => at(i, type)));
  return { params, locals, body };
}

/** Declares a local variable, which is zero at first. */
export type Declare = (type: Type) => Local;

/** Encodes routines as a module that imports its memory as `env.memory` and exports each routine by its name. */
export function assemble(routines: Readonly<Record<string, Routine>>): Uint8Array<ArrayBuffer> {
  const all = Object.entries(routines);
  const types = all.map(([, { params }]) => [0x60, ...vector(params.map((type) => [typeBytes[type]])), 0]);
  const memory = [...text("env"), ...text("memory"), 0x02, 0x00, 0x00];
  const exported = all.map(([name], i) => [...text(name), 0x00, ...unsigned(i)]);
  const bodies = all.map(([, { locals, body }]) => {
    const declared = vector(locals.map((type) => [1, typeBytes[type]]));
    return sized([...declared, ...body, 0x0b]);
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, types),
    ...section(2, [memory]),
    ...section(
      3,
      all.map((_, i) => unsigned(i)),
    ),
    ...section(7, exported),
    ...section(10, bodies),
  ]);
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  return [id, ...sized(vector(items))];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function text(value: string): number[] {
  return sized([...new TextEncoder().encode(value)]);
}
