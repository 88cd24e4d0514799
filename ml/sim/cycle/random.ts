/** The kernel's random numbers, one at a time: assembly/random.ts is the same for four. */

const WEYL = 0x9e3779b9;

/** 32 random bits: a hash of a counter and of an environment's two keys. */
export function bits(counter: number, key0: number, key1: number): number {
  let z = (key0 + Math.imul(counter, WEYL)) | 0;
  z ^= z >>> 16;
  z = (Math.imul(z, 0x7feb352d) + key1) | 0;
  z ^= z >>> 15;
  z = Math.imul(z, 0x846ca68b);
  return (z ^ (z >>> 16)) >>> 0;
}

/** From the upper 24 bits: in (0, 1]. */
export const uniform = (random: number): number => ((random >>> 8) + 1) / 2 ** 24;

/** The lower 16 bits as a signed number. */
export const side = (random: number): number => (random << 16) >> 16;

/** Radius of a pair of normal numbers, from the upper 16 bits: Box and Muller's, with a logarithm good to 1.4e-4. */
export function radius(random: number): number {
  const u = ((random >>> 16) + 1) / 65536;
  // u = (1 + t) 2^exponent with 1 + t in [sqrt(1/2), sqrt(2)).
  const exponent = Math.ceil(Math.log2(u) - 0.5);
  const t = u / 2 ** exponent - 1;
  const ln = t * (0.99973108 + t * (-0.5023236 + t * (0.3536316 + t * -0.22362541))) + exponent * Math.LN2;
  return Math.sqrt(Math.max(-2 * ln, 0));
}

/** Angle of the pair in half turns, in [-1, 1), from the upper 16 bits. */
export const angle = (random: number): number => (random >> 16) / 32768;

/** sin(pi x) for x in [-1, 1], to 1.1e-3: a parabola, bent. */
export function sinPi(x: number): number {
  const y = 4 * x * (1 - Math.abs(x));
  return y * (0.775 + 0.225 * Math.abs(y));
}

/** cos(pi x) for x in [-1, 1]. */
export const cosPi = (x: number): number => sinPi(0.5 - Math.abs(x));
