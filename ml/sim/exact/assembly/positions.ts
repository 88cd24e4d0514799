// Positions: records in the order they were made, found through a hash table that is never more than half full.
import {
  HASH_AT,
  HASH_MASK,
  POSITION_BYTES,
  POSITION_COUNT,
  POSITIONS_AT,
} from "../layout";
import { multiply43, product2, product3 } from "./multiply";
import { sub4 } from "./wide";

// @ts-ignore: decorator
@inline
function recordAt(pool: usize, i: u32): usize {
  return pool + load<u32>(pool, POSITIONS_AT) + <usize>i * POSITION_BYTES;
}

function hashOf(key: usize): u32 {
  let hash = load<u64>(key) * 0x9e3779b97f4a7c15;
  hash = (hash ^ (hash >> 29) ^ load<u64>(key, 8)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 32) ^ load<u64>(key, 16)) * 0x94d049bb133111eb;
  hash = (hash ^ (hash >> 29) ^ <u64>load<u32>(key, 24)) * 0x9e3779b97f4a7c15;
  return <u32>(hash >> 32);
}

function isSameKey(a: usize, b: usize): bool {
  return (
    load<u64>(a) == load<u64>(b) &&
    load<u64>(a, 8) == load<u64>(b, 8) &&
    load<u64>(a, 16) == load<u64>(b, 16) &&
    load<u32>(a, 24) == load<u32>(b, 24)
  );
}

/** The record of a key of 28 bytes (owner, lower tick, upper tick); 0 where there is none. */
export function findPosition(pool: usize, key: usize): usize {
  const table = pool + load<u32>(pool, HASH_AT);
  const mask = load<u32>(pool, HASH_MASK);
  let at = hashOf(key) & mask;
  while (true) {
    const held = load<u32>(table + (<usize>at << 2));
    if (held == 0) return 0;
    const record = recordAt(pool, held - 1);
    if (isSameKey(record, key)) return record;
    at = (at + 1) & mask;
  }
}

function enter(pool: usize, i: u32): void {
  const table = pool + load<u32>(pool, HASH_AT);
  const mask = load<u32>(pool, HASH_MASK);
  let at = hashOf(recordAt(pool, i)) & mask;
  while (load<u32>(table + (<usize>at << 2)) != 0) at = (at + 1) & mask;
  store<u32>(table + (<usize>at << 2), i + 1);
}

/** A new record of zeros; there must be room. */
export function insertPosition(pool: usize, key: usize): usize {
  const count = load<u32>(pool, POSITION_COUNT);
  const record = recordAt(pool, count);
  memory.fill(record, 0, POSITION_BYTES);
  memory.copy(record, key, 28);
  store<u32>(pool, count + 1, POSITION_COUNT);
  enter(pool, count);
  return record;
}

/** Fills the hash table anew from the records. */
export function rehash(pool: usize): void {
  memory.fill(pool + load<u32>(pool, HASH_AT), 0, (<usize>load<u32>(pool, HASH_MASK) + 1) << 2);
  const count = load<u32>(pool, POSITION_COUNT);
  for (let i: u32 = 0; i < count; i++) enter(pool, i);
}

const GAINED = memory.data(32, 8);

/** Fees that a position's liquidity earned while the growth inside went from `last` to `now`, modulo 2^128. */
export function feesOf(to: usize, now: usize, last: usize, l0: u64, l1: u64): void {
  sub4(GAINED, now, last);
  multiply43(load<u64>(GAINED), load<u64>(GAINED, 8), load<u64>(GAINED, 16), load<u64>(GAINED, 24), l0, l1, 0);
  store<u64>(to, product2);
  store<u64>(to, product3, 8);
}
