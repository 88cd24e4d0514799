// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {MockToken} from "./mocks/MockToken.sol";

/// @notice Trades and provides liquidity in a pool straight, with tokens it mints to itself as needed.
contract Trader {
    IUniswapV3Pool public immutable pool;
    MockToken internal immutable token0;
    MockToken internal immutable token1;
    /// Tokens that were minted for trades, so that profit can be told.
    int256 public spent0;
    int256 public spent1;

    constructor(IUniswapV3Pool pool_) {
        pool = pool_;
        token0 = MockToken(pool_.token0());
        token1 = MockToken(pool_.token1());
    }

    function swap(bool zeroForOne, int256 amount) external returns (int256 amount0, int256 amount1) {
        return swapTo(zeroForOne, amount, zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1);
    }

    function swapTo(bool zeroForOne, int256 amount, uint160 limitX96) public returns (int256 amount0, int256 amount1) {
        (amount0, amount1) = pool.swap(address(this), zeroForOne, amount, limitX96, "");
        spent0 += amount0;
        spent1 += amount1;
    }

    /// @notice Moves the pool's price to a tick, whatever it costs.
    function moveTo(int24 tick) external returns (int256 amount0, int256 amount1) {
        return moveToPrice(TickMath.getSqrtPriceAtTick(tick));
    }

    function moveToPrice(uint160 targetX96) public returns (int256 amount0, int256 amount1) {
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        if (targetX96 == sqrtPriceX96) return (0, 0);
        return swapTo(targetX96 < sqrtPriceX96, type(int128).max, targetX96);
    }

    function provide(address owner, int24 lowerTick, int24 upperTick, uint128 liquidity) external {
        pool.mint(owner, lowerTick, upperTick, liquidity, "");
    }

    /// @notice Takes liquidity of its own out again.
    function withdraw(int24 lowerTick, int24 upperTick, uint128 liquidity) external {
        pool.burn(lowerTick, upperTick, liquidity);
        pool.collect(address(this), lowerTick, upperTick, type(uint128).max, type(uint128).max);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _pay(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        _pay(amount0, amount1);
    }

    function _pay(uint256 amount0, uint256 amount1) internal virtual {
        if (amount0 > 0) token0.mint(msg.sender, amount0);
        if (amount1 > 0) token1.mint(msg.sender, amount1);
    }
}
