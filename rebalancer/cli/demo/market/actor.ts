import { parseAbi } from "viem";

/** What the demo calls on deploy/local/MarketActor.sol. */
export const marketActorAbi = parseAbi([
  "struct SwapRecord { bool zeroForOne; int256 amount0; int256 amount1; uint160 sqrtPriceX96; int24 tick; }",
  "struct SwapOrder { bool zeroForOne; int256 amountSpecified; uint160 sqrtPriceLimitX96; }",
  "struct LiquidityPosition { int24 tickLower; int24 tickUpper; uint128 liquidity; }",
  "struct MarketFlow { bool toward; uint128 amount0; uint128 amount1; }",
  "struct MarketMoment { uint160 referenceX96; uint160 lowX96; uint160 highX96; uint160 lowTriggerX96; uint160 highTriggerX96; MarketFlow[] flows; }",
  "constructor(address pool)",
  "function replay(SwapRecord[] records)",
  "function play(SwapOrder[] orders)",
  "function live(MarketMoment[] moments)",
  "function mintFor(address owner, LiquidityPosition position) returns (uint256 amount0, uint256 amount1)",
  "function open(LiquidityPosition[] positions)",
  "function close(LiquidityPosition[] positions)",
  "event Played(uint8 mode)",
]);

/** Order of MarketActor's enum Mode. */
export const MODES = ["exact-in", "exact-out", "price-limit", "moved", "skipped"] as const;

/** The parts of the pool's ABI that the market uses. */
export const marketPoolAbi = parseAbi([
  "event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick)",
  "event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1)",
  "event Collect(address indexed owner, address recipient, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount0, uint128 amount1)",
  "function initialize(uint160 sqrtPriceX96)",
  "function increaseObservationCardinalityNext(uint16 observationCardinalityNext)",
  "function burn(int24 tickLower, int24 tickUpper, uint128 amount) returns (uint256 amount0, uint256 amount1)",
  "function collect(address recipient, int24 tickLower, int24 tickUpper, uint128 amount0Requested, uint128 amount1Requested) returns (uint128 amount0, uint128 amount1)",
  "function slot0() view returns (uint160 sqrtPriceX96, int24 tick, uint16 observationIndex, uint16 observationCardinality, uint16 observationCardinalityNext, uint8 feeProtocol, bool unlocked)",
  "function liquidity() view returns (uint128)",
  "function feeGrowthGlobal0X128() view returns (uint256)",
  "function feeGrowthGlobal1X128() view returns (uint256)",
  "function protocolFees() view returns (uint128 token0, uint128 token1)",
  "function tickBitmap(int16 word) view returns (uint256)",
  "function ticks(int24 tick) view returns (uint128 liquidityGross, int128 liquidityNet, uint256 feeGrowthOutside0X128, uint256 feeGrowthOutside1X128, int56 tickCumulativeOutside, uint160 secondsPerLiquidityOutsideX128, uint32 secondsOutside, bool initialized)",
  "function positions(bytes32 key) view returns (uint128 liquidity, uint256 feeGrowthInside0LastX128, uint256 feeGrowthInside1LastX128, uint128 tokensOwed0, uint128 tokensOwed1)",
  "function observations(uint256 index) view returns (uint32 blockTimestamp, int56 tickCumulative, uint160 secondsPerLiquidityCumulativeX128, bool initialized)",
  "function observe(uint32[] secondsAgos) view returns (int56[] tickCumulatives, uint160[] secondsPerLiquidityCumulativeX128s)",
]);
