// Vocabularies as files of the RWKV World form: lines `id literal length`, the literal Python's, the length that of its bytes. Id 0 ends a
// text and has no line.

/** Tokens of a character a byte, in the order of their ids, which begin with 1. */
export function worldFile(tokens: readonly string[]): string {
  return tokens.map((token, i) => `${i + 1} ${literal(token)} ${token.length}\n`).join('');
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

// A str where its bytes are text, else bytes.
function literal(token: string): string {
  const bytes = Uint8Array.from(token, (byte) => byte.charCodeAt(0));
  try {
    return `'${escaped(utf8.decode(bytes), 'text')}'`;
  } catch {
    return `b'${escaped(token, 'bytes')}'`;
  }
}

function escaped(text: string, of: 'text' | 'bytes'): string {
  const hidden = of === 'text' ? /[\\']|[^\P{C}]|[^\P{Z} ]/gu : /[\\']|[^ -~]/gu;
  return text.replace(hidden, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const short = shorts[character];
    if (short !== undefined) return short;
    const [kind, digits] = code < 0x100 ? ['x', 2] : code < 0x10000 ? ['u', 4] : ['U', 8];
    return `\\${kind}${code.toString(16).padStart(Number(digits), '0')}`;
  });
}

const shorts: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};
