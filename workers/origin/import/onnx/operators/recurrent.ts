import { type Call, type Convert, input, int, numbersIn, text, texts } from "../call.ts";
import { type Dim, numbers } from "../dims.ts";
import { binary, unary } from "../elementwise.ts";
import { OnnxError } from "../errors.ts";
import { concat, reshape, slice, transpose } from "../moves.ts";
import { dense } from "../products.ts";
import { numbersOf, type Value } from "../values.ts";

/** Longer sequences would make a graph of too many nodes: each step is written out. */
const stepsMax = 512;

interface Direction {
  /** [inputs, gates · hidden] and [hidden, gates · hidden]. */
  inputWeights: Value;
  stateWeights: Value;
  inputBias: Value | null;
  stateBias: Value | null;
}

/** Computes the next state from the gates' parts of a step's input [batch, gates · hidden] and the state before. */
type Step = (fromInput: Value, states: (Value | null)[]) => Value[];

interface Cell {
  gates: number;
  /** How many states there are: the hidden one, and the cell's. */
  states: number;
  activations: string[];
  step(call: Call, hidden: number, direction: Direction): Step;
}

const plus = (call: Call, a: Value, b: Value) => binary(call.g, "AddV2", a, b);
const by = (call: Call, a: Value, b: Value) => binary(call.g, "Mul", a, b);

function part(call: Call, x: Value, i: number, hidden: number): Value {
  return slice(call.g, x, [{ axis: x.shape.length - 1, begin: i * hidden, size: hidden }]);
}

// The first gates together: they have one activation.
function gates(call: Call, x: Value, count: number, hidden: number): Value {
  return slice(call.g, x, [{ axis: x.shape.length - 1, begin: 0, size: count * hidden }]);
}

// The state's share of the gates; before the first step the state is zero, and only the bias is left.
function ofState(call: Call, state: Value | null, weights: Value, bias: Value | null): Value | null {
  return state ? dense(call.g, state, weights, bias) : bias;
}

const optional = (call: Call, a: Value, b: Value | null) => (b ? plus(call, a, b) : a);

// ONNX orders the gates: update, reset, hidden.
const gru: Cell = {
  ...{ gates: 3, states: 1, activations: ["Sigmoid", "Tanh"] },
  step(call, hidden, { stateWeights, stateBias }) {
    const { g } = call;
    const resetsBefore = int(call, "linear_before_reset", 0) === 0;
    return (fromInput, [state = null]) => {
      const fromState = ofState(call, state, stateWeights, stateBias);
      const both = optional(call, gates(call, fromInput, 2, hidden), fromState && gates(call, fromState, 2, hidden));
      const open = unary(g, "Sigmoid", both);
      const [update, reset] = [part(call, open, 0, hidden), part(call, open, 1, hidden)];
      let recurrent = fromState && part(call, fromState, 2, hidden);
      if (!resetsBefore) recurrent = recurrent && by(call, reset, recurrent);
      else if (state) {
        const weights = part(call, stateWeights, 2, hidden);
        recurrent = dense(g, by(call, reset, state), weights, stateBias && part(call, stateBias, 2, hidden));
      }
      const candidate = unary(g, "Tanh", optional(call, part(call, fromInput, 2, hidden), recurrent));
      // (1 − z) · candidate + z · state
      if (!state) return [binary(g, "Sub", candidate, by(call, update, candidate))];
      return [plus(call, candidate, by(call, update, binary(g, "Sub", state, candidate)))];
    };
  },
};

// ONNX orders the gates: input, output, forget, cell.
const lstm: Cell = {
  ...{ gates: 4, states: 2, activations: ["Sigmoid", "Tanh", "Tanh"] },
  step(call, hidden, { stateWeights, stateBias }) {
    const { g } = call;
    return (fromInput, [state = null, cell = null]) => {
      const all = optional(call, fromInput, ofState(call, state, stateWeights, stateBias));
      const open = unary(g, "Sigmoid", gates(call, all, 3, hidden));
      const gate = (i: number) => part(call, open, i, hidden);
      const added = by(call, gate(0), unary(g, "Tanh", part(call, all, 3, hidden)));
      const next = cell ? plus(call, by(call, gate(2), cell), added) : added;
      return [by(call, gate(1), unary(g, "Tanh", next)), next];
    };
  },
};

const rnn: Cell = {
  ...{ gates: 1, states: 1, activations: ["Tanh"] },
  step(call, _, { stateWeights, stateBias }) {
    return (fromInput, [state = null]) => {
      return [unary(call.g, "Tanh", optional(call, fromInput, ofState(call, state, stateWeights, stateBias)))];
    };
  },
};

