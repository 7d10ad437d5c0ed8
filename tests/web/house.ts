// The shape of the house: floors, arrows that run back up, and circles.
import { targetsOf } from './arrows.js';

/** From a name to the names that it knows, each with how many imports say so. */
export type Graph = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface House {
  /** Rooms on the longest way down, one after the other. */
  readonly floors: number;
  readonly arrows: number;
  /** Arrows that must go for the others to run down only: of those in a circle of rooms the ones with the fewest imports. */
  readonly upwards: readonly string[];
  /** Files that know each other, directly or through others. */
  readonly circles: readonly (readonly string[])[];
}

/** The files as a graph. */
export function filesOf(files: ReadonlyMap<string, string>): Graph {
  const graph = new Map<string, Map<string, number>>();
  for (const [path, text] of files) {
    for (const target of targetsOf(path, text)) if (files.has(target)) draw(graph, path, target);
  }
  return graph;
}

/** The graph of rooms: the folders in `top` with all that is in them, and each file that stands beside them by itself. */
export function roomsOf(graph: Graph, top: string): Graph {
  const roomOf = (path: string) => /^[^/]+/.exec(path.slice(top.length + 1))?.[0] ?? path;
  const rooms = new Map<string, Map<string, number>>();
  for (const [from, targets] of graph) {
    for (const [to, count] of targets) draw(rooms, roomOf(from), roomOf(to), count);
  }
  return rooms;
}

export function surveyOf(files: ReadonlyMap<string, string>, top: string): House {
  const graph = filesOf(files);
  const rooms = new Map([...roomsOf(graph, top)].map(([from, targets]) => [from, new Map(targets)]));
  const arrows = [...rooms.values()].reduce((sum, targets) => sum + targets.size, 0);
  const upwards: string[] = [];
  for (let circle = circlesIn(rooms)[0]; circle; circle = circlesIn(rooms)[0]) {
    const inside = circle.flatMap((from) =>
      [...(rooms.get(from) ?? [])]
        .filter(([to]) => circle?.includes(to))
        .map(([to, count]) => ({ from, to, count })),
    );
    const lightest = inside.reduce((least, arrow) => (arrow.count < least.count ? arrow : least));
    rooms.get(lightest.from)?.delete(lightest.to);
    upwards.push(`${lightest.from} -> ${lightest.to}`);
  }
  return { floors: height(rooms), arrows, upwards, circles: circlesIn(graph) };
}

/** Sets of names that reach each other, of two or more. */
export function circlesIn(graph: Graph): string[][] {
  const reach = new Map([...graph.keys()].map((name) => [name, reachedFrom(graph, name)]));
  const found: string[][] = [];
  const seen = new Set<string>();
  for (const name of graph.keys()) {
    if (seen.has(name)) continue;
    const circle = [...graph.keys()].filter(
      (other) => reach.get(name)?.has(other) && reach.get(other)?.has(name),
    );
    for (const one of circle) seen.add(one);
    if (circle.length > 1) found.push(circle);
  }
  return found;
}

function reachedFrom(graph: Graph, name: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [name];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const target of graph.get(at)?.keys() ?? []) {
      if (reached.has(target)) continue;
      reached.add(target);
      waiting.push(target);
    }
  }
  return reached;
}

// REQUIRES: no circles.
function height(graph: Graph): number {
  const heights = new Map<string, number>();
  const heightOf = (name: string): number => {
    const known = heights.get(name);
    if (known !== undefined) return known;
    const own = 1 + Math.max(0, ...[...(graph.get(name)?.keys() ?? [])].map(heightOf));
    heights.set(name, own);
    return own;
  };
  return Math.max(0, ...[...graph.keys()].map(heightOf));
}

function draw(graph: Map<string, Map<string, number>>, from: string, to: string, count = 1): void {
  if (from === to) return;
  const targets = graph.get(from) ?? new Map<string, number>();
  graph.set(from, targets.set(to, (targets.get(to) ?? 0) + count));
}
