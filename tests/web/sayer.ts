// A model that says what it is told to, whatever its prompt is: a reciter whose tokens are letters and the pieces that it says.
import { grammar } from '../../dist/grammar-node.js';
import { type Model, RWKV } from '../../dist/node.js';
import { reciter } from './reciter.js';

const letters = ['\n', ...Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i))];

/**
 * Loads one that goes from each piece to the next, whenever the last token is that piece; a piece may be the letter that a prompt ends
 * in. Behind the last the text ends. Behind all else every token is as likely.
 */
export function sayer(...pieces: readonly string[]): Promise<Model> {
  const tokens = ['<s>', ...letters, ...pieces.filter((piece) => piece.length > 1)];
  const written = tokens.map((token) => token.replaceAll('\\', '\\\\').replaceAll('\n', '\\n'));
  const recites = pieces.map((piece) => tokens.indexOf(piece));
  return RWKV.load(reciter({ vocabulary: tokens.length, recites, tokens: written }), { grammar });
}
