/**
 * Runs programs over columns. A column is a block of rows of float32; an instruction is four int32: operation, target, and
 * two sources, all addresses of columns. A source of which every row is the same is eight equal floats, and the operation
 * says so. Everything is done eight rows at a time, and no row sees another.
 */
import { erf, exp, log, tanh } from "./functions";

const ADD = 1;
const SUBTRACT = 2;
const MULTIPLY = 3;
const DIVIDE = 4;
const MAXIMUM = 5;
const MINIMUM = 6;
const NEGATE = 7;
const EXP = 8;
const LOG = 9;
const TANH = 10;
const ERF = 11;
const SIGMOID = 12;
const SOFTPLUS = 13;
const RELU = 14;
const MATMUL = 15;

/** Added to an operation whose first, or second, source is eight equal floats. */
const FIRST_FIXED = 256;
const SECOND_FIXED = 512;
const OPERATION = 255;

/** `rows` is a multiple of eight. */
export function run(program: usize, instructions: i32, rows: i32): void {
  const size: usize = <usize>rows * 4;
  for (let i = 0; i < instructions; i++) {
    const at = program + (<usize>i << 4);
    const code = load<i32>(at);
    let to: usize = load<u32>(at, 4);
    let a: usize = load<u32>(at, 8);
    let b: usize = load<u32>(at, 12);
    const end = to + size;
    const stepA: usize = code & FIRST_FIXED ? 0 : 32;
    const stepB: usize = code & SECOND_FIXED ? 0 : 32;
    switch (code & OPERATION) {
      case ADD:
        for (; to < end; to += 32, a += stepA, b += stepB) {
          v128.store(to, f32x4.add(v128.load(a), v128.load(b)));
          v128.store(to, f32x4.add(v128.load(a, 16), v128.load(b, 16)), 16);
        }
        break;
      case SUBTRACT:
        for (; to < end; to += 32, a += stepA, b += stepB) {
          v128.store(to, f32x4.sub(v128.load(a), v128.load(b)));
          v128.store(to, f32x4.sub(v128.load(a, 16), v128.load(b, 16)), 16);
        }
        break;
      case MULTIPLY:
        for (; to < end; to += 32, a += stepA, b += stepB) {
          v128.store(to, f32x4.mul(v128.load(a), v128.load(b)));
          v128.store(to, f32x4.mul(v128.load(a, 16), v128.load(b, 16)), 16);
        }
        break;
      case DIVIDE:
        for (; to < end; to += 32, a += stepA, b += stepB) {
          v128.store(to, f32x4.div(v128.load(a), v128.load(b)));
          v128.store(to, f32x4.div(v128.load(a, 16), v128.load(b, 16)), 16);
        }
        break;
      case MAXIMUM:
        for (; to < end; to += 32, a += stepA, b += stepB) {
          v128.store(to, f32x4.max(v128.load(a), v128.load(b)));
          v128.store(to, f32x4.max(v128.load(a, 16), v128.load(b, 16)), 16);
        }
        break;
      case MINIMUM:
        for (; to < end; to += 32, a += stepA, b += stepB) {
          v128.store(to, f32x4.min(v128.load(a), v128.load(b)));
          v128.store(to, f32x4.min(v128.load(a, 16), v128.load(b, 16)), 16);
        }
        break;
      case NEGATE:
        for (; to < end; to += 32, a += stepA) {
          v128.store(to, f32x4.neg(v128.load(a)));
          v128.store(to, f32x4.neg(v128.load(a, 16)), 16);
        }
        break;
      case EXP:
        for (; to < end; to += 32, a += stepA) {
          v128.store(to, exp(v128.load(a)));
          v128.store(to, exp(v128.load(a, 16)), 16);
        }
        break;
      case LOG:
        for (; to < end; to += 32, a += stepA) {
          v128.store(to, log(v128.load(a)));
          v128.store(to, log(v128.load(a, 16)), 16);
        }
        break;
      case TANH:
        for (; to < end; to += 32, a += stepA) {
          v128.store(to, tanh(v128.load(a)));
          v128.store(to, tanh(v128.load(a, 16)), 16);
        }
        break;
      case ERF:
        for (; to < end; to += 32, a += stepA) {
          v128.store(to, erf(v128.load(a)));
          v128.store(to, erf(v128.load(a, 16)), 16);
        }
        break;
      case SIGMOID:
        for (; to < end; to += 32, a += stepA) {
          v128.store(to, sigmoid(v128.load(a)));
          v128.store(to, sigmoid(v128.load(a, 16)), 16);
        }
        break;
      case SOFTPLUS:
        for (; to < end; to += 32, a += stepA) {
          v128.store(to, softplus(v128.load(a)));
          v128.store(to, softplus(v128.load(a, 16)), 16);
        }
        break;
      case RELU:
        for (; to < end; to += 32, a += stepA) {
          v128.store(to, f32x4.max(v128.load(a), f32x4.splat(0)));
          v128.store(to, f32x4.max(v128.load(a, 16), f32x4.splat(0)), 16);
        }
        break;
      case MATMUL:
        multiply(to, a, size);
        break;
      default:
        unreachable();
    }
  }
}