const recurrentOf =
  (cell: Cell): Convert =>
  (call) => {
    const { g } = call;
    checkSupported(call, cell);
    const x = input(call, 0, "X");
    const weights = input(call, 1, "W");
    const hidden = (numbers(weights.shape, "W")[1] as number) / cell.gates;
    const directions = weights.shape[0] as number;
    const length = numbers([x.shape[0] as Dim], "the sequence's length")[0] as number;
    if (length > stepsMax) {
      throw new OnnxError(`its sequence has ${length} steps; at most ${stepsMax} are possible. Cut the sequence`);
    }
    checkLengths(call, length);
    const found = Array.from({ length: directions }, (_, i) => run(call, cell, x, i, hidden, length));
    const all = concat(
      g,
      found.map(({ outputs }) => outputs),
      1,
    );
    const last = Array.from({ length: cell.states }, (_, state) => {
      return concat(
        g,
        found.map(({ states }) => reshape(g, states[state] as Value, [1, ...(states[state] as Value).shape])),
        0,
      );
    });
    return [all, ...last];
  };

function run(call: Call, cell: Cell, x: Value, i: number, hidden: number, length: number) {
  const { g } = call;
  const way = text(call, "direction", "forward");
  const isBackward = way === "reverse" || (way === "bidirectional" && i === 1);
  const direction = directionOf(call, cell, i, hidden);
  const [, batch] = x.shape as [Dim, Dim];
  const size = cell.gates * hidden;
  // One product has the inputs' share of all steps.
  const rows = dense(g, x, direction.inputWeights, direction.inputBias);
  const step = cell.step(call, hidden, direction);
  let states: (Value | null)[] = Array.from({ length: cell.states }, (_, state) => initial(call, state, i));
  const outputs: Value[] = [];
  for (let at = 0; at < length; at++) {
    const time = isBackward ? length - 1 - at : at;
    const fromInput = reshape(g, slice(g, rows, [{ axis: 0, begin: time, size: 1 }]), [batch, size]);
    states = step(fromInput, states);
    outputs[time] = reshape(g, states[0] as Value, [1, 1, batch, hidden]);
  }
  return { outputs: concat(g, outputs, 0), states };
}

function directionOf(call: Call, cell: Cell, i: number, hidden: number): Direction {
  const { g } = call;
  const matrix = (at: number, name: string) => {
    const all = input(call, at, name);
    const own = slice(g, all, [{ axis: 0, begin: i, size: 1 }]);
    return transpose(reshape(g, own, all.shape.slice(1)), [1, 0]);
  };
  const size = cell.gates * hidden;
  const given = call.inputs[3];
  const bias = (half: number) => {
    if (!given) return null;
    const own = slice(g, given, [
      { axis: 0, begin: i, size: 1 },
      { axis: 1, begin: half * size, size },
    ]);
    return reshape(g, own, [size]);
  };
  return {
    inputWeights: matrix(1, "W"),
    stateWeights: matrix(2, "R"),
    inputBias: bias(0),
    stateBias: bias(1),
  };
}

// Null where the first state is zero: most models begin so.
function initial(call: Call, state: number, direction: number): Value | null {
  const given = call.inputs[5 + state];
  if (!given) return null;
  const first = given.known?.uniform ? [given.known.data[0] as number] : numbersOf(given);
  if (first && Array.prototype.every.call(first, (value: number) => value === 0)) return null;
  const own = slice(call.g, given, [{ axis: 0, begin: direction, size: 1 }]);
  return reshape(call.g, own, given.shape.slice(1));
}

function checkSupported(call: Call, { activations }: Cell): void {
  const { opType } = call.node;
  if (int(call, "layout", 0) !== 0) throw new OnnxError(`${opType} with layout=1 is not supported; layout=0 is`);
  if (call.node.attribute.some(({ name }) => name === "clip"))
    throw new OnnxError(`${opType} with clip is not supported`);
  if (int(call, "input_forget", 0) !== 0) throw new OnnxError(`${opType} with input_forget is not supported`);
  if (call.inputs[7]) throw new OnnxError(`${opType} with peepholes is not supported`);
  const own = texts(call, "activations");
  const isOther = own?.some((name, i) => name.toLowerCase() !== activations[i % activations.length]?.toLowerCase());
  if (isOther) throw new OnnxError(`${opType} with activations ${own} is not supported; ${activations} are`);
}

function checkLengths(call: Call, length: number): void {
  const given = call.inputs[4];
  if (!given) return;
  const known = given.known?.uniform ? (given.known.data as ArrayLike<number>) : numbersIn(call, 4, "sequence_lens");
  if (known && Array.prototype.every.call(known, (value: number) => value === length)) return;
  throw new OnnxError(
    `${call.node.opType} with sequences of different lengths is not supported. Pad them before the model`,
  );
}

/** Operators that go over a sequence step by step. */
export const recurrent: Record<string, Convert> = {
  ...{ GRU: recurrentOf(gru), LSTM: recurrentOf(lstm), RNN: recurrentOf(rnn) },
};
