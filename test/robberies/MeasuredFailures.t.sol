// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Position, RebalanceOrder, RebalanceReport} from "../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {OracleParameters, ReferencePriceOracle} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {InKindExit} from "../../vaults/RangeVault.sol";
import {RobberyTest} from "./RobberyTest.sol";

/// @title Failures that a prototype of this vault had, measured
/// @notice Each test plays one as it was found, and shows that it brings nothing now; where a guard can be taken out of
/// a live vault, the same test then shows it pay.
abstract contract MeasuredFailures is RobberyTest {
    uint24 private band = 500;

    function _oracleParameters() internal view override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        parameters.bandTicks = band;
    }

    /* A LAGGING REFERENCE AND THE EXIT IN KIND */

    /// @dev Somebody else moved spot inside the band; the robber enters at the price that lags and leaves in kind.
    function _buyTheLag(int24 move) private returns (int256) {
        (, uint256 nav,,,) = vault.navStatus();
        market.moveTo(_spotTick() + move);
        skip(12);
        uint160 nowX96 = _spotX96();
        _begin();
        assertGt(_enter(_assets(1_000_000)), 0, "inside the band");
        _leaveInKind();
        return (_gainAt(nowX96) * 1e8) / int256(nav);
    }

    function test_laggingReference_isBoughtByNobody() public {
        _seed();
        _calmDown();
        int24 dearer = _cheaper(-190);
        uint256 snapshot = vm.snapshotState();
        assertLe(_buyTheLag(dearer), 0);
        vm.revertToState(snapshot);
        assertLe(_buyTheLag(-dearer), 0);
        vm.revertToState(snapshot);
        _seeOnlyTheMean();
        assertGt(_buyTheLag(dearer), 20e4, "without spot among the references the lag pays");
    }

    /* SPOT PUSHED BACK INTO THE BAND AFTER A REAL JUMP */

    function _pushBack(int24 jump, int24 back) private returns (int256) {
        (, uint256 nav,,,) = vault.navStatus();
        int24 base = _spotTick();
        market.moveTo(base + jump);
        skip(12);
        uint160 nowX96 = _spotX96();
        _begin();
        trader.moveTo(base + back);
        assertGt(_enter(_assets(1_000_000)), 0);
        trader.moveToPrice(nowX96);
        _leaveInKind();
        return (_gainAt(nowX96) * 1e8) / int256(nav);
    }

    function test_spotPushedBack_isRefusedForItsPreBlockTick() public {
        _seed();
        _thinOut(10);
        _calmDown();
        // A jump of 8 %, and back to the edge of the band.
        int24 jump = _cheaper(-800);
        int24 base = _spotTick();
        uint256 snapshot = vm.snapshotState();
        market.moveTo(base + jump);
        skip(12);
        trader.moveTo(base + _cheaper(-450));
        assertEq(vault.maxDeposit(mallory), 0);
        vm.prank(mallory);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.deposit(1000, mallory);
        vm.revertToState(snapshot);
        _seeNoPreBlockTick();
        assertGt(_pushBack(jump, _cheaper(-100)), 20e4, "without the pre-block tick the push pays");
    }

    /* DONATED LIQUIDITY */

    /// Liquidity minted in the vault's name moves no price, pays no leaver and hides no loss.
    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deep.fuzz.runs = 640
    function testFuzz_donatedLiquidity_buysNothing(uint128 liquidity, bool onTheVaultsRange) public {
        _seed();
        _calmDown();
        _begin();
        _enter(_assets(100_000));
        uint160 startX96 = _spotX96();
        Position memory held = vault.positions()[0];
        if (!onTheVaultsRange) (held.lowerTick, held.upperTick) = (held.lowerTick - 100, held.upperTick + 100);
        (uint256 low, uint256 mid, uint256 high,,) = vault.navStatus();
        uint256 preview = vault.previewRedeem(vault.balanceOf(mallory));
        uint256 most = vault.maxWithdraw(mallory);
        trader.provide(address(vault), held.lowerTick, held.upperTick, uint128(bound(liquidity, 1, 1e18)));
        (uint256 low2, uint256 mid2, uint256 high2,,) = vault.navStatus();
        assertEq(low + mid + high, low2 + mid2 + high2, "a donation moved the price");
        assertEq(vault.previewRedeem(vault.balanceOf(mallory)), preview);
        assertEq(vault.maxWithdraw(mallory), most);
        _leaveInKind();
        assertLe(_gainAt(startX96), 0);
        _inKind(alice, vault.balanceOf(alice));
        _inKind(bob, vault.balanceOf(bob));
        assertEq(vault.totalSupply(), 0, "it kept nobody in");
    }

    /* LOSS TO THE MARKET BETWEEN MOVES */

    /// @dev A hostile strategy stays in the narrowest range while the market walks through it and back.
    function _bleedBetweenMoves() private returns (uint256 lostWad, bool stopped) {
        uint160 startX96 = _spotX96();
        uint256 before = _perShareAt(startX96);
        for (uint256 i; i < 40 && !stopped; ++i) {
            RebalanceOrder memory order = _centredOrder(100, 1e18);
            vm.prank(operator);
            try vault.rebalance(order) returns (RebalanceReport memory report) {
                // Before and after a move, its measure sees next to nothing.
                assertLt(report.lossWad, 0.002e18);
            } catch (bytes memory reason) {
                assertEq(bytes4(reason), ErrorsLib.DrawdownBreakerTripped.selector);
                stopped = true;
            }
            market.moveTo(startTick + (i % 2 == 0 ? int24(250) : int24(-250)));
            _calmDown();
        }
        market.moveToPrice(startX96);
        uint256 later = _perShareAt(startX96);
        lostWad = later < before ? ((before - later) * 1e18) / before : 0;
    }

    function test_lossBetweenMoves_tripsTheBreaker() public {
        _deposit(alice, _assets(1_000_000));
        vm.startPrank(curator);
        vault.configure("maxMovesPerDay", 1440);
        vault.configure("lossBudgetBps", 1000);
        vault.configure("lossBudgetRefillSeconds", 1 hours);
        vm.stopPrank();
        uint256 snapshot = vm.snapshotState();
        vm.prank(curator);
        vault.configure("drawdownBps", 50);
        (uint256 guarded, bool stopped) = _bleedBetweenMoves();
        assertTrue(stopped, "the breaker never tripped");
        vm.revertToState(snapshot);
        vm.prank(curator);
        vault.configure("drawdownBps", 5000);
        (uint256 bled, bool never) = _bleedBetweenMoves();
        assertFalse(never);
        assertGt(bled, 0.1e18, "with the breaker loosened a tenth and more is gone");
        assertLt(guarded, bled / 5);
    }

    /* DEPOSITS JUST IN TIME FOR ONE SWAP'S FEE */

    /// @dev Deposit before a great swap of somebody else, leave after it, in the same block.
    function _catchOneFee() private returns (int256) {
        _begin();
        _enter(_assets(10_000_000));
        market.swap(true, 30_000e18);
        market.moveToPrice(TickMath.getSqrtPriceAtTick(startTick));
        _leaveInKind();
        return _gainAt(TickMath.getSqrtPriceAtTick(startTick));
    }

    function test_justInTimeDeposit_paysMoreThanItCatches() public {
        _deposit(alice, _assets(1_000_000));
        RebalanceOrder memory order = _centredOrder(600, 0.9e18);
        // His tokens would be idle and earn nothing; what he shares in is what the others' range earns.
        _rebalance(order);
        trader.moveTo(startTick);
        _calmDown();
        uint256 snapshot = vm.snapshotState();
        assertLe(_catchOneFee(), 0);
        vm.revertToState(snapshot);
        // The setter asks the pool for its fee; told that there is none, it lets the margin go.
        vm.mockCall(address(pool), abi.encodeCall(IUniswapV3Pool.fee, ()), abi.encode(uint24(0)));
        vm.prank(curator);
        vault.configure("entryMarginBps", 0);
        vm.clearMockedCalls();
        assertEq(vault.limits().entryMarginBps, 0);
        assertGt(_catchOneFee(), 0, "without the margin the fee of one swap pays");
    }

    /* LIQUIDITY JUST IN TIME, TO LIFT THE CAP ON THE VAULT'S SHARE OF ITS POOL */

    function test_justInTimeLiquidity_liftsNoCap() public {
        _deposit(alice, _assets(1_000_000));
        vm.prank(curator);
        vault.configure("maxPoolShareBps", 100);
        RebalanceOrder memory order = _centredOrder(200, 1e18);
        trader.provide(address(trader), startTick - 300, startTick + 300, 1e21);
        assertLt(5e18, pool.liquidity() / 100, "by spot liquidity alone it would pass");
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.PoolShareAboveMax.selector);
        vault.rebalance(order);
        // Liquidity that stays for the window is the pool's.
        skip(oracle.longWindowSeconds() + 1);
        _tradeAround();
        skip(12);
        _rebalance(order);
    }

    /* A SLICE CUT AT SPOT, GIVEN BACK AT THE LOW PRICE */

    /// The mean stands where the range is all other token, spot ran to where it is all asset: a slice holds more than
    /// the low price says. He asks for less than his slice holds; what is left must not buy back too many shares.
    function test_sliceGivenBack_buysNoMoreThanAnEntry() public {
        _deposit(alice, _assets(1_000_000));
        _calmDown();
        _begin();
        uint256 shares = _enter(_assets(1000));
        _rebalance(_singleSided(20 * poolSpacing));
        int24 base = _spotTick();
        market.moveTo(base + _cheaper(250));
        _calmDown();
        market.moveTo(base + _cheaper(-200));
        skip(12);
        uint256 snapshot = vm.snapshotState();
        vm.prank(mallory);
        (uint256 out0, uint256 out1) =
            vault.redeemInKind(InKindExit(shares, mallory, mallory, mallory, 0, 0, false, false));
        vm.revertToState(snapshot);
        uint256 slice = NavLib.toAssetDown(out0, out1, _spotX96(), assetIsToken0());
        uint256 assets = _assets(100);
        vm.prank(mallory);
        uint256 used = vault.withdraw(assets, mallory, mallory, shares);
        assertGe(used * slice, assets * shares, "fewer shares than the slice in kind would have cost");
    }

    /* THE RESIDUE WHEN EVERYBODY HAS LEFT */

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deep.fuzz.runs = 640
    function testFuzz_residueAtSupplyZero_isNotTheNextDepositors(uint256 assets, bool waive0) public {
        _seed();
        _calmDown();
        // The last holders waive a leg: what stays behind is large.
        address[2] memory holders = [alice, bob];
        for (uint256 i; i < 2; ++i) {
            uint256 shares = vault.balanceOf(holders[i]);
            vm.prank(holders[i]);
            vault.redeemInKind(InKindExit(shares, holders[i], holders[i], holders[i], 0, 0, waive0, !waive0));
        }
        assertEq(vault.totalSupply(), 0);
        uint160 startX96 = _spotX96();
        uint256 residue = vault.totalAssets();
        assertGt(residue, _assets(1000));
        assets = bound(assets, 1, _assets(10_000_000));
        _begin();
        _fund(assets);
        vm.startPrank(mallory);
        assetToken.approve(address(vault), assets);
        try vault.deposit(assets, mallory) {} catch {}
        vm.stopPrank();
        _leaveInKind();
        assertLe(_gainAt(startX96), 0, "the next depositor took the residue");
    }

    /* FEE GROWTH: WRAPPED, UNINITIALISED, ON A BOUND */

    /// The global accumulators stand just before 2^256; the range is opened before and read after the wrap.
    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deep.fuzz.runs = 640
    function testFuzz_feeGrowth_wrapsAsInThePool(uint256 seed, bool mintedBefore) public {
        // Slots 1 and 2 of a v3 pool.
        for (uint256 slot = 1; slot <= 2; ++slot) {
            assertGt(uint256(vm.load(address(pool), bytes32(slot))), 0, "not the accumulator");
        }
        int24 lowerTick = startTick - 310;
        int24 upperTick = startTick + 290;
        if (mintedBefore) trader.provide(address(this), lowerTick, upperTick, 1e12);
        vm.store(address(pool), bytes32(uint256(1)), bytes32(type(uint256).max - (seed % 1e30)));
        vm.store(address(pool), bytes32(uint256(2)), bytes32(type(uint256).max - ((seed >> 128) % 1e20)));
        // Out of the range and in again, so that the bounds are crossed before and after the wrap.
        trader.provide(address(this), lowerTick, upperTick, 1e18);
        for (uint256 i; i < 4; ++i) {
            trader.moveTo(startTick + int24(int256(seed >> (i * 16)) % 900));
        }
        // On the lower bound from above: the price is the bound, the tick is below it.
        if (seed % 3 == 0) {
            trader.moveTo(startTick);
            trader.moveTo(lowerTick);
            assertEq(_spotTick(), lowerTick - 1);
        }
        uint128 minted = mintedBefore ? 1e18 + 1e12 : 1e18;
        (uint256 owed0, uint256 owed1) =
            NavLib.owedDown(pool, address(this), Position(lowerTick, upperTick, minted), _spotTick());
        pool.burn(lowerTick, upperTick, 0);
        (,,, uint128 stored0, uint128 stored1) = pool.positions(NavLib.positionKey(address(this), lowerTick, upperTick));
        assertEq(stored0, owed0);
        assertEq(stored1, owed1);
    }

    /* OBSERVATIONS PINNED BY A TRADE IN EVERY BLOCK */

    function _tradeInEveryBlock(uint256 blocks) private {
        uint160 startX96 = _spotX96();
        for (uint256 i; i < blocks; ++i) {
            skip(12);
            // Two ticks: only a swap that leaves its tick is written down.
            trader.moveToPrice(i % 2 == 0 ? startX96 + startX96 / 10_000 : startX96);
        }
    }

    function test_observations_anAttackerCannotPinThemAway() public {
        // Twice the window: whatever the ring forgets, it has forgotten.
        _tradeInEveryBlock(300);
        assertTrue(oracle.referencePrices().calm, "a trade in every block closed the vault");
        // A ring that is too small is refused, unless it is said that blocks are rare.
        OracleParameters memory parameters = _oracleParameters();
        parameters.blockIntervalSeconds = 5;
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.ObservationsTooFew.selector, 400, 432));
        new ReferencePriceOracle(parameters);
        parameters.blockIntervalSeconds = 12;
        parameters.longWindowSeconds = 5000;
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.ObservationsTooFew.selector, 400, 500));
        new ReferencePriceOracle(parameters);
        // What happens to who says so: the attacker closes him.
        parameters.longWindowSeconds = 4800;
        parameters.blockIntervalSeconds = 20;
        ReferencePriceOracle loose = new ReferencePriceOracle(parameters);
        assertTrue(loose.referencePrices().calm);
        _tradeInEveryBlock(401);
        assertFalse(loose.referencePrices().calm);
        assertTrue(oracle.referencePrices().calm);
    }
}

