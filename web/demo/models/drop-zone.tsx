// Files may be dropped anywhere on the page: texts where the model is taught, else models and vocabularies.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { goTo, tab } from '../tabs.js';
import { addFiles } from '../teach/lesson.js';
import { take } from './opening.js';

export function DropZone() {
  const isOver = useSignal(false);
  useEffect(() => {
    let depth = 0; // entering a child comes before leaving its parent
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const on: Readonly<Record<string, (event: DragEvent) => void>> = {
      dragenter: () => {
        depth += 1;
        isOver.value = true;
      },
      dragleave: () => {
        depth -= 1;
        isOver.value = depth > 0;
      },
      dragover: () => {},
      drop: (event) => {
        depth = 0;
        isOver.value = false;
        const files = [...(event.dataTransfer?.files ?? [])];
        if (tab.value === 'teach') return void addFiles(files);
        goTo('models');
        void take(files);
      },
    };
    const handle = (event: Event) => {
      if (!(event instanceof DragEvent) || !hasFiles(event)) return;
      event.preventDefault();
      on[event.type]?.(event);
    };
    for (const type of Object.keys(on)) addEventListener(type, handle);
    return () => {
      for (const type of Object.keys(on)) removeEventListener(type, handle);
    };
  }, [isOver]);
  return isOver.value ? (
    <div class="drop-zone" aria-hidden="true">
      <p>{tab.value === 'teach' ? 'Drop texts to teach' : 'Drop a model or a vocabulary'}</p>
    </div>
  ) : null;
}
