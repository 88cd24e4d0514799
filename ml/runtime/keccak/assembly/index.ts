/**
 * Keccak-256 as Ethereum hashes: whole blocks of 136 bytes are absorbed from `buffer`; the last of them is padded by whoever
 * puts them there. The first 32 bytes of the state are the hash.
 */
const LANES = 25;
const BLOCK_LANES: usize = 17;
const ROUNDS: usize = 24;

export const state: usize = memory.data(200, 16);
export const buffer: usize = memory.data(32640, 16);

const CONSTANTS: usize = memory.data<u64>([
  0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b,
  0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088,
  0x0000000080008009, 0x000000008000000a, 0x000000008000808b, 0x800000000000008b, 0x8000000000008089,
  0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
  0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
]);
/** Where the lanes go one after another, and how far each is turned. */
const PLACES: usize = memory.data<u8>([10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1]);
const TURNS: usize = memory.data<u8>([1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44]);

export function begin(): void {
  memory.fill(state, 0, LANES << 3);
}

export function absorb(blocks: i32): void {
  let from = buffer;
  for (let block = 0; block < blocks; block++) {
    for (let i: usize = 0; i < BLOCK_LANES; i++) {
      store<u64>(state + (i << 3), load<u64>(state + (i << 3)) ^ load<u64>(from));
      from += 8;
    }
    permute();
  }
}

// @ts-ignore: decorator
@inline
function column(x: usize): u64 {
  const at = state + (x << 3);
  return load<u64>(at) ^ load<u64>(at, 40) ^ load<u64>(at, 80) ^ load<u64>(at, 120) ^ load<u64>(at, 160);
}

// @ts-ignore: decorator
@inline
function mix(x: usize, other: u64): void {
  const at = state + (x << 3);
  store<u64>(at, load<u64>(at) ^ other);
  store<u64>(at, load<u64>(at, 40) ^ other, 40);
  store<u64>(at, load<u64>(at, 80) ^ other, 80);
  store<u64>(at, load<u64>(at, 120) ^ other, 120);
  store<u64>(at, load<u64>(at, 160) ^ other, 160);
}

function permute(): void {
  for (let round: usize = 0; round < ROUNDS; round++) {
    const a = column(0);
    const b = column(1);
    const c = column(2);
    const d = column(3);
    const e = column(4);
    mix(0, e ^ rotl<u64>(b, 1));
    mix(1, a ^ rotl<u64>(c, 1));
    mix(2, b ^ rotl<u64>(d, 1));
    mix(3, c ^ rotl<u64>(e, 1));
    mix(4, d ^ rotl<u64>(a, 1));

    let moving = load<u64>(state, 8);
    for (let i: usize = 0; i < 24; i++) {
      const at = state + (<usize>load<u8>(PLACES + i) << 3);
      const next = load<u64>(at);
      store<u64>(at, rotl<u64>(moving, load<u8>(TURNS + i)));
      moving = next;
    }

    for (let row = state; row < state + 200; row += 40) {
      const f = load<u64>(row);
      const g = load<u64>(row, 8);
      const h = load<u64>(row, 16);
      const i = load<u64>(row, 24);
      const j = load<u64>(row, 32);
      store<u64>(row, f ^ (~g & h));
      store<u64>(row, g ^ (~h & i), 8);
      store<u64>(row, h ^ (~i & j), 16);
      store<u64>(row, i ^ (~j & f), 24);
      store<u64>(row, j ^ (~f & g), 32);
    }
    store<u64>(state, load<u64>(state) ^ load<u64>(CONSTANTS + (round << 3)));
  }
}
