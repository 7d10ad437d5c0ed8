// The parameters that tell of tools, in both spellings of OpenAI's API: `{ type, function: { name } }` of chats, `{ type, name }` of responses.
import { boolean, oneOf } from '../../page/rules.js';
import { RwkvError } from '../../shared/errors.js';
import { checkTools, type Tool, type ToolUse } from '../shared/tools.js';
import { invalidRequest } from './errors.js';
import { anyObject, anyText, either, type Fields, listOf, someText } from './fields.js';

/** How an endpoint writes a function: in an object of its own, or flat. */
export type ToolSpelling = 'nested' | 'flat';

/** The tools of a request. */
export interface AskedTools {
  /** Those that the model is told of. */
  readonly told: readonly Tool[];
  /** What it may call; `undefined`: nothing. */
  readonly use: ToolUse | undefined;
}

const lists = listOf(anyObject, 0, Infinity, 'a list of tools');
const choices = either(oneOf('auto', 'none', 'required'), anyObject);

/** @throws OpenAIError */
export function readTools(fields: Fields, spelling: ToolSpelling): AskedTools {
  const tools = (fields.take('tools', lists) ?? []).map((tool, i) =>
    readTool(fields.within(`tools[${i}]`, tool), `tools[${i}]`, spelling),
  );
  try {
    checkTools(tools);
  } catch (error) {
    if (!(error instanceof RwkvError)) throw error;
    const [param = 'tools'] = /^tools[\w.[\]]*/.exec(error.message) ?? [];
    throw invalidRequest(error.message, param, 'invalid_value');
  }
  const isParallel = fields.take('parallel_tool_calls', boolean) ?? true;
  const choice = fields.take('tool_choice', choices) ?? 'auto';
  const { mode, names } =
    typeof choice === 'string'
      ? { mode: choice, names: undefined }
      : readChoice(fields.within('tool_choice', choice), spelling);
  const found = (name: string) => {
    const tool = tools.find((tool) => tool.name === name);
    if (tool) return tool;
    throw invalidRequest(
      `'tool_choice' names '${name}': expected one of the tools`,
      'tool_choice',
      'invalid_value',
    );
  };
  const callable = names?.map(found) ?? tools;
  if (mode === 'required' && callable.length === 0)
    throw invalidRequest(
      "'tool_choice': expected 'tools' to choose from; found none",
      'tool_choice',
      'invalid_value',
    );
  const isNone = mode === 'none' || callable.length === 0;
  const told = isNone ? [] : tools;
  return { told, use: isNone ? undefined : { tools: callable, isForced: mode === 'required', isParallel } };
}

function readTool(fields: Fields, path: string, spelling: ToolSpelling): Tool {
  fields.require('type', oneOf('function'));
  const own = spelling === 'flat' ? fields : requireObject(fields, path, 'function');
  const described = {
    name: own.require('name', someText),
    description: own.take('description', anyText),
    parameters: own.take('parameters', anyObject),
    path: `${path}${spelling === 'flat' ? '' : '.function'}.parameters`,
  };
  own.take('strict', boolean); // all calls keep their schema
  if (own !== fields) own.end();
  else fields.ignore('allowed_callers', 'defer_loading', 'output_schema');
  fields.end();
  return described;
}

function requireObject(fields: Fields, path: string, name: string): Fields {
  const own = fields.object(name);
  if (own) return own;
  const at = `${path}.${name}`;
  throw invalidRequest(`'${at}' is missing: expected an object`, at, 'missing_required_parameter');
}

interface Choice {
  readonly mode: 'auto' | 'required';
  readonly names: readonly string[];
}

function readChoice(fields: Fields, spelling: ToolSpelling): Choice {
  const type = fields.require('type', oneOf('function', 'allowed_tools'));
  if (type === 'function') return { mode: 'required', names: [readName(fields, 'tool_choice', spelling)] };
  const allowed = spelling === 'flat' ? fields : requireObject(fields, 'tool_choice', 'allowed_tools');
  const mode = allowed.require('mode', oneOf('auto', 'required'));
  const at = `tool_choice.${spelling === 'flat' ? '' : 'allowed_tools.'}tools`;
  const names = allowed.require('tools', listOf(anyObject, 1, Infinity, 'a list of tools')).map((tool, i) => {
    const named = fields.within(`${at}[${i}]`, tool);
    named.require('type', oneOf('function'));
    return readName(named, `${at}[${i}]`, spelling);
  });
  if (allowed !== fields) allowed.end();
  fields.end();
  return { mode, names: [...new Set(names)] };
}

function readName(fields: Fields, path: string, spelling: ToolSpelling): string {
  const own = spelling === 'flat' ? fields : requireObject(fields, path, 'function');
  const name = own.require('name', someText);
  if (own !== fields) own.end();
  fields.end();
  return name;
}