// @ts-ignore: decorator
@inline
function sigmoid(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp(f32x4.neg(x))));
}

/** max(x, 0) + ln(1 + e^-|x|): no overflow on either side. */
// @ts-ignore: decorator
@inline
function softplus(x: v128): v128 {
  const tail = log(f32x4.add(f32x4.splat(1), exp(f32x4.neg(f32x4.abs(x)))));
  return f32x4.add(f32x4.max(x, f32x4.splat(0)), tail);
}

/**
 * Weighted sums of columns, four sums and eight rows at a time. `order` = {inputs, groups of four sums, address of the
 * inputs' addresses, address of the weights as [group][input][4], address of what to start from or 0, bytes from one
 * target to the next}. What to start from is the same for every row: eight equal floats for each sum.
 */
function multiply(target: usize, order: usize, size: usize): void {
  const inputs = load<i32>(order);
  const groups = load<i32>(order, 4);
  const columns: usize = load<u32>(order, 8);
  const weights: usize = load<u32>(order, 12);
  const starts: usize = load<u32>(order, 16);
  const stride: usize = load<u32>(order, 20);
  const zero = f32x4.splat(0);
  for (let g = 0; g < groups; g++) {
    const out = target + (<usize>g << 2) * stride;
    const first = starts + (<usize>g << 7);
    const a = starts ? v128.load(first, 0) : zero;
    const b = starts ? v128.load(first, 32) : zero;
    const c = starts ? v128.load(first, 64) : zero;
    const d = starts ? v128.load(first, 96) : zero;
    for (let r: usize = 0; r < size; r += 32) {
      let a0 = a;
      let a1 = a;
      let b0 = b;
      let b1 = b;
      let c0 = c;
      let c1 = c;
      let d0 = d;
      let d1 = d;
      let weight = weights + <usize>g * <usize>inputs * 16;
      for (let k = 0; k < inputs; k++) {
        const column = <usize>load<u32>(columns + (<usize>k << 2)) + r;
        const x0 = v128.load(column);
        const x1 = v128.load(column, 16);
        const aw = v128.load32_splat(weight);
        a0 = f32x4.add(a0, f32x4.mul(x0, aw));
        a1 = f32x4.add(a1, f32x4.mul(x1, aw));
        const bw = v128.load32_splat(weight, 4);
        b0 = f32x4.add(b0, f32x4.mul(x0, bw));
        b1 = f32x4.add(b1, f32x4.mul(x1, bw));
        const cw = v128.load32_splat(weight, 8);
        c0 = f32x4.add(c0, f32x4.mul(x0, cw));
        c1 = f32x4.add(c1, f32x4.mul(x1, cw));
        const dw = v128.load32_splat(weight, 12);
        d0 = f32x4.add(d0, f32x4.mul(x0, dw));
        d1 = f32x4.add(d1, f32x4.mul(x1, dw));
        weight += 16;
      }
      let to = out + r;
      v128.store(to, a0);
      v128.store(to, a1, 16);
      to += stride;
      v128.store(to, b0);
      v128.store(to, b1, 16);
      to += stride;
      v128.store(to, c0);
      v128.store(to, c1, 16);
      to += stride;
      v128.store(to, d0);
      v128.store(to, d1, 16);
    }
  }
}
