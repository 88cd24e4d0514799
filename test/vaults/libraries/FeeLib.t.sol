// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {console} from "forge-std/console.sol";
import {Test} from "forge-std/Test.sol";
import {ErrorsLib} from "../../../vaults/libraries/ErrorsLib.sol";
import {FeeLib} from "../../../vaults/libraries/FeeLib.sol";
import {Limits} from "../../../vaults/libraries/VaultState.sol";
import {InKindExit} from "../../../vaults/RangeVault.sol";
import {BaseTest} from "../../support/BaseTest.sol";

abstract contract FeeLibTests is BaseTest {
    address internal strategist = makeAddr("strategist");

    function _defaultLimits() internal pure override returns (Limits memory limits) {
        limits = super._defaultLimits();
        limits.performanceFeeBps = 1000;
        limits.inflowCapBps = 10_000;
    }

    /// @dev Trades that pay fees and end where they began.
    function _earn(uint256 rounds) internal {
        int24 at = _spotTick();
        for (uint256 i; i < rounds; ++i) {
            trader.moveTo(at + 200);
            trader.moveTo(at - 200);
        }
        trader.moveTo(at);
        _calmDown();
    }

    function _seedAndEarn() internal {
        _seed();
        _earn(20);
    }

    /// @dev Value of the holdings at a price over the shares that exist or are due, the pending fee left out.
    function _grossAt(uint160 sqrtPriceX96) internal view returns (uint256) {
        (uint256 management, uint256 performance) = vault.dueShares();
        return (_perShareAt(sqrtPriceX96) * (vault.effectiveSupply() + 1e6))
            / (vault.totalSupply() + management + performance + 1e6);
    }

    function _pending() internal view returns (uint256) {
        (uint256 management, uint256 performance) = vault.dueShares();
        return vault.effectiveSupply() - vault.totalSupply() - management - performance;
    }

    /* RULE 13 */

    /// What is charged is the rate on what is above holding, and the price already said so before.
    function test_collectFees_chargesWhatIsAboveHoldingAndMovesNoPrice() public {
        _seedAndEarn();
        skip(7 days);
        _calmDown();
        (uint256 mark0, uint256 mark1,,) = vault.feeMarks();
        (, uint256 nav,,,) = vault.navStatus();
        uint256 held = _value(mark0, mark1, startTick);
        assertGt(nav, held, "the trades paid more than they took");
        uint256 price = _midPrice();
        uint256 pending = _pending();
        (uint256 shares,) = vault.collectFees();
        assertEq(shares, pending);
        assertEq(vault.balanceOf(feeRecipient), shares);
        assertApproxEqRel(vault.convertToAssets(shares), (nav - held) / 10, 0.03e18, "a tenth of the excess");
        assertApproxEqRel(_midPrice(), price, 1e9, "charging what was pending moves no price");
        assertEq(_pending(), 0, "both marks are now");
        (,, uint256 mark, uint256 at) = vault.feeMarks();
        assertEq(at, block.timestamp);
        assertGe(mark * 1e18, _lowPrice(), "never charged twice for the same price");
    }

    function test_collectFees_waitsForTheEpochAndForCalm() public {
        _seedAndEarn();
        assertGt(_pending(), 0);
        vm.expectRevert(ErrorsLib.FeeNotDue.selector);
        vault.collectFees();
        skip(7 days);
        // The last observation is too old: not calm.
        vm.expectRevert(ErrorsLib.FeeNotDue.selector);
        vault.collectFees();
        _calmDown();
        vault.collectFees();
        _earn(20);
        assertGt(_pending(), 0, "more was earned");
        vm.expectRevert(ErrorsLib.FeeNotDue.selector);
        vault.collectFees();
        skip(7 days);
        _calmDown();
        vault.collectFees();
    }

    /// Below holding nothing is charged and neither mark moves: the shortfall must be earned back first.
    function test_collectFees_aShortfallCarries() public {
        _seed();
        (uint256 mark0, uint256 mark1, uint256 mark,) = vault.feeMarks();
        // The other token, of which the vault bought half, falls.
        trader.moveTo(assetIsToken0() ? startTick + 500 : startTick - 500);
        skip(7 days);
        _calmDown();
        assertEq(_pending(), 0);
        vm.expectRevert(ErrorsLib.FeeNotDue.selector);
        vault.collectFees();
        (uint256 later0, uint256 later1, uint256 later,) = vault.feeMarks();
        assertEq(later0, mark0);
        assertEq(later1, mark1);
        assertEq(later, mark);
        // A little earned does not make up for it.
        _earn(1);
        assertEq(_pending(), 0, "charged before the shortfall was earned back");
    }

    /// Rule 13, where there are other fees to collect: that neither mark moves is not for want of a collection.
    function test_collectFees_aShortfallCarriesThroughACollection() public {
        vm.startPrank(curator);
        vault.configure("managementFeeBps", 100);
        skip(uint256(vault.limits().noticeSeconds));
        vault.configure("managementFeeBps", 100);
        vm.stopPrank();
        _calmDown();
        _seed();
        (uint256 mark0, uint256 mark1, uint256 mark, uint256 at) = vault.feeMarks();
        trader.moveTo(assetIsToken0() ? startTick + 500 : startTick - 500);
        skip(7 days);
        _calmDown();
        (uint256 minted,) = vault.collectFees();
        assertGt(minted, 0, "the management fee");
        (uint256 later0, uint256 later1, uint256 later, uint256 laterAt) = vault.feeMarks();
        assertEq(later0, mark0);
        assertEq(later1, mark1);
        assertEq(later, mark);
        assertEq(laterAt, at);
    }

    /// The other token's price rises: the share price is above the high-water mark, but holding did better.
    function test_performance_isNotTheMarket() public {
        _seedAndEarn();
        skip(7 days);
        _calmDown();
        vault.collectFees();
        trader.moveTo(assetIsToken0() ? startTick - 500 : startTick + 500);
        _calmDown();
        (,, uint256 mark,) = vault.feeMarks();
        assertGt(_lowPrice(), mark * 1e18, "the price of a share rose");
        assertEq(_pending(), 0);
    }

    /* RULE 14 */

    function testFuzz_deposit_addsExactlyItsTokensAndMovesNoPendingFee(uint256 assets) public {
        _seedAndEarn();
        (uint256 mark0, uint256 mark1, uint256 mark,) = vault.feeMarks();
        uint256 pendingValue = vault.convertToAssets(_pending());
        assets = bound(assets, _assets(1), _assets(1_000_000));
        uint256 price = _lowPrice();
        _deposit(alice, assets);
        (uint256 later0, uint256 later1, uint256 later,) = vault.feeMarks();
        assertEq(later0, mark0 + (assetIsToken0() ? assets : 0));
        assertEq(later1, mark1 + (assetIsToken0() ? 0 : assets));
        assertEq(later, mark);
        assertLe(vault.convertToAssets(_pending()), pendingValue + 2, "the margin he paid is not performance");
        assertApproxEqRel(vault.convertToAssets(_pending()), pendingValue, 0.02e18);
        assertGe(_lowPrice(), price);
        (, uint256 due) = vault.dueShares();
        assertEq(due, 0, "a deposit charges nobody");
    }

    /// An exit makes the leaver's part due, and for those who stay neither price nor pending fee per share changes.
    function testFuzz_exits_crystalliseTheLeaversPart(uint256 part, uint256 way, int256 drift) public {
        _seedAndEarn();
        trader.moveTo(startTick + int24(bound(drift, -50, 50)));
        uint256 shares = (vault.balanceOf(alice) * bound(part, 1, 100)) / 100;
        uint256 pending = _pending();
        vm.assume(pending > 0);
        uint256 all = vault.totalSupply() + 1e6;
        uint256 price = _lowPrice();
        uint160 cheapestX96 =
            assetIsToken0() ? oracle.referencePrices().highSqrtPriceX96 : oracle.referencePrices().lowSqrtPriceX96;
        uint256 gross = _grossAt(cheapestX96);
        vm.startPrank(alice);
        if (way % 3 == 0) {
            shares = Math.min(shares, vault.maxRedeem(alice));
            vault.redeem(shares, alice, alice);
        } else if (way % 3 == 1) {
            vault.redeem(shares, alice, alice, 0);
        } else {
            vault.redeemInKind(InKindExit(shares, alice, alice, alice, 0, 0, false, false));
        }
        vm.stopPrank();
        (, uint256 due) = vault.dueShares();
        assertEq(due, Math.mulDiv(pending, shares, all), "the leaver's part");
        // The fee shares that are due from now on are shares too: their own part of what is pending, to the second order.
        assertGe(_grossAt(cheapestX96), (gross / 1e5) * 99_999, "those who stay pay for it");
        if (way % 3 == 0) assertGe(_lowPrice() + _lowPrice() / 1e10, price, "a redemption lowered the price");
        if (way % 3 == 2) {
            assertGe(_lowPrice() + _lowPrice() / 1e12, price);
            assertApproxEqRel(_lowPrice(), price, 1e12);
            assertApproxEqRel(_pending(), pending - due, 1e15);
        }
        vm.prank(feeRecipient);
        vault.collectFees();
        assertEq(vault.balanceOf(feeRecipient), due, "minted on the next collection, epoch or not");
    }

    /// Charged through exits or all at once, it is the same fee.
    function test_exits_chargeNoMoreThanOneCollection() public {
        _seedAndEarn();
        uint256 snapshot = vm.snapshotState();
        skip(7 days);
        _calmDown();
        (uint256 once,) = vault.collectFees();
        uint256 worth = vault.convertToAssets(once);
        vm.revertToState(snapshot);
        uint256 shares = vault.balanceOf(bob);
        for (uint256 i; i < 10; ++i) {
            _inKind(bob, i == 9 ? vault.balanceOf(bob) : shares / 10);
        }
        skip(7 days);
        _calmDown();
        (uint256 many,) = vault.collectFees();
        assertApproxEqRel(vault.convertToAssets(many), worth, 0.01e18);
    }

    /// Rule 11: without a price the leaver pays no performance fee, and leaves all the same.
    function test_redeemInKind_withoutAPriceTakesNoPerformanceFee() public {
        _seedAndEarn();
        uint256 pending = _pending();
        (uint256 mark0, uint256 mark1,,) = vault.feeMarks();
        uint256 all = vault.totalSupply() + 1e6;
        uint256 shares = vault.balanceOf(alice);
        uint256 gone = (mark0 * shares) / all;
        vm.mockCallRevert(address(oracle), abi.encodeWithSignature("referencePrices()"), "dead");
        _inKind(alice, shares);
        vm.clearMockedCalls();
        (, uint256 due) = vault.dueShares();
        assertEq(due, 0);
        (uint256 later0, uint256 later1,,) = vault.feeMarks();
        assertApproxEqAbs(later0, mark0 - gone, 1);
        assertApproxEqAbs(later1, mark1 - (mark1 * shares) / all, 1);
        assertApproxEqRel(_pending(), pending - (pending * shares) / all, 0.01e18, "the part of those who stay");
    }

    function test_pausedTimeChargesNothing() public {
        _seedAndEarn();
        assertGt(_pending(), 0);
        vm.prank(guardian);
        vault.pause(7 days);
        assertEq(_pending(), 0);
        uint256 shares = vault.balanceOf(alice) / 2;
        vm.prank(alice);
        vault.redeem(shares, alice, alice, 0);
        (, uint256 due) = vault.dueShares();
        assertEq(due, 0);
        vm.expectRevert(ErrorsLib.FeeNotDue.selector);
        vault.collectFees();
    }

    /// When nobody is left, whoever comes next starts with marks of his own.
    function test_firstDepositAfterAllLeft_setsTheMarks() public {
        _seed();
        _inKind(alice, vault.balanceOf(alice));
        _inKind(bob, vault.balanceOf(bob));
        assertEq(vault.effectiveSupply(), 0);
        _deposit(bob, _assets(100));
        (uint256 mark0, uint256 mark1,,) = vault.feeMarks();
        assertEq(assetIsToken0() ? mark0 : mark1, _assets(100));
        assertEq(assetIsToken0() ? mark1 : mark0, 0);
        assertEq(_pending(), 0);
    }

    /* RATES AND RECEIVERS */

    function test_configure_aHigherRateIsNotRetroactive() public {
        _seedAndEarn();
        uint256 pending = _pending();
        vm.prank(curator);
        vault.configure("performanceFeeBps", 2000);
        (, uint256 due) = vault.dueShares();
        assertEq(due, pending, "charged at the old rate");
        assertEq(_pending(), 0);
        vm.prank(curator);
        vault.configure("performanceFeeBps", 0);
        _earn(20);
        assertEq(_pending(), 0);
        vm.prank(curator);
        vault.configure("performanceFeeBps", 1000);
        assertEq(_pending(), 0, "what was earned without a fee stays without");
        trader.moveTo(startTick + 400);
        vm.prank(curator);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.configure("performanceFeeBps", 1500);
        vm.prank(curator);
        vault.configure("performanceFeeBps", 500);
    }

    function test_configure_performanceFeeIsCapped() public {
        vm.startPrank(curator);
        vm.expectRevert(
            abi.encodeWithSelector(ErrorsLib.SettingOutOfBounds.selector, bytes32("performanceFeeBps"), 2001, 0, 2000)
        );
        vault.configure("performanceFeeBps", 2001);
    }

    function test_setStrategist_isAnnouncedAndPaid() public {
        vm.prank(curator);
        vault.configure("noticeSeconds", 2 days);
        vm.startPrank(owner);
        vm.expectRevert(
            abi.encodeWithSelector(ErrorsLib.SettingOutOfBounds.selector, bytes32("payoutShareBps"), 5001, 0, 5000)
        );
        vault.setStrategist(strategist, 5001);
        vault.setStrategist(strategist, 4000);
        (address payout,) = vault.strategist();
        assertEq(payout, address(0), "announced only");
        vm.expectRevert(
            abi.encodeWithSelector(ErrorsLib.SettingNotReady.selector, bytes32("strategist"), block.timestamp + 2 days)
        );
        vault.setStrategist(strategist, 4000);
        skip(2 days);
        vault.setStrategist(strategist, 4000);
        vm.stopPrank();
        _calmDown();
        _seedAndEarn();
        skip(7 days);
        _calmDown();
        (uint256 toRecipient, uint256 toStrategist) = vault.collectFees();
        assertApproxEqAbs(toStrategist, ((toRecipient + toStrategist) * 4000) / 10_000, 1);
        assertEq(vault.balanceOf(strategist), toStrategist);
        assertEq(vault.balanceOf(feeRecipient), toRecipient);
        // A cut is instant.
        vm.prank(owner);
        vault.setStrategist(address(0), 0);
        (payout,) = vault.strategist();
        assertEq(payout, address(0));
    }

    function test_managementFee_isNotTheStrategists() public {
        vm.prank(owner);
        vault.setStrategist(strategist, 5000);
        vm.prank(curator);
        vault.configure("managementFeeBps", 200);
        _deposit(alice, _assets(1000));
        skip(30 days);
        (uint256 toRecipient, uint256 toStrategist) = vault.collectFees();
        assertEq(toStrategist, 0);
        assertGt(toRecipient, 0);
    }
}

