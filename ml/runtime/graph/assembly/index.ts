/**
 * Runs programs over columns. A column is a block of up to 64 rows of float32; an instruction is four int32: operation,
 * target, and two sources, all addresses of columns. Everything is done four rows at a time, and no row sees another.
 */
import { erf, exp, log, tanh } from "./functions";

const COPY = 0;
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

/** `rows` is a multiple of eight. */
export function run(program: usize, instructions: i32, rows: i32): void {
  const end: usize = <usize>rows * 4;
  for (let i = 0; i < instructions; i++) {
    const at = program + (<usize>i << 4);
    const target: usize = load<u32>(at, 4);
    const a: usize = load<u32>(at, 8);
    const b: usize = load<u32>(at, 12);
    switch (load<i32>(at)) {
      case COPY:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, v128.load(a + r));
        break;
      case ADD:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, f32x4.add(v128.load(a + r), v128.load(b + r)));
        break;
      case SUBTRACT:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, f32x4.sub(v128.load(a + r), v128.load(b + r)));
        break;
      case MULTIPLY:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, f32x4.mul(v128.load(a + r), v128.load(b + r)));
        break;
      case DIVIDE:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, f32x4.div(v128.load(a + r), v128.load(b + r)));
        break;
      case MAXIMUM:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, f32x4.max(v128.load(a + r), v128.load(b + r)));
        break;
      case MINIMUM:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, f32x4.min(v128.load(a + r), v128.load(b + r)));
        break;
      case NEGATE:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, f32x4.neg(v128.load(a + r)));
        break;
      case EXP:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, exp(v128.load(a + r)));
        break;
      case LOG:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, log(v128.load(a + r)));
        break;
      case TANH:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, tanh(v128.load(a + r)));
        break;
      case ERF:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, erf(v128.load(a + r)));
        break;
      case SIGMOID:
        for (let r: usize = 0; r < end; r += 16) {
          const one = f32x4.splat(1);
          v128.store(target + r, f32x4.div(one, f32x4.add(one, exp(f32x4.neg(v128.load(a + r))))));
        }
        break;
      case SOFTPLUS:
        // max(x, 0) + ln(1 + e^-|x|): no overflow on either side
        for (let r: usize = 0; r < end; r += 16) {
          const x = v128.load(a + r);
          const tail = log(f32x4.add(f32x4.splat(1), exp(f32x4.neg(f32x4.abs(x)))));
          v128.store(target + r, f32x4.add(f32x4.max(x, f32x4.splat(0)), tail));
        }
        break;
      case RELU:
        for (let r: usize = 0; r < end; r += 16) v128.store(target + r, f32x4.max(v128.load(a + r), f32x4.splat(0)));
        break;
      case MATMUL:
        multiply(target, a, end);
        break;
      default:
        unreachable();
    }
  }
}

/**
 * Weighted sums of columns, four sums and eight rows at a time. `order` = {inputs, groups of four sums, address of the
 * inputs' addresses, address of the weights as [group][input][4], address of the columns to start from or 0}. Targets,
 * and columns to start from, follow each other 256 bytes apart.
 */
function multiply(target: usize, order: usize, end: usize): void {
  const inputs = load<i32>(order);
  const groups = load<i32>(order, 4);
  const columns: usize = load<u32>(order, 8);
  const weights: usize = load<u32>(order, 12);
  const starts: usize = load<u32>(order, 16);
  for (let g = 0; g < groups; g++) {
    const out = target + (<usize>g << 10);
    const first = starts + (<usize>g << 10);
    for (let r: usize = 0; r < end; r += 32) {
let a0 = starts ? v128.load(first + r, 0) : f32x4.splat(0);
      let a1 = starts ? v128.load(first + r, 16) : f32x4.splat(0);
      let b0 = starts ? v128.load(first + r, 256) : f32x4.splat(0);
      let b1 = starts ? v128.load(first + r, 272) : f32x4.splat(0);
      let c0 = starts ? v128.load(first + r, 512) : f32x4.splat(0);
      let c1 = starts ? v128.load(first + r, 528) : f32x4.splat(0);
      let d0 = starts ? v128.load(first + r, 768) : f32x4.splat(0);
      let d1 = starts ? v128.load(first + r, 784) : f32x4.splat(0);
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
      v128.store(out + r, a0, 0);
      v128.store(out + r, a1, 16);
      v128.store(out + r, b0, 256);
      v128.store(out + r, b1, 272);
      v128.store(out + r, c0, 512);
      v128.store(out + r, c1, 528);
      v128.store(out + r, d0, 768);
      v128.store(out + r, d1, 784);
    }
  }
}
