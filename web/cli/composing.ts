// What is typed at a terminal, as messages: a line, what was pasted, or lines that go on behind a backslash.
import type { Interface } from 'node:readline';
import { PassThrough } from 'node:stream';

/** Bracketed paste of terminals: told so, they mark where what is pasted begins and ends. */
const [pasteOn, pasteOff] = ['\x1b[?2004h', '\x1b[?2004l'];

/** The messages of a terminal. `more` is the prompt of a line that goes on with a message. */
export function messagesOf(lines: Interface, prompt: string, more: string): AsyncIterable<string> {
  const messages = new PassThrough({ objectMode: true });
  let begun: string[] = [];
  let isPasted = false;
  const { stdin, stdout } = process;
  const hear = (_: string, { name }: { readonly name?: string }) => {
    if (name === 'paste-start') isPasted = true;
    else if (name === 'paste-end') isPasted = false;
  };
  const end = () => void stdout.write(pasteOff);
  stdout.write(pasteOn);
  process.once('exit', end);
  stdin.on('keypress', hear);
  lines.on('line', (line) => {
    const goesOn = !isPasted && /(^|[^\\])\\$/.test(line);
    begun.push(goesOn ? line.slice(0, -1) : line);
    lines.setPrompt(isPasted || goesOn ? more : prompt);
    if (goesOn) lines.prompt();
    if (isPasted || goesOn) return;
    messages.write(begun.join('\n'));
    begun = [];
  });
  lines.on('SIGINT', () => {
    begun = [];
    lines.setPrompt(prompt);
  });
  lines.on('close', () => {
    stdin.off('keypress', hear);
    messages.end();
  });
  return messages;
}
