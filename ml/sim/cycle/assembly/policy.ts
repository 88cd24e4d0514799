// A small net 16-32-32-5 with ReLU; the action is the largest output. Eight environments at a time, weights shared.
import * as F from "./layout";
import { add, max, mul, splat } from "./math";

export const WEIGHTS: i32 = 16 * 32 + 32 + 32 * 32 + 32 + 32 * 5 + 5;

const IN: usize = memory.data(16 * 8 * 4, 16);
const HIDDEN1: usize = memory.data(32 * 8 * 4, 16);
const HIDDEN2: usize = memory.data(32 * 8 * 4, 16);
const OUT: usize = memory.data(8 * 8 * 4, 16);

/** One layer for eight environments: weights [out][in], then biases. Four outputs share each load of the inputs. */
@inline function layer(weights: usize, from: usize, to: usize, inputs: i32, outputs: i32, relu: bool): void {
  const biases = weights + (<usize>(inputs * outputs) << 2);
  const row = <usize>inputs << 2;
  let o: i32 = 0;
  for (; o + 4 <= outputs; o += 4) {
    const w = weights + <usize>o * row;
    let a0 = v128.load32_splat(biases + (<usize>o << 2)), b0 = a0;
    let a1 = v128.load32_splat(biases + (<usize>o << 2), 4), b1 = a1;
    let a2 = v128.load32_splat(biases + (<usize>o << 2), 8), b2 = a2;
    let a3 = v128.load32_splat(biases + (<usize>o << 2), 12), b3 = a3;
    for (let i: usize = 0; i < <usize>inputs; i++) {
      const x = v128.load(from + (i << 5));
      const y = v128.load(from + (i << 5), 16);
      const at = w + (i << 2);
      const w0 = v128.load32_splat(at);
      a0 = add(a0, mul(x, w0));
      b0 = add(b0, mul(y, w0));
      const w1 = v128.load32_splat(at + row);
      a1 = add(a1, mul(x, w1));
      b1 = add(b1, mul(y, w1));
      const w2 = v128.load32_splat(at + 2 * row);
      a2 = add(a2, mul(x, w2));
      b2 = add(b2, mul(y, w2));
      const w3 = v128.load32_splat(at + 3 * row);
      a3 = add(a3, mul(x, w3));
      b3 = add(b3, mul(y, w3));
    }
    const out = to + (<usize>o << 5);
    if (relu) {
      const zero = splat(0);
      a0 = max(a0, zero); b0 = max(b0, zero); a1 = max(a1, zero); b1 = max(b1, zero);
      a2 = max(a2, zero); b2 = max(b2, zero); a3 = max(a3, zero); b3 = max(b3, zero);
    }
    v128.store(out, a0, 0); v128.store(out, b0, 16);
    v128.store(out, a1, 32); v128.store(out, b1, 48);
    v128.store(out, a2, 64); v128.store(out, b2, 80);
    v128.store(out, a3, 96); v128.store(out, b3, 112);
  }
  for (; o < outputs; o++) {
    const w = weights + <usize>o * row;
    let a = v128.load32_splat(biases + (<usize>o << 2)), b = a;
    for (let i: usize = 0; i < <usize>inputs; i++) {
      const w0 = v128.load32_splat(w + (i << 2));
      a = add(a, mul(v128.load(from + (i << 5)), w0));
      b = add(b, mul(v128.load(from + (i << 5), 16), w0));
    }
    v128.store(to + (<usize>o << 5), a);
    v128.store(to + (<usize>o << 5), b, 16);
  }
}

/** Index of the largest of five, first wins, as floats. */
@inline function largest(offset: usize): v128 {
  let best = v128.load(OUT + offset);
  let index = splat(0);
  for (let o: usize = 1; o < 5; o++) {
    const value = v128.load(OUT + offset + (o << 5));
    const better = f32x4.gt(value, best);
    best = v128.bitselect(value, best, better);
    index = v128.bitselect(splat(<f32>o), index, better);
  }
  return index;
}

/** Sets the actions of environments `environment` to `environment + 7` from their observations. */
export function decide(environment: i32, weights: usize): void {
  for (let i: i32 = 0; i < F.OBSERVATIONS; i++) {
    v128.store(IN + (<usize>i << 5), v128.load(F.observation(i, environment)));
    v128.store(IN + (<usize>i << 5), v128.load(F.observation(i, environment + 4)), 16);
  }
  layer(weights, IN, HIDDEN1, 16, 32, true);
  layer(weights + ((16 * 32 + 32) << 2), HIDDEN1, HIDDEN2, 32, 32, true);
  layer(weights + ((16 * 32 + 32 + 32 * 32 + 32) << 2), HIDDEN2, OUT, 32, 5, false);
  v128.store(F.field(F.ACTION, environment), largest(0));
  v128.store(F.field(F.ACTION, environment + 4), largest(16));
}
