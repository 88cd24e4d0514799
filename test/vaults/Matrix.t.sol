// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {Market, MarketTest} from "../support/MarketTest.sol";
import {MockFeed} from "../support/mocks/MockFeed.sol";

/// @title The whole life of a vault in every kind of market
/// @notice Either token as the asset, all decimals, all fee tiers, prices far below and far above one, ranges to the
/// ends of the ticks, and price feeds that are inverted, of other decimals, stale, or of another opinion.
abstract contract MatrixTest is MarketTest {
    function _market(uint8 decimals0, uint8 decimals1, uint24 feePips) internal pure returns (Market memory) {
        uint256 up = 1600 * 10 ** uint256(decimals1);
        // A hundred million whole token1; of 24 decimals fewer, for a pool's tick holds only so much liquidity.
        uint256 size1 = (decimals1 == 24 ? 1e5 : 1e8) * 10 ** uint256(decimals1);
        return Market(decimals0, decimals1, feePips, _tickOf(up, 10 ** uint256(decimals0)), size1);
    }

    /* DECIMALS AND TIERS */

    function _livesWith(uint8 decimals0, uint8 decimals1) private {
        uint24[4] memory tiers = [uint24(100), 500, 3000, 10_000];
        // Each pair in one tier; the pairs below go round all four.
        _deployMarket(_market(decimals0, decimals1, tiers[(uint256(decimals0) + decimals1) / 2 % 4]));
        _live();
    }

    function test_matrix_decimals_0_asTheOtherToken() public {
        uint8[4] memory others = [uint8(6), 8, 18, 24];
        for (uint256 i; i < 4; ++i) {
            if (assetIsToken0()) _livesWith(others[i], 0);
            else _livesWith(0, others[i]);
        }
    }

    function test_matrix_decimals_6() public {
        _livesWith(6, 6);
        _livesWith(6, 8);
        _livesWith(6, 18);
        _livesWith(6, 24);
    }

    function test_matrix_decimals_8() public {
        _livesWith(8, 6);
        _livesWith(8, 8);
        _livesWith(8, 18);
        _livesWith(8, 24);
    }

    function test_matrix_decimals_18() public {
        _livesWith(18, 6);
        _livesWith(18, 8);
        _livesWith(18, 18);
        _livesWith(18, 24);
    }

    function test_matrix_decimals_24() public {
        _livesWith(24, 6);
        _livesWith(24, 8);
        _livesWith(24, 18);
        _livesWith(24, 24);
    }

    function test_matrix_everyTier() public {
        uint24[4] memory tiers = [uint24(100), 500, 3000, 10_000];
        for (uint256 i; i < 4; ++i) {
            _deployMarket(_market(18, 6, tiers[i]));
            _live();
            _deployMarket(_market(6, 18, tiers[i]));
            assertGt(startTick, 0, "one market of positive ticks, one of negative");
            _live();
        }
    }

    /* TICKS */

    /// forge-config: default.fuzz.runs = 24
    /// forge-config: deep.fuzz.runs = 240
    function testFuzz_matrix_anyPrice(int256 tick, uint256 tier) public {
        uint24[4] memory tiers = [uint24(100), 500, 3000, 10_000];
        int24 at = int24(bound(tick, -500_000, 500_000));
        // Ten thousand million units of the dearer token.
        _deployMarket(Market(18, 18, tiers[tier % 4], at, _units1(at) * 1e10));
        _live();
    }

    /// @dev Units of token1 for one of token0, at least one.
    function _units1(int24 tick) private pure returns (uint256 units) {
        units = 1;
        for (int24 i; i < tick; i += 23_027) {
            // 23,027 ticks are a factor of ten.
            units *= 10;
        }
    }

    /* FEEDS */

    /// @dev Whole token1 for a whole token0, or the inverse, to the feed's decimals.
    function _answer(uint8 decimals, bool inverted, int256 offBps) private pure returns (int256) {
        int256 unit = int256(10 ** uint256(decimals));
        int256 fair = inverted ? unit / 1600 : unit * 1600;
        return fair + (fair * offBps) / 10_000;
    }

    function _withFeed(uint8 decimals, bool inverted) private returns (MockFeed mock) {
        mock = new MockFeed(decimals, _answer(decimals, inverted, 0));
        (feed, feedInverted) = (address(mock), inverted);
    }

    function test_matrix_feeds_ofAnyDecimalsEitherWayRound() public {
        uint8[5] memory decimals = [uint8(8), 0, 6, 18, 27];
        for (uint256 i; i < 5; ++i) {
            for (uint256 inverted; inverted < 2; ++inverted) {
                // A whole feed cannot say a 1,600th.
                if (inverted == 1 && decimals[i] < 8) continue;
                _deployMarket(i % 2 == 0 ? _market(18, 6, 500) : _market(8, 24, 3000));
                _withFeed(decimals[i], inverted == 1);
                _live();
            }
        }
    }

    function test_matrix_feeds_thatDisagreeOrAreStaleCloseOnlyThePricedWays() public {
        for (uint256 kind; kind < 5; ++kind) {
            _deployMarket(_market(18, 6, 500));
            MockFeed mock = _withFeed(8, false);
            _deployVault(_marketLimits());
            _enterAs(alice, stake);
            _rebalance(_centredOrder(halfWidth, 0.9e18));
            skip(12);
            if (kind == 0) mock.set(_answer(8, false, 400), block.timestamp);
            if (kind == 1) mock.set(_answer(8, false, -400), block.timestamp);
            if (kind == 2) mock.set(_answer(8, false, 0), block.timestamp - 1 days - 1);
            if (kind == 3) mock.set(_answer(8, true, 0), block.timestamp);
            if (kind == 4) mock.kill();
            assertEq(vault.maxDeposit(alice), 0);
            assertEq(vault.maxRedeem(alice), 0);
            vm.prank(alice);
            vm.expectRevert(ErrorsLib.NotCalm.selector);
            vault.redeem(1e12, alice, alice);
            assertGt(vault.totalAssets(), 0);
            uint256 snapshot = vm.snapshotState();
            _inKind(alice, vault.balanceOf(alice));
            _nothingIsLeft();
            vm.revertToState(snapshot);
            // It comes to its senses.
            // Slot of `dead`.
            vm.store(address(mock), bytes32(uint256(2)), 0);
            mock.set(_answer(8, false, 0), block.timestamp);
            assertGt(vault.maxDeposit(alice), 0);
            vm.startPrank(alice);
            vault.redeem(vault.maxRedeem(alice), alice, alice);
            vm.stopPrank();
            feed = address(0);
        }
    }
}

contract MatrixAssetToken1Test is MatrixTest {
    function assetIsToken0() internal pure override returns (bool) {
        return false;
    }
}

contract MatrixAssetToken0Test is MatrixTest {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
