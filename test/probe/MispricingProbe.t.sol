// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {console} from "forge-std/console.sol";
import {RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {OracleParameters} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {InKindExit} from "../../vaults/RangeVault.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {MockFeed} from "../support/mocks/MockFeed.sol";

/// @notice One way to set up a vault and one way to rob it.
struct Cell {
    uint24 feePips;
    uint24 bandTicks;
    uint256 shape;
    uint256 way;
    int24 displacement;
    uint256 heldBlocks;
    bool arbitraged;
}

/// @title The mispricing probe
/// @notice An attacker with unlimited capital moves the pool's price, enters or leaves the vault there, and moves the
/// price back. His gain, valued at the starting price, must not be positive at any permitted setting: four fee tiers,
/// both assets, bands up to the widest, ranges narrow and wide and on one side only, a vault that is most of its pool;
/// in one block; over three that are all his (with a feed; without one that is measured, not promised); and over a whole
/// window against an arbitrageur who takes the pool back every block. The entry margin is the smallest that the setter
/// allows and the inflow is not capped.
abstract contract MispricingProbe is BaseTest {
    address internal mallory = makeAddr("mallory");

    int256 internal worstGainMilliBps = type(int256).min;
    int256 internal worstAloneMilliBps = type(int256).min;
    Cell internal worst;
    uint256 internal cells;
    uint256 internal entered;

    uint24[4] internal fees = [uint24(100), 500, 3000, 10_000];
    int24[4] internal spacings = [int24(1), 10, 60, 200];

    function setUp() public override {
        vm.warp(1_700_000_000);
    }

    function withFeed() internal pure virtual returns (bool) {
        return false;
    }

    /// @dev The whole grid with FOUNDRY_PROFILE=deep; else a few cells of every kind.
    function _deep() private view returns (bool) {
        return keccak256(bytes(vm.envOr("FOUNDRY_PROFILE", string("default")))) == keccak256("deep");
    }

    function _bands() private view returns (uint24[] memory all) {
        all = new uint24[](_deep() ? 4 : 1);
        all[0] = 300;
        if (_deep()) (all[1], all[2], all[3]) = (50, 1000, 10_000);
    }

    function _displacements() private view returns (int24[] memory all) {
        if (!_deep()) {
            all = new int24[](2);
            (all[0], all[1]) = (int24(-200), int24(1400));
            return all;
        }
        all = new int24[](14);
        int24[7] memory sizes = [int24(50), 100, 200, 400, 800, 1400, 2000];
        for (uint256 i; i < 7; ++i) {
            all[2 * i] = sizes[i];
            all[2 * i + 1] = -sizes[i];
        }
    }

    function _defaultLimits() internal pure override returns (Limits memory limits) {
        limits = super._defaultLimits();
        limits.inflowCapBps = 10_000;
        limits.maxPoolShareBps = 10_000;
        limits.cooldownSeconds = 0;
        limits.maxLossPerMoveBps = 500;
        limits.lossBudgetBps = 1000;
    }

    uint24 private band;

    function _oracleParameters() internal view override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        parameters.bandTicks = band;
        if (withFeed()) {
            parameters.feed = feed;
            parameters.feedMaxAgeSeconds = 1 days;
        }
    }

    address private feed;

    /* THE GRID */

    function _probe(uint256 tier) internal {
        vm.pauseGasMetering();
        poolFeePips = fees[tier];
        poolSpacing = spacings[tier];
        _deployPool();
        if (withFeed()) {
            // 1,600 dollars for an ether, to eight decimals, at the pool's own starting price.
            feed = address(new MockFeed(8, int256(_value1Of1e18() * 100)));
        }
        uint24[] memory widths = _bands();
        for (uint256 b; b < widths.length; ++b) {
            band = widths[b];
            for (uint256 shape; shape < 4; ++shape) {
                uint256 snapshot = vm.snapshotState();
                _probeVault(shape);
                (int256 kept, int256 alone, Cell memory cell, uint256 count, uint256 went) =
                    (worstGainMilliBps, worstAloneMilliBps, worst, cells, entered);
                vm.revertToStateAndDelete(snapshot);
                (worstGainMilliBps, worstAloneMilliBps, worst, cells, entered) = (kept, alone, cell, count, went);
            }
        }
        _report();
    }

    /// @dev Whole token1 units that 1e18 units of token0 are worth at the start.
    function _value1Of1e18() private view returns (uint256) {
        return assetIsToken0() ? 1600e6 : _value(1e18, 0, startTick);
    }

    function _probeVault(uint256 shape) private {
        Limits memory limits = _defaultLimits();
        uint16 least = uint16((poolFeePips + 99) / 100);
        limits.entryMarginBps = least;
        limits.minWidthTicks = uint24(2 * poolSpacing);
        _deployVault(limits);
        _deposit(alice, _assets(1_000_000));
        _deposit(mallory, _assets(100_000));
        if (!_place(shape)) return;
        // Most of the pool is the vault now, so that moving the price costs the attacker little.
        trader.withdraw(startTick - 6000, startTick + 6000, (1e19 / 1e4) * 9999);
        _calmDown();
        int24[] memory sizes = _displacements();
        for (uint256 d; d < sizes.length; ++d) {
            for (uint256 way; way < 8; ++way) {
                _attack(Cell(poolFeePips, band, shape, way, sizes[d], 0, false));
                _attack(Cell(poolFeePips, band, shape, way, sizes[d], 3, false));
            }
            // A whole window of it, entering at its end: a holder from before would earn what the arbitrageur pays.
            _attack(Cell(poolFeePips, band, shape, 0, sizes[d], 150, true));
            _attack(Cell(poolFeePips, band, shape, 1, sizes[d], 150, true));
        }
    }

    /// @dev 0 = a narrow range around spot, 1 = a wide one, 2 = only the asset, on its side of spot, 3 = three ranges.
    function _place(uint256 shape) private returns (bool) {
        int24 narrow = poolSpacing * (poolSpacing >= 60 ? int24(2) : int24(10));
        RebalanceOrder memory order;
        if (shape == 0) order = _centredOrder(narrow, 1e18);
        if (shape == 1) order = _centredOrder(poolSpacing * ((4000 / poolSpacing) + 1), 1e18);
        if (shape == 2) {
            int24 base = _floorTick(_spotTick());
            order.ranges = new RangeOrder[](1);
            order.ranges[0] = assetIsToken0()
                ? RangeOrder(base + poolSpacing, base + poolSpacing + 2 * narrow, 1e18)
                : RangeOrder(base - 2 * narrow, base, 1e18);
        }
        if (shape == 3) {
            order = _centredOrder(narrow, 0.3e18);
            RangeOrder[] memory ranges = new RangeOrder[](3);
            int24 centre = _floorTick(_spotTick());
            ranges[0] = order.ranges[0];
            ranges[1] = RangeOrder(centre - 5 * narrow, centre + 5 * narrow, 0.3e18);
            ranges[2] = assetIsToken0()
                ? RangeOrder(centre + poolSpacing, centre + poolSpacing + 3 * narrow, 0.3e18)
                : RangeOrder(centre - 3 * narrow, centre, 0.3e18);
            order.ranges = ranges;
        }
        vm.prank(operator);
        try vault.rebalance(order) {
            return true;
        } catch {
            // The swap's own impact is over the limit of a move: no such vault can come to be.
            return false;
        }
    }

    /* ONE ATTACK */

    function _attack(Cell memory cell) private {
        uint256 snapshot = vm.snapshotState();
        (int256 gain, uint256 nav, bool inside) = _run(cell);
        vm.revertToStateAndDelete(snapshot);
        cells += 1;
        if (inside) entered += 1;
        if (!inside) return;
        int256 milliBps = (gain * 1e7) / int256(nav);
        // Nobody trades against him for blocks on end: of a vault without a feed that is not promised, only measured.
        if (cell.heldBlocks > 0 && !cell.arbitraged && !withFeed()) {
            if (milliBps > worstAloneMilliBps) worstAloneMilliBps = milliBps;
            return;
        }
        if (milliBps > worstGainMilliBps || (gain > 0 && milliBps >= worstGainMilliBps)) {
            worstGainMilliBps = milliBps;
            worst = cell;
        }
        // Rounding of this very measure: two quotients of the pool and one of the value.
        assertLe(gain, 3, string.concat("a cell of the probe pays: way ", vm.toString(cell.way)));
    }

    /// @return gain in asset units at the starting price, `nav` of the vault there, and whether he got in or out.
    function _run(Cell memory cell) private returns (int256 gain, uint256 nav, bool inside) {
        (uint160 startX96,,,,,,) = pool.slot0();
        (, nav,,,) = vault.navStatus();
        int256 before = _worth(cell.way < 4 ? 0 : vault.balanceOf(mallory), startX96);
        if (cell.way < 4) {
            // He starts outside.
            uint256 shares = vault.balanceOf(mallory);
            vm.prank(mallory);
            vault.transfer(alice, shares);
        }
        _displace(cell, startX96);
        if (cell.way < 4) inside = _enter(nav);
        else inside = true;
        if (cell.way % 4 == 1) inside = _leave(1) && inside;
        if (cell.way >= 4) inside = _leave(cell.way % 4) && inside;
        trader.moveToPrice(startX96);
        if (cell.way < 4 && cell.way % 4 != 1) inside = _leave(cell.way % 4) && inside;
        // What could not leave by a price leaves in kind.
        _leave(0);
        gain = _worth(0, startX96) - before;
    }

    function _displace(Cell memory cell, uint160 startX96) private {
        int24 target = _spotTick() + cell.displacement;
        trader.moveTo(target);
        for (uint256 i; i < cell.heldBlocks; ++i) {
            skip(12);
            if (cell.arbitraged) {
                // The other side of this trade is not the attacker's.
                (int256 spent0, int256 spent1) = (trader.spent0(), trader.spent1());
                trader.moveToPrice(startX96);
                others0 += trader.spent0() - spent0;
                others1 += trader.spent1() - spent1;
            }
            trader.moveTo(target);
        }
    }

    int256 private others0;
    int256 private others1;

    function _enter(uint256 nav) private returns (bool) {
        uint256 most = vault.maxDeposit(mallory);
        if (most == 0) return false;
        uint256 assets = most < nav ? most : nav;
        assetToken.mint(mallory, assets);
        put += assets;
        vm.startPrank(mallory);
        assetToken.approve(address(vault), assets);
        vault.deposit(assets, mallory);
        vm.stopPrank();
        return true;
    }

    uint256 private put;

    /// @dev 0, 1 = in kind; 2 = without a swap as far as that goes; 3 = with one.
    function _leave(uint256 way) private returns (bool) {
        uint256 shares = vault.balanceOf(mallory);
        if (shares == 0) return true;
        vm.startPrank(mallory);
        if (way == 2) {
            shares = vault.maxRedeem(mallory);
            if (shares > 0) vault.redeem(shares, mallory, mallory);
        } else if (way == 3) {
            try vault.redeem(shares, mallory, mallory, 0) {}
            catch {
                shares = 0;
            }
        } else {
            vault.redeemInKind(InKindExit(shares, mallory, mallory, mallory, 0, 0, false, false));
        }
        vm.stopPrank();
        return shares > 0;
    }

    /// @dev What the attacker has at a price, less all he put in: his tokens, and `shares` as leaving in kind pays them.
    function _worth(uint256 shares, uint160 sqrtPriceX96) private returns (int256) {
        uint256 fair;
        if (shares > 0) {
            uint256 snapshot = vm.snapshotState();
            (uint256 out0, uint256 out1) = _inKind(mallory, shares);
            vm.revertToStateAndDelete(snapshot);
            fair = _at(out0, out1, sqrtPriceX96);
        }
        int256 net0 = int256(token0.balanceOf(mallory)) - trader.spent0() + others0;
        int256 net1 = int256(token1.balanceOf(mallory)) - trader.spent1() + others1;
        return _signed(net0, net1, sqrtPriceX96) + int256(fair) - int256(put);
    }

    function _signed(int256 amount0, int256 amount1, uint160 sqrtPriceX96) private view returns (int256 value) {
        value = amount0 >= 0
            ? int256(_at(uint256(amount0), 0, sqrtPriceX96))
            : -int256(_at(uint256(-amount0), 0, sqrtPriceX96));
        value += amount1 >= 0
            ? int256(_at(0, uint256(amount1), sqrtPriceX96))
            : -int256(_at(0, uint256(-amount1), sqrtPriceX96));
    }

    function _at(uint256 amount0, uint256 amount1, uint160 sqrtPriceX96) private view returns (uint256) {
        return NavLib.toAssetDown(amount0, amount1, sqrtPriceX96, assetIsToken0());
    }

    function _report() private view {
        console.log("cells %d, in or out of the vault in %d", cells, entered);
        console.log("worst gain, 1/1000 bp of the vault:");
        console.logInt(worstGainMilliBps);
        if (worstAloneMilliBps > type(int256).min) {
            console.log("where nobody trades against him for three blocks:");
            console.logInt(worstAloneMilliBps);
        }
        console.log("fee %d pips, band %d ticks, shape %d", worst.feePips, worst.bandTicks, worst.shape);
        console.log("way %d, held %d blocks, displacement:", worst.way, worst.heldBlocks);
        console.logInt(worst.displacement);
        assertGt(entered, 0, "nobody got in: the probe says nothing");
    }
}

abstract contract MispricingProbeTiers is MispricingProbe {
    function test_probe_oneBpTier() public {
        _probe(0);
    }

    function test_probe_fiveBpTier() public {
        _probe(1);
    }

    function test_probe_thirtyBpTier() public {
        _probe(2);
    }

    function test_probe_hundredBpTier() public {
        _probe(3);
    }
}

contract MispricingProbeAssetToken1Test is MispricingProbeTiers {}

contract MispricingProbeAssetToken0Test is MispricingProbeTiers {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}

contract MispricingProbeFeedTest is MispricingProbeTiers {
    function withFeed() internal pure override returns (bool) {
        return true;
    }
}
