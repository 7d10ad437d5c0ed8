// What the log tells of requests when they have ended: no contents.
import type { Spent } from '../adapters/openai/spent.js';

/** A request that has ended. */
export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** From its arrival to its end, in milliseconds. */
  readonly ms: number;
  /** Of what was generated to the end. */
  readonly spent: Spent | undefined;
  /** Of a stream: what came before its end. */
  readonly cut: 'left' | 'failed' | undefined;
}

/** A request under way, for the log. */
export class LogEntry {
  spent: Spent | undefined;
  cut: LoggedRequest['cut'];
  /** Whether it ends when its stream does, not when its answer begins. */
  isStream = false;
  readonly #begun = performance.now();
  readonly #method: string;
  readonly #path: string;

  constructor({ method, path }: Pick<LoggedRequest, 'method' | 'path'>) {
    this.#method = method;
    this.#path = path;
  }

  end(status: number): LoggedRequest {
    const [ms, { spent, cut }] = [performance.now() - this.#begun, this];
    return { method: this.#method, path: this.#path, status, ms, spent, cut };
  }
}

/** A line of the log. */
export function logLine({ method, path, status, ms, spent, cut }: LoggedRequest): string {
  const parts = [new Date().toISOString(), method, path, status, `${Math.round(ms)} ms`];
  if (cut) parts.push(cut);
  if (spent) {
    const { promptTokens, completionTokens, seconds } = spent;
    parts.push(`${promptTokens}+${completionTokens} tokens`);
    // The first token comes with the prompt.
    if (completionTokens > 1 && seconds > 0)
      parts.push(`${((completionTokens - 1) / seconds).toFixed(1)} tok/s`);
  }
  return parts.join(' ');
}
