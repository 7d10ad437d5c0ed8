// The tools of a call.
import { checkTools, type Tool, type ToolUse } from '../shared/tools.js';
import type { CallOptions, Warn } from './types.js';

/** @throws RwkvError `invalid-argument`, naming the tool */
export function readTools(
  { tools: given = [], toolChoice }: CallOptions,
  warn: Warn,
): { told: readonly Tool[]; use: ToolUse | undefined } {
  const tools: Tool[] = [];
  for (const [i, tool] of given.entries()) {
    if (tool.type !== 'function') {
      warn(`the tool ${tool.name}`, 'no provider runs tools here: it is left out');
      continue;
    }
    const { name, description, inputSchema } = tool;
    tools.push({ name, description, parameters: inputSchema, path: `tools[${i}].inputSchema` });
  }
  checkTools(tools);
  const isNamed = toolChoice?.type === 'tool';
  const callable = isNamed ? tools.filter(({ name }) => name === toolChoice.toolName) : tools;
  if (toolChoice?.type === 'none' || callable.length === 0) return { told: [], use: undefined };
  const isForced = isNamed || toolChoice?.type === 'required';
  return { told: tools, use: { tools: callable, isForced, isParallel: !isNamed } };
}