contract MeasuredFailuresAssetToken1Test is MeasuredFailures {}

contract MeasuredFailuresAssetToken0Test is MeasuredFailures {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}

/// @title The fee pump
/// @notice A market that goes nowhere, and somebody who collects the performance fee at every turn. Measured on a
/// prototype whose benchmark began anew at each collection: 388 bps a year without any edge.
abstract contract FeePump is RobberyTest {
    uint256 private constant FEE_BPS = 1000;

    function _defaultLimits() internal pure override returns (Limits memory limits) {
        limits = super._defaultLimits();
        limits.performanceFeeBps = uint16(FEE_BPS);
    }

    function test_feePump_aMarketThatGoesNowherePaysOnce() public {
        _deposit(alice, _assets(1_000_000));
        _rebalance(_centredOrder(600, 1e18));
        uint256 first = _perShareAt(_spotX96());
        uint256 peak = first;
        uint256 collected;
        for (uint256 turn; turn < 24; ++turn) {
            market.moveTo(startTick + (turn % 2 == 0 ? int24(250) : int24(-250)));
            skip(8 days);
            _calmDown();
            uint256 price = _perShareAt(_spotX96());
            if (price > peak) peak = price;
            try vault.collectFees() {
                collected += 1;
            } catch (bytes memory reason) {
                assertEq(bytes4(reason), ErrorsLib.FeeNotDue.selector);
            }
        }
        assertGt(collected, 0, "nothing was ever charged: the test says nothing");
        // At most the rate, of the best that a share ever was above its beginning, which is seen here after the fee; the
        // pump took that at each of its twelve turns.
        uint256 shareOfAll = (vault.balanceOf(feeRecipient) * 1e18) / vault.totalSupply();
        uint256 best = ((peak - first) * 1e18) / first;
        assertLe(shareOfAll, (best * FEE_BPS * 12) / 100_000, "the fee was pumped");
    }
}

contract FeePumpAssetToken1Test is FeePump {}

contract FeePumpAssetToken0Test is FeePump {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
