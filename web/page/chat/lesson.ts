// Conversations to learn from.
import type { ChatMessage } from './messages.js';
import { blankBehind } from './reply.js';
import { type Transcript, turnBorder } from './transcript.js';

/** A part of a conversation: what is read, or a reply as a model is to write it. */
export interface LessonPart {
  readonly text: string;
  readonly isReply: boolean;
}

const thought = '<think';

/**
 * A conversation up to its last reply, replies in turns with what is read before them, behind the opening that chats begin them with. The
 * border of turns ends all but the last. Messages are checked; the transcript writes who speaks.
 */
export function* lessonOf(messages: readonly ChatMessage[], transcript: Transcript): Generator<LessonPart> {
  const last = messages.findLastIndex(({ role }) => role === 'assistant');
  let read = '';
  for (const [i, message] of messages.slice(0, last + 1).entries()) {
    const turn = transcript.closed([message]);
    if (message.role !== 'assistant') {
      read += turn;
      continue;
    }
    const speaker = turn.slice(0, turn.indexOf(':') + 1);
    const said = turn.slice(speaker.length).trim();
    const isThought = transcript.template === 'g1' && said.startsWith(`${thought}>`);
    const begun = isThought ? `${speaker} ${thought}` : transcript.begun(undefined);
    yield { text: read + begun, isReply: false };
    const reply = isThought ? said.slice(thought.length) : blankBehind(begun) + said;
    yield { text: i === last ? reply : reply + turnBorder, isReply: true };
    read = '';
  }
}
