// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Position, RebalanceOrder} from "../../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../../vaults/libraries/ErrorsLib.sol";
import {NavLib} from "../../../vaults/libraries/NavLib.sol";
import {SuitabilityLib} from "../../../vaults/libraries/SuitabilityLib.sol";
import {Limits} from "../../../vaults/libraries/VaultState.sol";
import {OracleParameters} from "../../../vaults/oracles/ReferencePriceOracle.sol";
import {RangeVault} from "../../../vaults/RangeVault.sol";
import {BaseTest} from "../../support/BaseTest.sol";
import {MockFeed} from "../../support/mocks/MockFeed.sol";

/// @notice The region of settings in which a stale price cannot pay, its setters, and the attack it is made against.
contract SuitabilityLibTest is BaseTest {
    address internal mallory = makeAddr("mallory");
    address internal feed;

    /// On a pool of 5 bp: the edge of what a width of 400 ticks and an inflow cap of 5 % allow.
    uint16 internal constant EDGE_SHARE_BPS = 913;
    uint24 internal constant EDGE_WIDTH_TICKS = 400;

    function _oracleParameters() internal view override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        parameters.feed = feed;
        parameters.feedMaxAgeSeconds = 30 days;
        parameters.feedDeviationBps = 50;
    }

    function _vaultWith(uint16 shareBps, uint24 widthTicks, uint16 inflowCapBps) private {
        Limits memory limits = _defaultLimits();
        limits.maxPoolShareBps = shareBps;
        limits.maxWidthTicks = widthTicks;
        limits.inflowCapBps = inflowCapBps;
        limits.entryMarginBps = 50;
        _deployVault(limits);
    }

    function _configure(bytes32 key, uint256 value) private {
        vm.prank(curator);
        vault.configure(key, value);
    }

    /* THE CONSTRUCTOR */

    function _construct(uint16 shareBps, uint24 widthTicks, uint16 inflowCapBps) private returns (RangeVault) {
        Limits memory limits = _defaultLimits();
        (limits.maxPoolShareBps, limits.maxWidthTicks, limits.inflowCapBps) = (shareBps, widthTicks, inflowCapBps);
        limits.entryMarginBps = 50;
        return _construct(limits);
    }

    function test_constructor_refusesWhatLetsAStalePricePay() public {
        _construct(EDGE_SHARE_BPS, EDGE_WIDTH_TICKS, 1666);
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        _construct(EDGE_SHARE_BPS + 1, EDGE_WIDTH_TICKS, 1666);
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        _construct(EDGE_SHARE_BPS, EDGE_WIDTH_TICKS + 2, 1666);
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        _construct(EDGE_SHARE_BPS, EDGE_WIDTH_TICKS, 1700);
    }

    function test_constructor_acceptsAnythingWithinItsBoundsWithAFeed() public {
        feed = address(new MockFeed(8, 1605e8));
        _vaultWith(100, 400, 500);
        assertEq(_construct(10_000, 1_774_544, 10_000).limits().maxPoolShareBps, 10_000);
    }

    /* THE SETTERS */

    function test_configure_refusesWhatLetsAStalePricePay() public {
        _vaultWith(EDGE_SHARE_BPS - 1, EDGE_WIDTH_TICKS, 500);
        _configure("maxPoolShareBps", EDGE_SHARE_BPS);
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        _configure("maxPoolShareBps", EDGE_SHARE_BPS + 1);
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        _configure("maxWidthTicks", EDGE_WIDTH_TICKS + 2);
        // Up to a sixth the leavers are the worse case, from there on those who enter.
        _configure("inflowCapBps", 1666);
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        _configure("inflowCapBps", 1700);
        // One narrower than the other is wide.
        _configure("maxWidthTicks", EDGE_WIDTH_TICKS / 2);
        _configure("maxPoolShareBps", 1600);
    }

    function test_rebalance_revertsWhenARangeIsTooWide() public {
        _vaultWith(EDGE_SHARE_BPS, EDGE_WIDTH_TICKS, 500);
        _deposit(alice, _assets(100_000));
        RebalanceOrder memory order = _centredOrder(int24(EDGE_WIDTH_TICKS / 2) + SPACING, 0.9e18);
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(ErrorsLib.WidthAboveMax.selector, EDGE_WIDTH_TICKS + 20, EDGE_WIDTH_TICKS)
        );
        vault.rebalance(order);
        _rebalance(_centredOrder(int24(EDGE_WIDTH_TICKS / 2), 0.9e18));
    }

    /// A cut is never refused, wherever the settings stand.
    function test_configure_acceptsEveryCutFromOutside() public {
        _vaultWith(10_000, 100_000, 10_000);
        _configure("maxPoolShareBps", 9999);
        _configure("maxWidthTicks", 99_999);
        _configure("inflowCapBps", 9999);
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        _configure("inflowCapBps", 10_000);
        // What has no part in it is not held to it.
        _configure("maxMovesPerDay", 25);
    }

    function test_configure_aFeedTakesTheRegionAway() public {
        feed = address(new MockFeed(8, 1605e8));
        _vaultWith(100, 400, 500);
        _configure("maxPoolShareBps", 10_000);
        _configure("maxWidthTicks", 1_774_544);
        _configure("inflowCapBps", 10_000);
    }

    function test_configure_theEntryMarginCoversTheFeedsDeviation() public {
        feed = address(new MockFeed(8, 1605e8));
        _vaultWith(100, 400, 500);
        vm.expectRevert(
            abi.encodeWithSelector(ErrorsLib.SettingOutOfBounds.selector, bytes32("entryMarginBps"), 49, 50, 500)
        );
        _configure("entryMarginBps", 49);
        _configure("entryMarginBps", 51);
        Limits memory limits = _defaultLimits();
        limits.entryMarginBps = 49;
        // The constructor does not take it either.
        vm.expectPartialRevert(ErrorsLib.SettingOutOfBounds.selector);
        this.deploy(limits);
        limits.entryMarginBps = 50;
        this.deploy(limits);
    }

    function deploy(Limits memory limits) external {
        _deployVault(limits);
    }

    /// Independent of the library: a centred range of L at price P holds L√P·2(1 − exp(−w/2)).
    function testFuzz_depth_isWhatACentredRangeHolds(uint24 width) public pure {
        width = uint24(bound(width, 1, 80_000) * 2);
        (uint256 half0, uint256 half1) = _principal(int24(width / 2));
        uint160 at = 1 << 96;
        uint256 worth = NavLib.toAssetDown(half0, half1, at, true);
        assertApproxEqRel(SuitabilityLib.depthWad(width), worth, 1e12);
    }

    function _principal(int24 half) private pure returns (uint256, uint256) {
        return NavLib.principalDown(Position(-half, half, 1e18), 1 << 96);
    }

    /* THE ATTACK */

    struct Story {
        int24 jump;
        uint256 stakeBps;
        bool enters;
    }

    /// The true price jumps and the pool follows; he pushes spot back to the mean, holds it for two blocks that are all
    /// his, enters or leaves at the old price, and lets spot go. Valued at the true price.
    function testFuzz_stalePrice_doesNotPayInTheRegion(int24 jump, uint256 stake, bool enters) public {
        _vaultWith(EDGE_SHARE_BPS, EDGE_WIDTH_TICKS, 500);
        _fill();
        int256 gain = _attack(_story(jump, stake, enters));
        // Units of rounding: of the pool's four swaps and of what he is paid.
        assertLe(gain, 8);
    }

    /// The same attack pays where the setters would not let a vault go: most of its pool, in wide ranges.
    function test_stalePrice_paysOutside() public {
        _vaultWith(10_000, 20_000, 10_000);
        _deposit(alice, _assets(2_000_000));
        _deposit(mallory, _assets(2_000_000));
        _rebalance(_centredOrder(4000, 1e18));
        trader.withdraw(startTick - 6000, startTick + 6000, 0.9999e19);
        _calmDown();
        // e (1 − e) of it, less what the round trip costs.
        assertGt(_attack(Story(-150, 10_000, false)), int256(_assets(1000)));
    }

    function _story(int24 jump, uint256 stake, bool enters) private pure returns (Story memory story) {
        story.jump = int24(bound(jump, -290, 290));
        story.stakeBps = bound(stake, 100, 10_000);
        story.enters = enters;
    }

    /// @dev Alice and the attacker fill the vault to its share of the pool, all of it in the widest range.
    function _fill() private {
        _deposit(alice, _assets(440_000));
        _deposit(mallory, _assets(440_000));
        _rebalance(_centredOrder(int24(EDGE_WIDTH_TICKS / 2), 1e18));
        _calmDown();
        // As large as the settings allow, or nearly: else this would prove little.
        uint256 share = (uint256(vault.positions()[0].liquidity) * 10_000) / pool.liquidity();
        assertGe(share, (uint256(EDGE_SHARE_BPS) * 9) / 10);
    }

    function _attack(Story memory story) private returns (int256 gain) {
        (uint160 oldX96,,,,,,) = pool.slot0();
        // The market's own doing: arbitrage, none of it his.
        int24 trueTick = startTick + story.jump;
        trader.moveTo(trueTick);
        skip(12);
        (uint160 trueX96,,,,,,) = pool.slot0();
        int256 without = _worth(trueX96);
        trader.moveToPrice(oldX96);
        skip(12);
        // A second block that is his: the pre-block tick says the old price as well.
        trader.moveToPrice(oldX96 + 1);
        assertTrue(oracle.referencePrices().calm);
        if (story.enters) _enterMost();
        else _leavePart(story.stakeBps);
        trader.moveToPrice(trueX96);
        gain = _worth(trueX96) - without;
    }

    uint256 private put;

    function _enterMost() private {
        uint256 most = vault.maxDeposit(mallory);
        assertGt(most, 0, "he must get in");
        _deposit(mallory, most);
        put += most;
    }

    function _leavePart(uint256 stakeBps) private {
        uint256 shares = (vault.maxRedeem(mallory) * stakeBps) / 10_000;
        vm.prank(mallory);
        vault.redeem(shares, mallory, mallory);
    }

    /// @dev His tokens, his trades, and his shares in kind, at a price.
    function _worth(uint160 atX96) private returns (int256) {
        uint256 snapshot = vm.snapshotState();
        (uint160 spotX96,,,,,,) = pool.slot0();
        assertEq(spotX96, atX96);
        uint256 shares = vault.balanceOf(mallory);
        (uint256 out0, uint256 out1) = shares > 0 ? _inKind(mallory, shares) : (uint256(0), uint256(0));
        vm.revertToStateAndDelete(snapshot);
        int256 net0 = int256(token0.balanceOf(mallory) + out0) - trader.spent0();
        int256 net1 = int256(token1.balanceOf(mallory) + out1) - trader.spent1() - int256(put);
        return net1
            + (net0 >= 0
                    ? int256(NavLib.quote0Down(uint256(net0), atX96))
                    : -int256(NavLib.quote0Down(uint256(-net0), atX96)));
    }
}
