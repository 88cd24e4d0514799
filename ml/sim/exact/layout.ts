// Where the fast engine keeps what; read by TypeScript and by the AssemblyScript of assembly/.
//
// One pool is one contiguous region of linear memory: a header, then five areas at the offsets that the header gives.
// Numbers are little-endian; wide ones are 64-bit limbs, lowest first. A copy of the region is a copy of the pool.

// Header: what slot words of the contract hold.
export const PRICE = 0; // sqrt price X96, 3 limbs
export const LIQUIDITY = 24; // 2 limbs
export const TICK = 40; // i32
export const FEE_PIPS = 44; // u32
export const SPACING = 48; // i32
export const FEE_PROTOCOL = 52; // u32
export const GROWTH0 = 56; // 4 limbs
export const GROWTH1 = 88; // 4 limbs
export const PROTOCOL_FEES0 = 120; // 2 limbs
export const PROTOCOL_FEES1 = 136; // 2 limbs
export const TIME = 152; // u32
export const OBSERVATION_INDEX = 156; // u32
export const CARDINALITY = 160; // u32
export const CARDINALITY_NEXT = 164; // u32
/** How many entries of the ring were ever written. */
export const RING_LENGTH = 168; // u32
export const MAX_LIQUIDITY = 176; // per tick, 2 limbs

// Header: the areas.
export const TICK_COUNT = 192; // u32
export const TICK_CAPACITY = 196; // u32
/** First of the chain of freed tick records, 1-based; 0 = none. */
export const TICK_FREE = 200; // u32
/** How many tick records were ever used. */
export const TICK_USED = 204; // u32
export const POSITION_COUNT = 208; // u32
export const POSITION_CAPACITY = 212; // u32
/** Size of the hash table less one; the size is a power of two. */
export const HASH_MASK = 216; // u32
export const OBSERVATION_CAPACITY = 220; // u32
export const LENGTH = 224; // bytes of the region
export const TICK_INDEX_AT = 228; // sorted pairs (tick i32, record u32)
export const TICK_RECORDS_AT = 232;
export const HASH_AT = 236; // u32 each: position record + 1; 0 = empty
export const POSITIONS_AT = 240;
export const OBSERVATIONS_AT = 244;

// Header: the next stops of a swap either way, valid while the tick lies in [.._FROM, .._TO), and 2^192 / liquidity.
export const DOWN = 248;
export const UP = 296;
export const RECIPROCAL = 344; // 3 limbs
export const RECIPROCAL_OF = 368; // 2 limbs
export const HEADER_BYTES = 384;

// A stop.
export const STOP_FROM = 0; // i32
export const STOP_TO = 4; // i32
export const STOP_TICK = 8; // i32
/** Offset of its record in the region; 0 = not initialised. */
export const STOP_RECORD = 12; // u32
export const STOP_PRICE = 16; // 3 limbs
export const STOP_PRICE_FLOAT = 40; // f64

export const TICK_INDEX_BYTES = 8;

// A tick record.
export const TICK_RECORD_BYTES = 168;
export const T_TICK = 0; // i32
export const T_SECONDS = 4; // u32
export const T_GROSS = 8; // 2 limbs
export const T_NET = 24; // 2 limbs, signed
export const T_GROWTH0 = 40; // 4 limbs
export const T_GROWTH1 = 72; // 4 limbs
export const T_CUMULATIVE = 104; // i64
export const T_SECONDS_PER_LIQUIDITY = 112; // 3 limbs
export const T_PRICE = 136; // 3 limbs
export const T_PRICE_FLOAT = 160; // f64

// A position record. Its first 28 bytes are its key.
export const POSITION_BYTES = 144;
export const P_OWNER = 0; // 20 bytes
export const P_LOWER = 20; // i32
export const P_UPPER = 24; // i32
export const P_LIQUIDITY = 32; // 2 limbs
export const P_GROWTH0 = 48; // 4 limbs
export const P_GROWTH1 = 80; // 4 limbs
export const P_OWED0 = 112; // 2 limbs
export const P_OWED1 = 128; // 2 limbs

// An observation.
export const OBSERVATION_BYTES = 40;
export const O_TIME = 0; // u32
export const O_INITIALIZED = 4; // u32
export const O_CUMULATIVE = 8; // i64
export const O_SECONDS_PER_LIQUIDITY = 16; // 3 limbs
