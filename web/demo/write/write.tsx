// The tab to write in.
import { useHeight } from '../foot.js';
import { Candidates } from './candidates.js';
import { Editor } from './editor.js';
import { StatusLine } from './status-line.js';
import { Toolbar } from './toolbar.js';

export function Write() {
  const dock = useHeight<HTMLDivElement>('--dock');
  return (
    <div class="write">
      <div class="sheet">
        <Editor />
      </div>
      <Candidates />
      <div class="dock" ref={dock}>
        <StatusLine />
        <Toolbar />
      </div>
    </div>
  );
}
