// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Position} from "../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";

/// @notice The floor: moves liquidity with its own tokens and checks, prices and remembers nothing.
contract BareCaller {
    IUniswapV3Pool private immutable pool;
    IERC20 private immutable token0;
    IERC20 private immutable token1;

    constructor(IUniswapV3Pool pool_) {
        pool = pool_;
        token0 = IERC20(pool_.token0());
        token1 = IERC20(pool_.token1());
    }

    function mint(Position calldata position) public {
        pool.mint(address(this), position.lowerTick, position.upperTick, position.liquidity, "");
    }

    /// @notice Burns `position.liquidity` (0 = poke) and collects everything.
    function burn(Position calldata position) public {
        pool.burn(position.lowerTick, position.upperTick, position.liquidity);
        pool.collect(address(this), position.lowerTick, position.upperTick, type(uint128).max, type(uint128).max);
    }

    /// @notice Burn, collect, swap where `sold` is not zero, mint elsewhere.
    function move(Position[] calldata from, Position[] calldata to, bool zeroForOne, int256 sold) external {
        for (uint256 i; i < from.length; ++i) {
            burn(from[i]);
        }
        if (sold != 0) {
            uint160 limitX96 = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
            pool.swap(address(this), zeroForOne, sold, limitX96, "");
        }
        for (uint256 i; i < to.length; ++i) {
            mint(to[i]);
        }
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        if (amount0 > 0) token0.transfer(msg.sender, amount0);
        if (amount1 > 0) token1.transfer(msg.sender, amount1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        if (delta0 > 0) token0.transfer(msg.sender, uint256(delta0));
        if (delta1 > 0) token1.transfer(msg.sender, uint256(delta1));
    }
}
