// A reply in the making, in phases: a thought, text, and the tool calls that the model makes. Each phase generates under rules of its own
// on one session, which has read the prompt.
import type { FinishReason } from '../../page/completion.js';
import type { GenerateOptions } from '../../page/options.js';
import type { Session } from '../../page/session.js';
import { RwkvError } from '../../shared/errors.js';
import type { Step } from '../../shared/types.js';
import { argumentsSchema, callMark, callParts, type Tool, type ToolUse } from './tools.js';

/** How a reply is made. */
export interface ReplyPlan {
  /** Of all phases; `grammar` and `jsonSchema` rule the text, `stop` and log probabilities are of texts alone. */
  readonly options: GenerateOptions;
  readonly tools: ToolUse | undefined;
  /** Whether the prompt has begun a thought. It comes before what a grammar rules. */
  readonly isThinking: boolean;
  /** What divides the prompt from a call that comes first. */
  readonly blank: string;
}

/** What a reply consists of, as it comes. */
export type ReplyPiece =
  /** Text, thoughts too; a token of -1 was not drawn. */
  | { readonly kind: 'text'; readonly step: Step }
  /** A call begins; what follows belongs to it. */
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'arguments'; readonly text: string }
  /** Nothing more comes. */
  | { readonly kind: 'end'; readonly reason: FinishReason; readonly tokens: number };

const thoughtEnds = '</think>';
const mostCalls = 32; // in one reply
const mostAhead = 24; // tokens that are drawn to see whether a call comes
const marks = [`\n\n${callMark}`, `\n${callMark}`, callMark];

/** @throws RwkvError as `session.generate`; what is wrong with a tool's schema names it */
export async function* replying(
  session: Session,
  { options, tools, isThinking, blank }: ReplyPlan,
): AsyncGenerator<ReplyPiece, void, undefined> {
  const {
    stop = [],
    logprobs,
    topLogprobs,
    jsonSchema,
    grammar,
    maxTokens = 256,
    seed,
    ...drawing
  } = options;
  const telling = {
    ...(logprobs !== undefined && { logprobs }),
    ...(topLogprobs !== undefined && { topLogprobs }),
  };
  const ruling = {
    ...(jsonSchema !== undefined && { jsonSchema }),
    ...(grammar !== undefined && { grammar }),
  };
  const isRuled = jsonSchema !== undefined || grammar !== undefined;
  let phases = 0;
  let tokens = 0;

  const generate = (prompt: string, rules: GenerateOptions) => {
    const left = maxTokens - tokens;
    const chance = seed === undefined ? {} : { seed: (seed + phases++) % 2 ** 53 };
    return session.generate(prompt, {
      ...drawing,
      ...chance,
      ...rules,
      keepPartial: true, // what is left early is gone back before
      maxTokens: Math.min(rules.maxTokens ?? left, left),
    });
  };
  const counted = async (steps: ReturnType<typeof generate>) => {
    const result = await steps.result;
    tokens += result.usage.completionTokens;
    return result;
  };
  const end = (reason: FinishReason): ReplyPiece => ({ kind: 'end', reason, tokens });
  async function* text(steps: ReturnType<typeof generate>): AsyncGenerator<ReplyPiece, void, undefined> {
    for await (const step of steps) yield { kind: 'text', step };
  }

  /** Whether a call comes next. Leaves no trace. */
  async function isCallNext(prompt: string): Promise<boolean> {
    let text = '';
    for await (const step of generate(prompt, { maxTokens: mostAhead })) {
      text = (text + step.text).trimStart();
      if (text.startsWith(callMark) || !callMark.startsWith(text)) break;
    }
    await session.rewind();
    return text.startsWith(callMark);
  }

  async function* calls(use: ToolUse, before: string): AsyncGenerator<ReplyPiece, FinishReason, undefined> {
    const [beforeName, beforeArguments, behind] = callParts;
    let lead = before;
    for (let i = 0; i < mostCalls; i++) {
      lead += callMark + beforeName;
      const [only, other] = use.tools;
      let tool = other ? undefined : only;
      if (tool) lead += tool.name + beforeArguments;
      else {
        const steps = generate(lead, { grammar: namesGrammar(use.tools) });
        for await (const _ of steps);
        const { text, finishReason } = await counted(steps);
        tool = use.tools.find(({ name }) => `${name}"` === text);
        if (!tool) return finishReason;
        lead = beforeArguments.slice(1);
      }
      const steps = generate(lead, { jsonSchema: argumentsSchema(tool) });
      let hasBegun = false;
      try {
        for await (const { text } of steps) {
          if (!hasBegun) yield { kind: 'call', name: tool.name }; // not before the schema is known to be one
          hasBegun = true;
          if (text !== '') yield { kind: 'arguments', text };
        }
      } catch (error) {
        throw ofTool(tool, error);
      }
      const { finishReason } = await counted(steps);
      if (finishReason === 'length' || !use.isParallel || !(await isCallNext(behind))) return finishReason;
      lead = `${behind}\n`;
    }
    return 'stop';
  }

  const ends = typeof stop === 'string' ? [stop] : stop;
  let before = '';
  if (isThinking && (isRuled || tools)) {
    const steps = generate('', { ...telling, stop: [thoughtEnds, ...ends] });
    yield* text(steps);
    const thought = await counted(steps);
    if (thought.stop !== thoughtEnds) return yield end(thought.finishReason);
    before = `${thought.text}${thoughtEnds}\n`;
    await session.rewind(); // the last token may hold more than the mark
    yield { kind: 'text', step: { token: -1, text: `${thoughtEnds}\n` } };
  }
  if (tools && (tools.isForced || (isRuled && (await isCallNext(before)))))
    return yield end(yield* calls(tools, before || blank));
  const steps = generate(before, {
    ...telling,
    ...ruling,
    stop: [...ends, ...(tools && !isRuled ? marks : [])],
  });
  yield* text(steps);
  const said = await counted(steps);
  if (!tools || said.stop === undefined || !marks.includes(said.stop)) return yield end(said.finishReason);
  await session.rewind();
  const lead = before + said.text;
  yield end(yield* calls(tools, said.text.trim() === '' ? lead || blank : `${lead}\n`));
}

/** @throws RwkvError naming the tool whose schema is none, or whose rules cannot be kept here */
export async function checkCalls(session: Session, { tools }: ToolUse): Promise<void> {
  for (const tool of tools)
    try {
      await session.complete('', { jsonSchema: argumentsSchema(tool), maxTokens: 0 }).result;
    } catch (error) {
      throw ofTool(tool, error);
    }
}

// The rest of a name, and the quotation mark behind it.
function namesGrammar(tools: readonly Tool[]): string {
  return `root ::= ${tools.map(({ name }) => `"${name}\\""`).join(' | ')}`;
}

function ofTool({ name, path }: Tool, error: unknown): unknown {
  if (!(error instanceof RwkvError) || !/^option (jsonSchema|grammar)\b/.test(error.message)) return error;
  const reason = error.message.replace(/^option \w+: /, '');
  return new RwkvError(error.code, `${path} of '${name}': ${reason}`, { cause: error });
}
