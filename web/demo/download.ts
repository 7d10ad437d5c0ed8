// Hands a file to the reader, under a name of letters, digits, blanks and hyphens.

/** `otherwise`: the name, where nothing is left of it. */
export function download(file: Blob, name: string, otherwise: string, ending: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = `${
    name
      .replace(/[^\p{L}\p{N} -]/gu, '')
      .trim()
      .slice(0, 80) || otherwise
  }${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
