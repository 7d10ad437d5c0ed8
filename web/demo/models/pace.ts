// How fast bytes come, and how long the rest will take.

/** The rate is that of the last so many ms. */
const memory = 4000;

export class Pace {
  readonly #looks: { readonly at: number; readonly loaded: number }[] = [];

  /** Takes note that at `at` (ms) so many bytes of `total` are there; gives bytes a second and seconds to go. */
  at(at: number, loaded: number, total: number | undefined) {
    if ((this.#looks.at(-1)?.loaded ?? 0) > loaded) this.#looks.length = 0; // another stage counts from 0
    this.#looks.push({ at, loaded });
    while (this.#looks.length > 2 && at - (this.#looks[0]?.at ?? at) > memory) this.#looks.shift();
    const first = this.#looks[0] ?? { at, loaded };
    const rate = at - first.at > 200 ? ((loaded - first.loaded) * 1000) / (at - first.at) : undefined;
    const left = rate && total !== undefined ? (total - loaded) / rate : undefined;
    return { rate, left };
  }
}
