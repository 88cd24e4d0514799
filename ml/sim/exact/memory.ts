/** Where pools live in the fast engine's memory, and how wide numbers are read there. */
import { engine } from "./wasm.ts";

const PAGE = 65536;
const MASK64 = (1n << 64n) - 1n;

/** Views of the whole memory; taken anew after it has grown. */
export let words = new BigUint64Array(engine.memory.buffer);
export let view = new DataView(engine.memory.buffer);

function lookAgain(): void {
  words = new BigUint64Array(engine.memory.buffer);
  view = new DataView(engine.memory.buffer);
}

/** Unsigned number of 2, 3 or 4 limbs of 64 bits, lowest first, at an address that 8 divides. */
export function readWide(address: number, limbs: number): bigint {
  let at = (address >>> 3) + limbs - 1;
  let value = words[at] ?? 0n;
  for (let left = limbs - 1; left > 0; left--) {
    at--;
    const limb = words[at] ?? 0n;
    value = value === 0n ? limb : (value << 64n) | limb;
  }
  return value;
}

const SMALL = 1n << 62n;

/** Signed number of 4 limbs. */
export function readSigned(address: number): bigint {
  const at = address >>> 3;
  const high = words[at + 3] ?? 0n;
  // Most amounts fit in one limb.
  if (high === 0n && words[at + 1] === 0n && words[at + 2] === 0n) return words[at] ?? 0n;
  if (high === MASK64 && words[at + 1] === MASK64 && words[at + 2] === MASK64) {
    const low = BigInt.asIntN(64, words[at] ?? 0n);
    if (low < 0n) return low;
  }
  return BigInt.asIntN(256, readWide(address, 4));
}

export function writeWide(address: number, limbs: number, value: bigint): void {
  const at = address >>> 3;
  if (value >= 0n && value < SMALL) {
    words[at] = value;
    for (let i = 1; i < limbs; i++) words[at + i] = 0n;
    return;
  }
  for (let i = 0; i < limbs; i++) words[at + i] = value >> BigInt(64 * i);
}

/** A pool's place: an address in the engine's memory, or 0 while it only has its saved bytes. */
export interface Region {
  base: number;
  /** The pool's bytes, where they are known outside; never changed, so that snapshots and forks may share them. */
  saved: ArrayBuffer | null;
  /** Bytes in use. */
  length: number;
  /** Set by every call; a region in use is not the first to give up its place. */
  used: boolean;
}

interface Slot {
  readonly base: number;
  readonly size: number;
  holder: Region | null;
}

/** Beyond this, pools that were not used lately wait outside the engine's memory. */
const RESIDENT_BYTES = 64 * 1024 * 1024;
const SMALLEST = 4096;
/** Places of one size that are given out whatever else is in memory: one operation may need several at once. */
const LEAST_PLACES = 4;

const align = (address: number): number => Math.ceil(address / 64) * 64;
let end = align(engine.heapBase());
let residentBytes = 0;
/** By size, a power of two: free slots, and slots in use in the order they were given. */
const freeSlots = new Map<number, Slot[]>();
const takenSlots = new Map<number, Slot[]>();
const slotOf = new WeakMap<Region, Slot>();

const listOf = (lists: Map<number, Slot[]>, size: number): Slot[] => {
  const list = lists.get(size) ?? [];
  lists.set(size, list);
  return list;
};

/** Memory that is never given back. */
export function reserve(bytes: number): number {
  const base = end;
  end = align(base + bytes);
  const missing = end - engine.memory.buffer.byteLength;
  if (missing > 0) {
    engine.memory.grow(Math.max(Math.ceil(missing / PAGE), Math.min(256, engine.memory.buffer.byteLength / PAGE)));
    lookAgain();
  }
  return base;
}

/** Takes the place of a region that was not used since it was last looked at; its bytes are saved. */
function evict(size: number): Slot | null {
  const taken = listOf(takenSlots, size);
  for (let slot = taken.shift(); slot !== undefined; slot = taken.shift()) {
    const { holder } = slot;
    if (holder === null) return slot;
    if (!holder.used) {
      holder.saved ??= engine.memory.buffer.slice(slot.base, slot.base + holder.length);
      holder.base = 0;
      slotOf.delete(holder);
      return slot;
    }
    holder.used = false;
    taken.push(slot);
  }
  return null;
}

function takeSlot(bytes: number): Slot {
  let size = SMALLEST;
  while (size < bytes) size *= 2;
  const free = listOf(freeSlots, size).pop();
  if (free) return free;
  const enough = residentBytes + size > RESIDENT_BYTES && listOf(takenSlots, size).length >= LEAST_PLACES;
  const evicted = enough ? evict(size) : null;
  if (evicted) return evicted;
  residentBytes += size;
  return { base: reserve(size), size, holder: null };
}

function settle(region: Region, slot: Slot): void {
  slot.holder = region;
  slotOf.set(region, slot);
  listOf(takenSlots, slot.size).push(slot);
  region.base = slot.base;
  region.used = true;
}

/** A region of undefined content. */
export function allocate(bytes: number): Region {
  const region: Region = { base: 0, saved: null, length: bytes, used: true };
  settle(region, takeSlot(bytes));
  return region;
}

/** Lets go of a region's place. */
function release(region: Region): void {
  const slot = slotOf.get(region);
  if (!slot) return;
  slotOf.delete(region);
  const taken = listOf(takenSlots, slot.size);
  taken.splice(taken.lastIndexOf(slot), 1);
  slot.holder = null;
  listOf(freeSlots, slot.size).push(slot);
  region.base = 0;
}

/** The address of a region, brought back into memory if need be. */
export function addressOf(region: Region): number {
  if (region.base === 0) bringBack(region);
  region.used = true;
  return region.base;
}

/** The address of a region whose bytes are about to change. */
export function openRegion(region: Region): number {
  const base = addressOf(region);
  region.saved = null;
  return base;
}

function bringBack(region: Region): void {
  settle(region, takeSlot(region.length));
  if (region.saved) new Uint8Array(engine.memory.buffer).set(new Uint8Array(region.saved), region.base);
}

/** The region's bytes, not to be changed. */
export function bytesOf(region: Region): ArrayBuffer {
  if (region.saved) return region.saved;
  const base = addressOf(region);
  region.saved = engine.memory.buffer.slice(base, base + region.length);
  return region.saved;
}

/** Makes a region hold what bytesOf told of one, whatever their sizes. */
export function restoreBytes(region: Region, bytes: ArrayBuffer): void {
  const slot = slotOf.get(region);
  if (slot && slot.size < bytes.byteLength) release(region);
  region.length = bytes.byteLength;
  region.saved = bytes;
  if (region.base !== 0) new Uint8Array(engine.memory.buffer).set(new Uint8Array(bytes), region.base);
}

/** An independent copy. It takes its place in memory when it is first used. */
export const duplicate = (region: Region): Region => ({
  base: 0,
  saved: bytesOf(region),
  length: region.length,
  used: false,
});

/** Gives a region the place of another, which must not be used any more. */
export function takeOver(region: Region, other: Region): void {
  release(region);
  const slot = slotOf.get(other);
  if (!slot) return;
  slotOf.delete(other);
  slot.holder = region;
  slotOf.set(region, slot);
  region.base = slot.base;
  region.length = other.length;
  region.saved = null;
}
