// Texts that are too long for their place.

/** A text of at most `most` characters. Where it was cut, at its `front` or its `back`, there is an ellipsis. */
export function cut(text: string, most: number, at: 'front' | 'back'): string {
  const near = at === 'back' ? text.slice(0, 2 * most) : text.slice(-2 * most); // a text may be a book
  const characters = [...near]; // never half of a surrogate pair
  if (near === text && characters.length <= most) return text;
  if (at === 'back')
    return `${characters
      .slice(0, most - 1)
      .join('')
      .trimEnd()}…`;
  return `…${characters
    .slice(1 - most)
    .join('')
    .trimStart()}`;
}
