// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IUniswapV3Pool} from "../../../vaults/interfaces/IUniswapV3Pool.sol";
import {InKindExit, RangeVault} from "../../../vaults/RangeVault.sol";
import {MockToken} from "../../support/mocks/MockToken.sol";

interface IFlashPool {
    function flash(address recipient, uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// @notice An outsider with unlimited capital: whatever it needs is minted and counted as put in.
contract Raider {
    RangeVault private immutable vault;
    IUniswapV3Pool private immutable pool;
    MockToken private immutable token0;
    MockToken private immutable token1;
    MockToken private immutable assetToken;
    uint256 private put0;
    uint256 private put1;

    /// What the vault answered to an entry in the middle of a flash loan; empty = it let it happen.
    bytes public flashRefusal;

    constructor(RangeVault vault_) {
        vault = vault_;
        pool = IUniswapV3Pool(vault_.pool());
        token0 = MockToken(vault_.token0());
        token1 = MockToken(vault_.token1());
        assetToken = MockToken(vault_.asset());
        token0.approve(address(vault_), type(uint256).max);
        token1.approve(address(vault_), type(uint256).max);
    }

    /// @notice What it holds less what it put in, shares apart.
    function net() external view returns (int256 net0, int256 net1) {
        net0 = int256(token0.balanceOf(address(this))) - int256(put0);
        net1 = int256(token1.balanceOf(address(this))) - int256(put1);
    }

    function moveToPrice(uint160 targetX96) external {
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        if (targetX96 == sqrtPriceX96) return;
        pool.swap(address(this), targetX96 < sqrtPriceX96, type(int128).max, targetX96, "");
    }

    function deposit(uint256 assets) external {
        _fund(assetToken, assets);
        vault.deposit(assets, address(this));
    }

    function depositInKind(uint256 max0, uint256 max1) external {
        _fund(token0, max0);
        _fund(token1, max1);
        vault.depositInKind(max0, max1, address(this), 0);
    }

    function redeem(uint256 shares) external {
        vault.redeem(shares, address(this), address(this));
    }

    function withdraw(uint256 assets) external {
        vault.withdraw(assets, address(this), address(this));
    }

    function redeemWithSwap(uint256 shares) external {
        vault.redeem(shares, address(this), address(this), 0);
    }

    function withdrawWithSwap(uint256 assets) external {
        vault.withdraw(assets, address(this), address(this), type(uint256).max);
    }

    function redeemInKind(uint256 shares, bool waive0, bool waive1) external {
        vault.redeemInKind(InKindExit(shares, address(this), address(this), address(this), 0, 0, waive0, waive1));
    }

    function giveTokens(uint256 amount0, uint256 amount1) external {
        _pay(address(vault), amount0, amount1);
    }

    /// @notice Liquidity of its own, or a gift of it to `owner`.
    function provide(address owner, int24 lowerTick, int24 upperTick, uint128 liquidity) external {
        pool.mint(owner, lowerTick, upperTick, liquidity, "");
    }

    function unprovide(int24 lowerTick, int24 upperTick, uint128 liquidity) external {
        pool.burn(lowerTick, upperTick, liquidity);
        pool.collect(address(this), lowerTick, upperTick, type(uint128).max, type(uint128).max);
    }

    /// @notice Borrows from the pool and tries to enter the vault before it pays back.
    function flash(uint256 amount0, uint256 amount1) external {
        IFlashPool(address(pool)).flash(address(this), amount0, amount1, abi.encode(amount0, amount1));
    }

    function uniswapV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata data) external {
        uint256 assets = 1 + assetToken.balanceOf(address(this)) / 10;
        _fund(assetToken, assets);
        try vault.deposit(assets, address(this)) {
            flashRefusal = "";
        } catch (bytes memory refusal) {
            flashRefusal = refusal;
        }
        (uint256 amount0, uint256 amount1) = abi.decode(data, (uint256, uint256));
        _pay(msg.sender, amount0 + fee0, amount1 + fee1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _pay(msg.sender, delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        _pay(msg.sender, amount0, amount1);
    }

    function _pay(address to, uint256 amount0, uint256 amount1) private {
        if (amount0 > 0) {
            _fund(token0, amount0);
            token0.transfer(to, amount0);
        }
        if (amount1 > 0) {
            _fund(token1, amount1);
            token1.transfer(to, amount1);
        }
    }

    function _fund(MockToken token, uint256 amount) private {
        uint256 held = token.balanceOf(address(this));
        if (held >= amount) return;
        if (token == token0) put0 += amount - held;
        else put1 += amount - held;
        token.mint(address(this), amount - held);
    }
}