contract FeeLibAssetToken1Test is FeeLibTests {}

contract FeeLibAssetToken0Test is FeeLibTests {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}

/// @notice A full-range position on a fair random walk whose fees pay its losses exactly: zero true edge.
/// @dev Token0 in units of token1. When the price moves, it goes up by u or down by 1/u, with the odds that make it fair;
/// what the position holds is then worth less than its tokens were by a known factor, and fees, the same every hour, give
/// back what that takes on average.
contract FeeRuleTest is Test {
    uint256 private constant WAD = 1e18;
    uint256 private constant YEAR_HOURS = 8760;
    uint256 private constant RATE_BPS = 1000;
    // One hour of sixteen moves, by e^0.032: 0.8 % an hour on average, 75 % a year.
    uint256 private constant HOURS_PER_MOVE = 16;
    uint256 private constant UP = 1.032517505305118419e18;
    uint256 private constant ROOT_UP = 1.016128685406094821e18;

    struct Book {
        uint256 nav;
        uint256 rootPrice;
        uint256 benchmark0;
        uint256 benchmark1;
        uint256 mark;
        uint256 supply;
        uint256 feeShares;
    }

    /// @dev `carrying`: this vault's rule; else the benchmark begins anew at every checkpoint, above it or not.
    function _year(uint256 seed, uint256 everyHours, bool carrying) private pure returns (uint256 costBps) {
        Book memory book = Book(WAD * 1e6, WAD, 0, 0, 0, WAD, 0);
        _reset(book);
        // A move leaves 2 sqrt(u) / (1 + u) of what the tokens were worth.
        uint256 giveBack =
            (HOURS_PER_MOVE * WAD * WAD) / ((HOURS_PER_MOVE - 1) * WAD + (2 * ROOT_UP * WAD) / (WAD + UP));
        uint256 upOdds = (WAD * WAD) / (WAD + UP);
        for (uint256 hour = 1; hour <= YEAR_HOURS; ++hour) {
            // A linear generator modulo 2^256, read at its high bits.
            unchecked {
                seed = seed * 0x5851f42d4c957f2d14057b7ef767814f5851f42d4c957f2d14057b7ef767814d + 0x14057b7ef767814f;
            }
            if (seed >> 252 == 0) {
                bool up = (seed << 4 >> 128) % WAD < upOdds;
                book.rootPrice = up ? (book.rootPrice * ROOT_UP) / WAD : (book.rootPrice * WAD) / ROOT_UP;
                book.nav = up ? (book.nav * ROOT_UP) / WAD : (book.nav * WAD) / ROOT_UP;
            }
            book.nav = (book.nav * giveBack) / WAD;
            if (hour % everyHours != 0) continue;
            uint256 held = _held(book);
            uint256 earned = carrying
                ? FeeLib.base(book.nav, held, book.nav, held, (book.mark * book.supply) / WAD)
                : book.nav > held ? book.nav - held : 0;
            if (earned > 0) {
                uint256 fee = (earned * RATE_BPS) / 10_000;
                uint256 shares = (fee * book.supply) / (book.nav - fee);
                book.feeShares += shares;
                book.supply += shares;
            }
            if (earned > 0 || !carrying) _reset(book);
        }
        return (book.feeShares * 10_000) / book.supply;
    }

    /// @dev Half of the value in each token.
    function _reset(Book memory book) private pure {
        book.benchmark1 = book.nav / 2;
        book.benchmark0 = (((book.nav / 2) * WAD) / book.rootPrice) * WAD / book.rootPrice;
        book.mark = (book.nav * WAD) / book.supply + 1;
    }

    function _held(Book memory book) private pure returns (uint256) {
        return book.benchmark1 + (((book.benchmark0 * book.rootPrice) / WAD) * book.rootPrice) / WAD;
    }

    function _mean(uint256 everyHours, bool carrying) private pure returns (uint256 sumBps) {
        for (uint256 path; path < 8; ++path) {
            sumBps += _year(uint256(keccak256(abi.encode("cadence", path))), everyHours, carrying);
        }
    }

    /// The least of the three, and nothing where one of them is not above zero.
    function testFuzz_base_isTheLeastOfThree(uint128 low, uint128 lowHeld, uint128 high, uint128 highHeld, uint128 mark)
        public
        pure
    {
        uint256 earned = FeeLib.base(low, lowHeld, high, highHeld, mark);
        if (low <= lowHeld || high <= highHeld || uint256(low) + 1 <= mark) {
            assertEq(earned, 0);
            return;
        }
        assertLe(earned, low - lowHeld);
        assertLe(earned, high - highHeld);
        assertLe(earned, uint256(low) + 1 - mark);
        assertTrue(earned == low - lowHeld || earned == high - highHeld || earned == uint256(low) + 1 - mark);
        assertGt(earned, 0);
    }

    /// Rule 13: how often one charges must hardly matter, else the fee is a pump.
    function test_cadence_costsAboutTheSame() public pure {
        uint256 hourly = _mean(1, true);
        uint256 weekly = _mean(168, true);
        uint256 hourlyPump = _mean(1, false);
        console.log(
            "10 %% fee, no edge, bps in 8 years: hourly %d, daily %d, weekly %d", hourly, _mean(24, true), weekly
        );
        console.log("measured since the last checkpoint: hourly %d, daily %d", hourlyPump, _mean(24, false));
        assertLe(hourly, weekly, "hourly charging pumps");
        assertGt(hourlyPump, 2 * hourly, "the rule it replaces does");
    }
}
