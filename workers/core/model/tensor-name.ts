/** A tensor of a model: an output of an application of a layer, or of a node of a graph. */
export interface TensorPlace {
  /** The layer or the node. */
  name: string;
  /** The application of the layer in the model, from 0; always 0 for a graph's node. */
  node: number;
  /** The output of that application, from 0. */
  index: number;
}

/**
 * Reads the text that names a tensor in manifests, recipes and on the command line: `name` is the first output of the first
 * application of a layer, `name:1` its second output, `name@1` the first output of its second application, and `name@1:2` both.
 * A text that is itself a name is read as that name, so names may contain ':' and '@'.
 */
export function parseTensor(text: string, isName: (name: string) => boolean): TensorPlace {
  if (isName(text)) return { name: text, node: 0, index: 0 };
  const [, named, output] = /^(.+):(\d+)$/s.exec(text) ?? [];
  if (named !== undefined && isName(named)) return { name: named, node: 0, index: Number(output) };
  const [, name = text, node = "0", index = "0"] = /^(.+?)(?:@(\d+))?(?::(\d+))?$/s.exec(text) ?? [];
  return { name, node: Number(node), index: Number(index) };
}

/** Writes the shortest text that `parseTensor` reads as this tensor. */
export function formatTensor(place: TensorPlace, isName: (name: string) => boolean): string {
  const { name, node, index } = place;
  const full = `${name}@${node}:${index}`;
  const short = [name, `${name}:${index}`, `${name}@${node}`].find((text) => {
    const read = parseTensor(text, isName);
    return read.name === name && read.node === node && read.index === index;
  });
  return short ?? full;
}
