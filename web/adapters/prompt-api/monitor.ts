// What `monitor` of `create` gets.
import { bindMembers } from '../../shared/bind.js';
import type { CreateMonitor, DownloadProgressEvent } from './types.js';

/**
 * As a ProgressEvent, which Node does not have and whose numbers are integers in some browsers.
 */
class DownloadProgress extends Event implements DownloadProgressEvent {
  readonly lengthComputable = true;
  readonly total = 1;
  readonly loaded: number;

  constructor(loaded: number) {
    super('downloadprogress');
    this.loaded = loaded;
  }
}

export class DownloadMonitor extends EventTarget implements CreateMonitor {
  ondownloadprogress: ((event: DownloadProgressEvent) => void) | null = null;
  #last = -1;

  constructor() {
    super();
    bindMembers(this);
  }

  /** Tells that so much is there, from 0 to 1, where that is at least a hundredth more than was told. */
  tell(loaded: number): void {
    if (loaded < this.#last + 0.01 && !(loaded === 1 && this.#last < 1)) return;
    this.#last = loaded;
    const event = new DownloadProgress(loaded);
    this.ondownloadprogress?.(event);
    this.dispatchEvent(event);
  }
}
