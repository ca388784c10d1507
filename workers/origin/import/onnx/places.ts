import { OnnxError } from "./errors.ts";
import type { GraphProto, NodeProto } from "./messages.ts";
import { operators } from "./operators/index.ts";

const standard = new Set(["", "ai.onnx"]);

/** Whether a domain is that of the standard's own operators. */
export function isStandard(domain: string | undefined): boolean {
  return standard.has(domain ?? "");
}

/** Throws, with all places, when a graph has operators that cannot be converted. */
export function refuseUnknown(graph: GraphProto): void {
  const unknown = graph.node.filter(({ opType, domain }) => {
    return !isStandard(domain) || (opType !== "If" && !operators.has(opType ?? ""));
  });
  if (unknown.length === 0) return;
  const names = [...new Set(unknown.map(nameOf))];
  const places = names.map((name) => {
    const own = unknown.filter((node) => nameOf(node) === name);
    const shown = own.slice(0, 3).map(placeOf).join(", ");
    return `'${name}' in ${shown}${own.length > 3 ? ` and ${own.length - 3} more` : ""}`;
  });
  throw new OnnxError(
    `${names.length === 1 ? "one operator" : `${names.length} operators`} cannot be converted: ${places.join("; ")}. ` +
      "Replace them in the model before the export, or serve the model at the origin",
  );
}

function nameOf({ opType = "", domain = "" }: NodeProto): string {
  return isStandard(domain) ? opType : `${domain}.${opType}`;
}

/** Names a node with what it takes and gives. */
export function placeOf(node: NodeProto): string {
  const name = node.name ? `node '${node.name}'` : "a node";
  return `${name} (${nameOf(node)}: ${node.input.join(", ")} → ${node.output.join(", ")})`;
}
