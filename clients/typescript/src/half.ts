/** A float of 16 bits: a sign, an exponent, and `mantissa` bits after the leading one. */
export interface Half {
  readonly mantissa: number;
  /** The exponent of the smallest number that has its leading one. */
  readonly least: number;
}

export const FP16: Half = { mantissa: 10, least: -14 };
export const BF16: Half = { mantissa: 7, least: -126 };

const SIGN = 0x8000;

/** Give the bits of the nearest such float, the even one of two; infinity for what is beyond. */
export function narrow(value: number, { mantissa, least }: Half): number {
  const sign = value < 0 || Object.is(value, -0) ? SIGN : 0;
  const infinity = SIGN - 2 ** mantissa;
  if (Number.isNaN(value)) return infinity + 1;
  const size = Math.abs(value);
  const exponent = Math.min(Math.max(exponentOf(size), least), -least + 2);
  const bits = (exponent - least) * 2 ** mantissa + toEven(size / 2 ** (exponent - mantissa));
  return sign + Math.min(bits, infinity);
}

/** Give the number that such bits stand for. */
export function widen(bits: number, { mantissa, least }: Half): number {
  const size = bits % SIGN;
  const one = 2 ** mantissa;
  const exponent = Math.floor(size / one);
  const fraction = size % one;
  const sign = bits < SIGN ? 1 : -1;
  if (size >= SIGN - one) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  const scale = 2 ** (Math.max(exponent - 1, 0) + least - mantissa);
  return sign * (exponent ? one + fraction : fraction) * scale;
}

/** Give the largest power of two that is not above a size, as its exponent. */
function exponentOf(size: number): number {
  const guess = Math.floor(Math.log2(size));
  if (2 ** guess > size) return guess - 1; // log2 rounds
  return 2 ** (guess + 1) <= size ? guess + 1 : guess;
}

function toEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 ? floor + 1 : floor;
}
