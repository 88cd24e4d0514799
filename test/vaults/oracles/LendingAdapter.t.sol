// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {console} from "forge-std/Test.sol";
import {RangeOrder, RebalanceOrder} from "../../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../../vaults/libraries/ErrorsLib.sol";
import {LendingAdapter} from "../../../vaults/oracles/LendingAdapter.sol";
import {InKindExit} from "../../../vaults/RangeVault.sol";
import {BaseTest} from "../../support/BaseTest.sol";
import {makeCold} from "../../support/MakeCold.sol";

abstract contract LendingAdapterTests is BaseTest {
    LendingAdapter internal adapter;

    function setUp() public override {
        super.setUp();
        adapter = new LendingAdapter(vault);
    }

    function test_price_ofAFreshVaultIsOneAssetAShare() public {
        _deposit(alice, _assets(1000));
        // Six more decimals in the share.
        assertEq(adapter.price(), 1e30);
        (, int256 answer,, uint256 updatedAt,) = adapter.latestRoundData();
        assertEq(answer, 1e18);
        assertEq(adapter.decimals(), 18);
        assertEq(updatedAt, block.timestamp);
        assertEq(adapter.description(), "rk / asset, low");
    }

    /// What it says is what a redeemer gets, wherever spot is inside of the band.
    function testFuzz_price_isWhatARedeemerIsPaid(int256 drift) public {
        _seed();
        trader.moveTo(startTick + int24(bound(drift, -250, 250)));
        uint256 shares = vault.balanceOf(alice) / 100;
        uint256 worth = (shares * adapter.price()) / 1e36;
        uint256 paid = vault.previewRedeem(shares);
        assertGe(worth, paid);
        assertApproxEqAbs(worth, paid, _value(4, 4, startTick + 300) + 4);
    }

    /// A flash loan cannot raise it: swaps, donations of tokens and of liquidity in one block.
    function testFuzz_price_nobodyRaisesItWithinABlock(int256 drift, uint256 gift) public {
        _seed();
        skip(60);
        _tradeAround();
        skip(12);
        uint256 before = adapter.price();
        trader.moveTo(startTick + int24(bound(drift, -250, 250)));
        gift = bound(gift, 0, 1e24);
        token0.mint(address(vault), gift);
        token1.mint(address(vault), gift);
        trader.provide(address(vault), vault.positions()[0].lowerTick, vault.positions()[0].upperTick, 1e15);
        // The attacker's own swap pays the vault its fee, and that is all: 0.05% of at most what spot crossed.
        assertLe(adapter.price(), before + before / 2000);
    }

    function test_price_revertsWhenNotCalm() public {
        _seed();
        trader.moveTo(startTick + 310);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        adapter.price();
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        adapter.latestRoundData();
    }

    function test_price_fallsWithTheMarket() public {
        _seed();
        uint256 before = adapter.price();
        // The other token loses a fifth against the asset, in steps that keep the vault calm in the end.
        for (uint256 i; i < 9; ++i) {
            trader.moveTo(_spotTick() + (assetIsToken0() ? int24(250) : -int24(250)));
            _calmDown();
        }
        assertLt(adapter.price(), (before * 95) / 100);
    }

    /// The figure in the header.
    function test_gas_inKindWithEightRanges() public {
        _deposit(alice, _assets(1_000_000));
        _rebalance(_centredOrder(600, 0.5e18));
        skip(1 days);
        _calmDown();
        RebalanceOrder memory order;
        order.ranges = new RangeOrder[](8);
        int24 centre = _floorTick(_spotTick());
        for (uint256 i; i < 8; ++i) {
            int24 shift = int24(int256(i)) * SPACING;
            order.ranges[i] = RangeOrder(centre - 600 + shift, centre + 600 + shift, 0.1e18);
        }
        _rebalance(order);
        skip(60);
        _tradeAround();
        uint256 shares = vault.balanceOf(alice) / 2;
        makeCold(vm, address(vault));
        makeCold(vm, address(pool));
        vm.prank(alice);
        vault.redeemInKind(InKindExit(shares, alice, alice, alice, 0, 0, false, false));
        uint256 used = vm.lastCallGas().gasTotalUsed;
        console.log("in kind, eight ranges: %s gas", used);
        assertLe(used, 1_350_000);
    }
}

contract LendingAdapterAssetToken1Test is LendingAdapterTests {}

contract LendingAdapterAssetToken0Test is LendingAdapterTests {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
