// The ways a text went on: each branch leaves another behind some of its steps. Branches grow in place, for tokens come by the
// thousand.
import type { Step } from 'rwkv-wasm';

export interface Branch {
  readonly id: number;
  /** The branch it leaves; only the root leaves none. */
  readonly parent: Branch | undefined;
  /** So many steps of the parent come before it. */
  readonly from: number;
  readonly steps: Step[];
  /** The text of its steps. */
  text: string;
}

/** A step in its place on the way to a branch's end. */
export interface Spot {
  readonly branch: Branch;
  readonly index: number;
  readonly step: Step;
}

export class Tree {
  /** What was there before anything was generated, and what follows behind all branches. */
  readonly opening: string;
  readonly rest: string;
  readonly branches: Branch[] = [{ id: 0, parent: undefined, from: 0, steps: [], text: '' }];
  current: Branch;

  constructor(opening: string, rest: string) {
    this.opening = opening;
    this.rest = rest;
    this.current = this.root();
  }

  root(): Branch {
    const [root] = this.branches;
    if (!root) throw new Error('a tree has a root');
    return root;
  }

  add(parent: Branch, from: number): Branch {
    const branch = { id: this.branches.length, parent, from, steps: [], text: '' };
    this.branches.push(branch);
    return branch;
  }

  /** All text up to behind the first `count` steps of a branch. */
  textOf(branch: Branch, count = branch.steps.length): string {
    return this.textBefore(branch) + textOfSteps(branch, count);
  }

  /** All text before a branch's own. */
  textBefore({ parent, from }: Branch): string {
    return parent ? this.textOf(parent, from) : this.opening;
  }

  /** The steps on the way to a branch's end. */
  way(branch: Branch): Spot[] {
    const before = branch.parent ? this.way(branch.parent).slice(0, this.#stepsBefore(branch)) : [];
    return [...before, ...branch.steps.map((step, index) => ({ branch, index, step }))];
  }

  /** Where on the branches a text ends, the current way first. */
  find(text: string): { branch: Branch; count: number } | undefined {
    const ends = [this.current, ...this.branches].find((branch) => this.textOf(branch) === text);
    if (ends) return { branch: ends, count: ends.steps.length };
    if (text === this.opening) return { branch: this.root(), count: 0 };
    let length = this.opening.length;
    for (const { branch, index, step } of this.way(this.current)) {
      length += step.text.length;
      if (length < text.length) continue;
      return this.textOf(branch, index + 1) === text ? { branch, count: index + 1 } : undefined;
    }
    return undefined;
  }

  #stepsBefore({ parent, from }: Branch): number {
    return parent ? this.#stepsBefore(parent) + from : 0;
  }
}

/** Adds a step at a branch's end. */
export function grow(branch: Branch, step: Step): void {
  branch.steps.push(step);
  branch.text += step.text;
}

function textOfSteps({ steps, text }: Branch, count: number): string {
  if (count === steps.length) return text;
  return steps
    .slice(0, count)
    .map((step) => step.text)
    .join('');
}
