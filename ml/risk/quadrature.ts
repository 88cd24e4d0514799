interface Rule {
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
}

/** Gauss–Legendre nodes and weights on [-1, 1], by Newton's method on the Legendre recurrence. */
function gaussLegendre(count: number): Rule {
  const nodes = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 1;
    for (let round = 0; round < 8; round++) {
      let [last, value] = [1, x];
      for (let n = 2; n <= count; n++) [last, value] = [value, ((2 * n - 1) * x * value - (n - 1) * last) / n];
      slope = (count * (x * value - last)) / (x * x - 1);
      x -= value / slope;
    }
    nodes[i] = x;
    weights[i] = 2 / ((1 - x * x) * slope * slope);
  }
  return { nodes, weights };
}

const RULE = gaussLegendre(24);

/** ∫ f over [from, to] by one 24-point Gauss–Legendre rule: exact for polynomials up to degree 47. */
export function integrate(f: (x: number) => number, from: number, to: number): number {
  const half = (to - from) / 2;
  const middle = (to + from) / 2;
  let sum = 0;
  for (let i = 0; i < RULE.nodes.length; i++) {
    sum += (RULE.weights[i] as number) * f(middle + half * (RULE.nodes[i] as number));
  }
  return sum * half;
}

/**
 * ∫ f over [0, span] for an f that is a smooth function of √t and may change quickly near 0, as expectations along a
 * diffusion do: t = span·u², panels halving towards u = 0.
 */
export function integrateFromNow(f: (t: number) => number, span: number): number {
  const inner = (u: number) => 2 * u * span * f(span * u * u);
  let sum = 0;
  let to = 1;
  for (let panel = 0; panel < 14; panel++, to /= 2) sum += integrate(inner, to / 2, to);
  return sum + integrate(inner, 0, to);
}
