// The conversation of a call.
import type { ToolCall, Turn } from '../shared/tools.js';
import type { Message, Prompt, Warn } from './types.js';

type Part = Exclude<Message['content'], string>[number];
type ToolResult = Extract<Part, { type: 'tool-result' }>;

/** Thoughts are not read again: models are trained without those of earlier replies. */
export function turnsOf(prompt: Prompt, warn: Warn): Turn[] {
  return prompt.flatMap(({ role, content }): Turn[] => {
    if (typeof content === 'string') return role === 'tool' ? [] : [{ role, content }];
    let text = '';
    const calls: ToolCall[] = [];
    const outputs: Turn[] = [];
    for (const part of content) {
      if (part.type === 'text') text += part.text;
      else if (part.type === 'file' && part.data.type === 'text') text += part.data.text;
      else if (part.type === 'tool-call')
        calls.push({ id: part.toolCallId, name: part.toolName, arguments: JSON.stringify(part.input ?? {}) });
      else if (part.type === 'tool-result')
        outputs.push({ role: 'tool', id: part.toolCallId, content: outputText(part, warn) });
      else if (part.type !== 'reasoning' && part.type !== 'tool-approval-response') {
        const what =
          part.type === 'file' ? `a file of type ${part.mediaType}` : `a part of type ${part.type}`;
        warn(`${part.type} parts`, `RWKV models read text: ${what} is left out`);
      }
    }
    return role === 'tool' ? outputs : [{ role, content: text, calls }, ...outputs];
  });
}

function outputText({ output }: ToolResult, warn: Warn): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value);
    case 'execution-denied':
      return output.reason ?? 'The call was not allowed.';
    case 'content': {
      const texts = output.value.flatMap((part) => (part.type === 'text' ? [part.text] : []));
      if (texts.length < output.value.length)
        warn('files of tools', 'RWKV models read text: what else a tool gave is left out');
      return texts.join('\n');
    }
  }
}
