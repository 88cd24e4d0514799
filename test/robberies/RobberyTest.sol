// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {InKindExit} from "../../vaults/RangeVault.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {Trader} from "../support/Trader.sol";
import {BlindOracle} from "./BlindOracle.sol";

/// @notice A robber with all the capital he wants, his books, and other people who trade too.
abstract contract RobberyTest is BaseTest {
    address internal mallory = makeAddr("mallory");
    address internal accomplice = makeAddr("accomplice");
    /// Trades that are not the robber's.
    Trader internal market;

    int256 private put0;
    int256 private put1;

    function setUp() public virtual override {
        super.setUp();
        market = new Trader(pool);
    }

    /// @dev The inflow cap would make every robbery small; the other guards must do without it.
    function _defaultLimits() internal pure virtual override returns (Limits memory limits) {
        limits = super._defaultLimits();
        limits.inflowCapBps = 10_000;
    }

    /* THE MARKET */

    /// @dev Toward where the other token, and with it the vault, is worth less of the asset.
    function _cheaper(int24 ticks) internal view returns (int24) {
        return assetIsToken0() ? ticks : -ticks;
    }

    /// @dev Takes most of the other liquidity away, so that moving the price costs the robber little.
    function _thinOut(uint128 leftOf10_000) internal {
        trader.withdraw(startTick - 6000, startTick + 6000, (1e19 / 10_000) * (10_000 - leftOf10_000));
    }

    /// @dev The whole vault in the asset, on its own side of spot.
    function _singleSided(int24 width) internal view returns (RebalanceOrder memory order) {
        int24 base = _floorTick(_spotTick());
        order.ranges = new RangeOrder[](1);
        order.ranges[0] = assetIsToken0()
            ? RangeOrder(base + poolSpacing, base + poolSpacing + width, 1e18)
            : RangeOrder(base - width, base, 1e18);
    }

    /* THE GUARD OUT */

    function _seeOnlySpot() internal {
        vm.etch(address(oracle), address(new BlindOracle(address(pool), oracle.bandTicks(), true, 0)).code);
    }

    function _seeOnlyTheMean() internal {
        uint32 window = oracle.longWindowSeconds();
        vm.etch(address(oracle), address(new BlindOracle(address(pool), oracle.bandTicks(), false, window)).code);
    }

    function _seeNoPreBlockTick() internal {
        uint32 window = oracle.longWindowSeconds();
        vm.etch(address(oracle), address(new BlindOracle(address(pool), oracle.bandTicks(), true, window)).code);
    }

    /* THE ROBBER */

    function _begin() internal {
        put0 = int256(token0.balanceOf(mallory)) - trader.spent0();
        put1 = int256(token1.balanceOf(mallory)) - trader.spent1();
    }

    function _fund(uint256 assets) internal {
        assetToken.mint(mallory, assets);
        if (assetIsToken0()) put0 += int256(assets);
        else put1 += int256(assets);
    }

    /// @dev Deposits up to `assets`; 0 shares when the vault does not let him in.
    function _enter(uint256 assets) internal returns (uint256 shares) {
        uint256 most = vault.maxDeposit(mallory);
        if (most < assets) assets = most;
        if (assets == 0) return 0;
        _fund(assets);
        vm.startPrank(mallory);
        assetToken.approve(address(vault), assets);
        shares = vault.deposit(assets, mallory);
        vm.stopPrank();
    }

    function _leaveInKind() internal {
        uint256 shares = vault.balanceOf(mallory);
        if (shares == 0) return;
        vm.prank(mallory);
        vault.redeemInKind(InKindExit(shares, mallory, mallory, mallory, 0, 0, false, false));
    }

    /// @dev What he has, less what he put in, in asset units at a price.
    function _gainAt(uint160 sqrtPriceX96) internal view returns (int256) {
        int256 net0 = int256(token0.balanceOf(mallory)) - trader.spent0() - put0;
        int256 net1 = int256(token1.balanceOf(mallory)) - trader.spent1() - put1;
        return _signed(net0, true, sqrtPriceX96) + _signed(net1, false, sqrtPriceX96);
    }

    function _signed(int256 amount, bool is0, uint160 sqrtPriceX96) private view returns (int256) {
        uint256 size = uint256(amount < 0 ? -amount : amount);
        uint256 value = NavLib.toAssetDown(is0 ? size : 0, is0 ? 0 : size, sqrtPriceX96, assetIsToken0());
        // Against him where it floors.
        return amount < 0 ? -int256(value) : int256(value);
    }

    function _spotX96() internal view returns (uint160 sqrtPriceX96) {
        (sqrtPriceX96,,,,,,) = pool.slot0();
    }

    /// @dev Swap, deposit, swap back, leave in kind.
    /// @return gain at the starting price, in bps of the vault times 1e4, and whether he got in.
    function _sandwich(int24 displacement, uint256 assets) internal returns (int256 gain, bool entered) {
        uint160 startX96 = _spotX96();
        (, uint256 nav,,,) = vault.navStatus();
        _begin();
        trader.moveTo(_spotTick() + displacement);
        entered = _enter(assets) > 0;
        trader.moveToPrice(startX96);
        _leaveInKind();
        gain = (_gainAt(startX96) * 1e8) / int256(nav);
    }
}
