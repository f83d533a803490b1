// Directed graphs of names: who calls or imports whom.

export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The strongly connected components (Tarjan), callees before callers. One of a single node that does not point at itself is no circle.
 * Names that are pointed at but are no keys are left out.
 */
export function components(graph: Graph): string[][] {
  const order = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];

  const visit = (node: string): number => {
    let lowest = order.size;
    order.set(node, lowest);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!graph.has(next)) continue;
      const seen = order.get(next);
      if (seen === undefined) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, seen);
    }
    if (lowest === order.get(node)) found.push(stack.splice(stack.indexOf(node)));
    return lowest;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return found;
}

/** Components that are circles. */
export const circles = (graph: Graph): string[][] =>
  components(graph).filter(([first = "", ...others]) => others.length > 0 || graph.get(first)?.has(first));
