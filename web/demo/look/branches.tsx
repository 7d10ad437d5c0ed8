// The branches of a text as a tree to choose from.
import { Label } from '../label.js';
import { growth } from '../write/continuing.js';
import type { Branch, Tree } from '../write/tree.js';

interface Props {
  readonly grove: Tree;
  readonly isBusy: boolean;
  readonly onChoose: (branch: Branch) => void;
}

export function Branches(props: Props) {
  growth.value; // branches grow in place
  return (
    <ul class="branches">
      <Node {...props} branch={props.grove.root()} />
    </ul>
  );
}

function Node({ branch, ...props }: Props & { branch: Branch }) {
  const { grove, isBusy, onChoose } = props;
  const children = grove.branches.filter(({ parent }) => parent === branch);
  const isCurrent = grove.current === branch;
  const label = branch.parent
    ? ({ text: branch.text.trim() || '…', most: 90, at: 'back' } as const)
    : ({ text: grove.opening.trim() || 'The beginning', most: 60, at: 'front' } as const);
  return (
    <li>
      <button
        type="button"
        class={isCurrent ? 'branch on' : 'branch'}
        aria-current={isCurrent ? 'true' : undefined}
        disabled={isBusy}
        onClick={() => onChoose(branch)}
      >
        {branch.parent && <small>{branch.steps.length}</small>}
        <Label {...label} />
      </button>
      {children.length > 0 && (
        <ul>
          {children.map((child) => (
            <Node key={child.id} {...props} branch={child} />
          ))}
        </ul>
      )}
    </li>
  );
}
