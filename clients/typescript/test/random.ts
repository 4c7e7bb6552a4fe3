/** Numbers that look random, the same each time. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 to below 2 ** 32. */
  word(): number {
    // xorshift: https://www.jstatsoft.org/article/view/v008i14
    this.#state = (this.#state ^ (this.#state << 13)) | 0;
    this.#state ^= this.#state >>> 17;
    this.#state = (this.#state ^ (this.#state << 5)) | 0;
    return this.#state >>> 0;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return this.word() % end;
  }

  list<T>(length: number, make: () => T): T[] {
    return Array.from({ length }, make);
  }
}
