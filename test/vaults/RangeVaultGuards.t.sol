// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {ReferencePrices} from "../../vaults/interfaces/IPriceOracle.sol";
import {Position, RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {BaseTest} from "../support/BaseTest.sol";

/// @notice Guards that no story of RangeVault.t.sol would miss: each test here was asked for by a mutant that survived.
abstract contract RangeVaultGuardsTests is BaseTest {
    function _poolLiquidity(Position memory position) private view returns (uint128 liquidity) {
        (liquidity,,,,) = pool.positions(NavLib.positionKey(address(vault), position.lowerTick, position.upperTick));
    }

    /* V4 */

    function test_skimPosition_ofATrackedRangeLeavesItsLiquidityAndItsFees() public {
        _seed();
        Position memory position = vault.positions()[0];
        trader.provide(address(vault), position.lowerTick, position.upperTick, position.liquidity / 3);
        for (uint256 i; i < 4; ++i) {
            _tradeAround();
        }
        trader.moveTo(startTick + 50);
        trader.moveTo(startTick);
        (, uint256 mid,,,) = vault.navStatus();
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        (uint256 principal0, uint256 principal1) =
            NavLib.principalDown(Position(position.lowerTick, position.upperTick, position.liquidity / 3), sqrtPriceX96);

        vm.prank(owner);
        vault.skimPosition(position.lowerTick, position.upperTick);

        assertEq(_poolLiquidity(position), position.liquidity, "tracked liquidity stays");
        (, uint256 later,,,) = vault.navStatus();
        assertGe(later + 2, mid, "and so do the fees");
        assertEq(token0.balanceOf(skimReceiver), principal0);
        assertEq(token1.balanceOf(skimReceiver), principal1);
    }

    function test_skim_refusesSharesSentToTheVault() public {
        _seed();
        vm.prank(alice);
        vault.transfer(address(vault), 1e6);
        vm.prank(owner);
        vm.expectRevert(ErrorsLib.SkimRefused.selector);
        vault.skim(address(vault));
    }

    /// In the middle of a call the guard is entered: only the pool itself may then ask for money.
    function test_callbacks_refuseOthersThanThePoolInTheMiddleOfACall() public {
        _seed();
        bytes[2] memory calls = [
            abi.encodeCall(vault.uniswapV3MintCallback, (1, 1, "")),
            abi.encodeCall(vault.uniswapV3SwapCallback, (int256(1), int256(1), ""))
        ];
        for (uint256 i; i < calls.length; ++i) {
            assetToken.setHook(address(vault), calls[i]);
            vm.prank(alice);
            vault.redeem(1e12, alice, alice);
            assertTrue(assetToken.hookFailed());
            assertEq(assetToken.hookResult(), abi.encodeWithSelector(ErrorsLib.NotPool.selector, address(assetToken)));
        }
    }

    /* V5 */

    /// Spot is away from the mean: selling at spot what the mean calls dear is a loss at one bound only.
    function _sellsAgainstTheMean(int24 away) private {
        _deposit(alice, _assets(1_000_000));
        vm.prank(curator);
        vault.configure("maxLossPerMoveBps", 30);
        _rebalance(_centredOrder(600, 0.9e18));
        skip(1 days);
        _calmDown();
        (uint256 total0, uint256 total1) = _holdings();
        trader.moveTo(_spotTick() + away);
        RebalanceOrder memory order;
        order.swap.zeroForOne = away < 0;
        order.swap.amountIn = (away < 0 ? total0 : total1) / 2;
        order.ranges = _around(600, 0.9e18);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.LossAboveMoveLimit.selector);
        vault.rebalance(order);
    }

    function test_rebalance_lossCountsAtTheHighReference() public {
        _sellsAgainstTheMean(-250);
    }

    function test_rebalance_lossCountsAtTheLowReference() public {
        _sellsAgainstTheMean(250);
    }

    /// Liquidity that was there on average but is gone now does not count.
    function test_rebalance_poolShareCountsWhatIsThereNow() public {
        _deposit(alice, _assets(5_000_000));
        _rebalance(_centredOrder(600, 0.9e18));
        _calmDown();
        RebalanceOrder memory order;
        order.ranges = _around(600, 0.9e18);
        uint256 snapshot = vm.snapshotState();
        _rebalance(order);
        vm.revertToState(snapshot);
        trader.withdraw(startTick - 6000, startTick + 6000, 0.99e19);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.PoolShareAboveMax.selector);
        vault.rebalance(order);
    }

    /// A swap's fee of a hundred units is a loss; a few units of rounding are not.
    function test_rebalance_smallLossOfASmallVaultIsALoss() public {
        Limits memory limits = _defaultLimits();
        limits.maxLossPerMoveBps = 0;
        _deployVault(limits);
        _deposit(alice, _assets(1));
        _rebalance(_smallMove(0));
        skip(1 hours);
        RebalanceOrder memory order = _smallMove(_assets(1) / 5);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.LossAboveMoveLimit.selector);
        vault.rebalance(order);
    }

    /// @dev Only the asset's side of spot, so that no swap is needed.
    function _smallMove(uint256 sold) private view returns (RebalanceOrder memory order) {
        int24 base = _floorTick(_spotTick());
        order.ranges = new RangeOrder[](1);
        order.ranges[0] = assetIsToken0()
            ? RangeOrder(base + poolSpacing, base + poolSpacing + 200, 0.7e18)
            : RangeOrder(base - 200, base, 0.7e18);
        order.swap.zeroForOne = assetIsToken0();
        order.swap.amountIn = sold;
    }

    /// Most of the vault leaves: what is left of the mark is the part of those who stay, and moves go on.
    function test_drawdownMark_shrinksWithThoseWhoLeave() public {
        _seed();
        _inKind(alice, vault.balanceOf(alice));
        skip(1 hours);
        (uint256 held0, uint256 held1) = vault.heldMark();
        (uint256 total0, uint256 total1) = _holdings();
        assertApproxEqRel(held0, total0, 0.001e18);
        assertApproxEqRel(held1, total1, 0.001e18);
        _rebalance(_centredOrder(600, 0.9e18));
    }

    /* Rule 13 */

    /// A collection that pays the management fee leaves the marks of a shortfall where they are.
    function test_collectFees_ofTheManagementFeeForgetsNoShortfall() public {
        Limits memory limits = _defaultLimits();
        limits.managementFeeBps = 100;
        limits.performanceFeeBps = 1000;
        _deployVault(limits);
        _seed();
        (uint256 mark0, uint256 mark1, uint256 mark,) = vault.feeMarks();
        trader.moveTo(assetIsToken0() ? startTick + 500 : startTick - 500);
        skip(7 days);
        _calmDown();
        (uint256 shares,) = vault.collectFees();
        assertGt(shares, 0, "the management fee was due");
        (uint256 later0, uint256 later1, uint256 later,) = vault.feeMarks();
        assertEq(later0, mark0);
        assertEq(later1, mark1);
        assertEq(later, mark);
    }

    /* V1 */

    /// Every observation of a pool below price 1 gives a negative sum; the mean goes down, not to zero.
    function test_meanTick_ofANegativeSumIsTheFloor() public {
        trader.moveTo(startTick + 97);
        skip(701);
        uint32[] memory ago = new uint32[](2);
        ago[0] = WINDOW_SECONDS;
        (int56[] memory cumulative,) = pool.observe(ago);
        int256 sum = cumulative[1] - cumulative[0];
        int256 window = int256(uint256(WINDOW_SECONDS));
        assertLt(sum, 0);
        assertNotEq(sum % window, 0, "a sum that does not divide");
        ReferencePrices memory refs = oracle.referencePrices();
        assertEq(refs.lowSqrtPriceX96, TickMath.getSqrtPriceAtTick(int24(sum / window) - 1));
    }
}

contract RangeVaultGuardsAssetToken1Test is RangeVaultGuardsTests {}

contract RangeVaultGuardsAssetToken0Test is RangeVaultGuardsTests {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
