// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IPriceOracle, ReferencePrices} from "../../vaults/interfaces/IPriceOracle.sol";
import {Position, RangeOrder, RebalanceOrder, RebalanceReport} from "../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {InKindExit, RangeVault} from "../../vaults/RangeVault.sol";
import {ExitQuote, VaultStatus} from "../../vaults/VaultLens.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {MockGate} from "../support/mocks/MockGate.sol";
import {MockToken} from "../support/mocks/MockToken.sol";

abstract contract RangeVaultTests is BaseTest {
    address internal mallory = makeAddr("mallory");

    /* ENTRY */

    function testFuzz_deposit_mintsWhatPreviewSaysAndNeverDilutes(uint256 assets, int256 drift) public {
        _seed();
        trader.moveTo(startTick + int24(bound(drift, -250, 250)));
        // Below ten thousand units the margin may leave nothing to mint shares for.
        assets = bound(assets, 10_000, vault.maxDeposit(mallory));
        uint256 before = _lowPrice();
        uint256 expected = vault.previewDeposit(assets);
        uint256 shares = _deposit(mallory, assets);
        assertEq(shares, expected);
        assertGe(_lowPrice(), before, "deposit lowered the share price");
        (, uint256 mid,,,) = vault.navStatus();
        assertLe(vault.previewRedeem(shares), assets, "round trip in one block pays");
        assertGt(mid, 0);
    }

    function testFuzz_mint_takesWhatPreviewSaysAndNeverDilutes(uint256 shares) public {
        _seed();
        shares = bound(shares, 1, vault.maxMint(mallory));
        uint256 before = _lowPrice();
        uint256 assets = vault.previewMint(shares);
        assetToken.mint(mallory, assets);
        vm.startPrank(mallory);
        assetToken.approve(address(vault), assets);
        assertEq(vault.mint(shares, mallory, assets), assets);
        assertEq(vault.balanceOf(mallory), shares);
        assertEq(assetToken.balanceOf(mallory), 0);
        assertGe(_lowPrice(), before);
    }

    function testFuzz_maxDeposit_isExactlyWhatSucceeds(uint256 cap) public {
        _seed();
        _configureAnywhere("inflowCapBps", bound(cap, 1, 10_000));
        uint256 most = vault.maxDeposit(mallory);
        assetToken.mint(mallory, most + 1);
        vm.startPrank(mallory);
        assetToken.approve(address(vault), most + 1);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxDeposit.selector, mallory, most + 1, most));
        vault.deposit(most + 1, mallory);
        vault.deposit(most, mallory);
    }

    function test_maxMint_isWhatSucceeds() public {
        _seed();
        uint256 most = vault.maxMint(mallory);
        assetToken.mint(mallory, vault.previewMint(most) + 10);
        vm.startPrank(mallory);
        assetToken.approve(address(vault), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxMint.selector, mallory, most + 1, most));
        vault.mint(most + 1, mallory);
        vault.mint(most, mallory);
    }

    function test_deposit_respectsMinimumAndMaximum() public {
        _seed();
        uint256 shares = vault.previewDeposit(_assets(100));
        assetToken.mint(mallory, _assets(1000));
        vm.startPrank(mallory);
        assetToken.approve(address(vault), type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AmountBelowMin.selector, shares, shares + 1));
        vault.deposit(_assets(100), mallory, shares + 1);
        vault.deposit(_assets(100), mallory, shares);
        uint256 cost = vault.previewMint(shares);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AmountAboveMax.selector, cost, cost - 1));
        vault.mint(shares, mallory, cost - 1);
    }

    /// The margin is what those who stay gain, beyond the spread of the references.
    function test_deposit_paysTheEntryMarginUnlessNobodyIsThere() public {
        uint256 shares = _deposit(alice, _assets(1000));
        assertEq(vault.previewRedeem(shares), _assets(1000), "the first depositor has nobody to pay");
        vm.prank(curator);
        vault.configure("entryMarginBps", 100);
        shares = _deposit(bob, _assets(1000));
        // 1 % given, half of it to himself less his own margin: 995 and a bit.
        assertApproxEqRel(vault.previewRedeem(shares), _assets(1000) * 9950 / 10_000, 0.0001e18);
    }

    function test_deposit_revertsWhenNothingIsMinted() public {
        vm.expectRevert(ErrorsLib.ZeroShares.selector);
        vault.deposit(0, alice);
    }

    function test_deposit_revertsWhenTokenTakesAFee() public {
        assetToken.setTransferFee(100);
        assetToken.mint(alice, 10_000);
        vm.startPrank(alice);
        assetToken.approve(address(vault), 10_000);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AssetReceivedNotSent.selector, 10_000, 9900));
        vault.deposit(10_000, alice);
    }

    function test_deposit_inflowCapRefillsOverTheWindow() public {
        _seed();
        uint256 most = vault.maxDeposit(mallory);
        _deposit(mallory, most);
        skip(300);
        // The cap is now 5 % of 105 %, half of it refilled.
        assertApproxEqRel(vault.maxDeposit(mallory), (most * 575) / 1000, 0.01e18);
        skip(300);
        assertGe(vault.maxDeposit(mallory), most);
    }

    function test_deposit_respectsDepositCap() public {
        vm.prank(curator);
        vault.configure("depositCap", _assets(100));
        _deposit(alice, _assets(60));
        assertEq(vault.maxDeposit(bob), _assets(100) - _assets(60));
    }

    function test_deposit_asksTheGateOnEntryOnly() public {
        uint256 shares = _deposit(alice, _assets(100));
        MockGate gate = new MockGate();
        vm.prank(owner);
        vault.setGate(address(gate));
        assertEq(vault.maxDeposit(bob), 0);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.EntryRefusedByGate.selector, bob, bob));
        vault.deposit(1000, bob);
        gate.allow(bob);
        _deposit(bob, _assets(10));
        vm.startPrank(alice);
        vault.transfer(mallory, shares / 2);
        vault.redeem(shares / 2, alice, alice);
    }

    /* NOT CALM */

    function test_notCalm_closesValuePricedEntryAndExit() public {
        _seed();
        trader.moveTo(startTick + int24(BAND_TICKS) + 60);
        assertEq(vault.maxDeposit(alice), 0);
        assertEq(vault.maxMint(alice), 0);
        assertEq(vault.maxWithdraw(alice), 0);
        assertEq(vault.maxRedeem(alice), 0);
        vm.startPrank(alice);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.deposit(1000, alice);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.mint(1000, alice);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.withdraw(1000, alice, alice);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.redeem(1000, alice, alice);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.withdraw(1000, alice, alice, type(uint256).max);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.redeem(1000, alice, alice, 0);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.previewDeposit(1000);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.previewRedeem(1000);
        vm.stopPrank();
        assertGt(vault.totalAssets(), 0);
        assertGt(vault.convertToAssets(1e18), 0);
        _inKind(alice, vault.balanceOf(alice));
    }

    function test_notCalm_totalAssetsKeepsTheLastGoodPrice() public {
        _seed();
        _deposit(mallory, 1000);
        uint256 before = vault.totalAssets();
        trader.moveTo(startTick + 2000);
        uint256 idleOnly = vault.totalAssets();
        // The last good price stands, so only fees of the trade may add.
        assertApproxEqRel(idleOnly, before, 0.02e18);
        vm.mockCallRevert(address(oracle), abi.encodeCall(IPriceOracle.referencePrices, ()), "dead");
        assertApproxEqRel(vault.totalAssets(), before, 0.02e18);
        skip(100);
        (,,, uint256 age, bool calm) = vault.navStatus();
        assertEq(age, 100);
        assertFalse(calm);
    }

    /* STANDARD EXIT */

    function testFuzz_maxRedeem_isExactlyWhatSucceeds(uint256 share, int256 drift, uint256 idleWeight) public {
        _deposit(alice, _assets(1_000_000));
        _deposit(bob, _assets(10_000));
        _rebalance(_centredOrder(600, uint64(bound(idleWeight, 0.2e18, 1e18))));
        skip(12);
        trader.moveTo(startTick + int24(bound(drift, -250, 250)));
        uint256 given = (vault.balanceOf(alice) * bound(share, 1, 100)) / 100;
        vm.prank(alice);
        vault.transfer(mallory, given);
        uint256 most = vault.maxRedeem(mallory);
        uint256 balance = vault.balanceOf(mallory);
        uint256 price = _lowPrice();
        vm.startPrank(mallory);
        if (most < balance) {
            vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, mallory, most + 1, most));
            vault.redeem(most + 1, mallory, mallory);
        }
        uint256 expected = vault.previewRedeem(most);
        assertEq(vault.redeem(most, mallory, mallory), expected);
        assertEq(assetToken.balanceOf(mallory), expected);
        assertGe(_lowPrice(), price, "redeem lowered the share price");
    }

    function testFuzz_maxWithdraw_isExactlyWhatSucceeds(uint256 share, int256 drift, uint256 part) public {
        _seed();
        trader.moveTo(startTick + int24(bound(drift, -250, 250)));
        uint256 given = (vault.balanceOf(alice) * bound(share, 1, 100)) / 100;
        vm.prank(alice);
        vault.transfer(mallory, given);
        uint256 most = vault.maxWithdraw(mallory);
        uint256 price = _lowPrice();
        vm.startPrank(mallory);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, mallory, most + 1, most));
        vault.withdraw(most + 1, mallory, mallory);
        uint256 assets = (most * bound(part, 0, 100)) / 100;
        uint256 expected = vault.previewWithdraw(assets);
        assertEq(vault.withdraw(assets, mallory, mallory), expected);
        assertGe(_lowPrice(), price, "withdraw lowered the share price");
        most = vault.maxWithdraw(mallory);
        vault.withdraw(most, mallory, mallory);
        assertGe(_lowPrice(), price);
    }

    function test_exit_spendsAllowance() public {
        _seed();
        uint256 shares = vault.balanceOf(alice) / 10;
        vm.expectRevert();
        vm.prank(mallory);
        vault.redeem(shares, mallory, alice);
        vm.expectRevert();
        vm.prank(mallory);
        vault.redeemInKind(InKindExit(shares, mallory, mallory, alice, 0, 0, false, false));
        vm.prank(alice);
        vault.approve(mallory, shares);
        vm.prank(mallory);
        vault.redeem(shares, mallory, alice, 0);
        assertEq(vault.allowance(alice, mallory), 0);
    }

    /* EXIT WITH A SWAP */

    function testFuzz_redeemWithMinimum_paysTheSliceAndHurtsNobody(uint256 share, int256 drift) public {
        _seed();
        trader.moveTo(startTick + int24(bound(drift, -200, 200)));
        uint256 shares = (vault.balanceOf(alice) * bound(share, 1, 100)) / 100;
        ExitQuote memory quote = lens.exitQuote(vault, shares);
        uint160 cheapestX96 = _cheapest();
        uint256 before = _perShareAt(cheapestX96);
        vm.prank(alice);
        uint256 assets = vault.redeem(shares, alice, alice, 0);
        assertEq(assetToken.balanceOf(alice), assets);
        assertApproxEqRel(assets, quote.withSwap, 0.02e18);
        // Valued at one price, the leaver's swap may only add its fee.
        assertGe(_perShareAt(cheapestX96) + 2, before, "redeem with a swap lowered the share price");
    }

    /// @dev The reference at which exits price the vault.
    function _cheapest() internal view returns (uint160) {
        ReferencePrices memory refs = oracle.referencePrices();
        return assetIsToken0() ? refs.highSqrtPriceX96 : refs.lowSqrtPriceX96;
    }

    function test_redeemWithMinimum_revertsBelowMinimum() public {
        _seed();
        uint256 shares = vault.balanceOf(alice) / 2;
        uint256 snapshot = vm.snapshotState();
        vm.prank(alice);
        uint256 assets = vault.redeem(shares, alice, alice, 0);
        vm.revertToState(snapshot);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AmountBelowMin.selector, assets, assets + 1));
        vault.redeem(shares, alice, alice, assets + 1);
        vm.prank(alice);
        vault.redeem(shares, alice, alice, assets);
    }

    function testFuzz_withdrawWithMaximum_paysExactly(uint256 part, int256 drift) public {
        _seed();
        trader.moveTo(startTick + int24(bound(drift, -200, 200)));
        uint256 worth = vault.convertToAssets(vault.balanceOf(alice));
        uint256 assets = (worth * bound(part, 1, 95)) / 100;
        uint160 cheapestX96 = _cheapest();
        uint256 before = _perShareAt(cheapestX96);
        vm.prank(alice);
        vault.withdraw(assets, alice, alice, type(uint256).max);
        assertEq(assetToken.balanceOf(alice), assets);
        assertGe(_perShareAt(cheapestX96) + 2, before, "the leaver did not bear fee and impact");
    }

    function test_withdrawWithMaximum_revertsAboveMaximum() public {
        _seed();
        uint256 assets = vault.convertToAssets(vault.balanceOf(alice)) / 2;
        uint256 snapshot = vm.snapshotState();
        vm.prank(alice);
        uint256 shares = vault.withdraw(assets, alice, alice, type(uint256).max);
        vm.revertToState(snapshot);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AmountAboveMax.selector, shares, shares - 1));
        vault.withdraw(assets, alice, alice, shares - 1);
    }

    function test_exitWithSwap_staysInsideTheBand() public {
        _seed();
        // All other liquidity but a sliver: the swap would have to leave the band.
        vm.prank(address(trader));
        pool.burn(startTick - 6000, startTick + 6000, 1e19);
        vm.prank(address(trader));
        pool.burn(-887_220, 887_220, 1e18 - 1e12);
        uint256 shares = vault.balanceOf(alice);
        vm.prank(alice);
        vm.expectPartialRevert(ErrorsLib.SwapIncomplete.selector);
        vault.redeem(shares, alice, alice, 0);
        _inKind(alice, shares);
    }

    /// The swap of a leaver may take spot a band away from the reference that is furthest behind it, and no further.
    function test_exitWithSwap_mayGoToTheEndOfTheBand() public {
        _seed();
        // The mean stays behind, on the side that spot comes from.
        trader.moveTo(startTick + (assetIsToken0() ? int24(50) : int24(-50)));
        skip(12);
        // So little other liquidity that leaving with everything would go twice as far.
        vm.startPrank(address(trader));
        pool.burn(startTick - 6000, startTick + 6000, 1e19);
        pool.burn(-887_220, 887_220, 0.8e18);
        vm.stopPrank();
        uint256 shares = vault.balanceOf(alice);
        uint256 furthest;
        for (uint256 part = 1; part <= 40; ++part) {
            uint256 snapshot = vm.snapshotState();
            vm.prank(alice);
            try vault.redeem((shares * part) / 40, alice, alice, 0) {
                (,,,, bool calm) = vault.navStatus();
                assertTrue(calm, "a leaver left the band");
                int256 gone = int256(_spotTick()) - startTick;
                furthest = uint256(gone < 0 ? -gone : gone);
            } catch (bytes memory reason) {
                assertEq(bytes4(reason), ErrorsLib.SwapIncomplete.selector);
            }
            vm.revertToState(snapshot);
        }
        assertGe(furthest, (uint256(BAND_TICKS) * 9) / 10, "stopped before the end of the band");
    }

    /* IN KIND */

    function testFuzz_redeemInKind_paysTheSliceAndNeverLowersValue(uint256 share, int256 drift) public {
        _seed();
        trader.moveTo(startTick + int24(bound(drift, -3000, 3000)));
        uint256 shares = (vault.balanceOf(alice) * bound(share, 1, 1000)) / 1000;
        (uint256 sum0, uint256 sum1) = _holdings();
        uint256 supply = vault.totalSupply() + 1e6;
        (uint256 amount0, uint256 amount1) = _inKind(alice, shares);
        assertLe(amount0, (sum0 * shares) / supply + 1);
        assertLe(amount1, (sum1 * shares) / supply + 1);
        // One unit of liquidity is worth 25,000 units of token0 here, and parts of liquidity round down.
        assertApproxEqAbs(amount0, (sum0 * shares) / supply, 100_000);
        assertApproxEqAbs(amount1, (sum1 * shares) / supply, 4);
        (uint256 left0, uint256 left1) = _holdings();
        assertApproxEqAbs(left0 + amount0, sum0, 2);
        assertApproxEqAbs(left1 + amount1, sum1, 2);
    }

    function test_redeemInKind_worksPausedWithDeadOracleAndHostileStrategy() public {
        _seed();
        vm.prank(guardian);
        vault.pause(1 days);
        vm.mockCallRevert(address(oracle), abi.encodeCall(IPriceOracle.referencePrices, ()), "dead");
        vm.mockCallRevert(operator, "", "hostile");
        (uint256 amount0, uint256 amount1) = _inKind(alice, vault.balanceOf(alice));
        assertGt(amount0, 0);
        assertGt(amount1, 0);
        _inKind(bob, vault.balanceOf(bob));
        assertEq(vault.totalSupply(), 0);
    }

    function test_redeemInKind_oneTokenFrozenTheOtherLegLeaves() public {
        _seed();
        for (uint256 leg; leg < 2; ++leg) {
            uint256 snapshot = vm.snapshotState();
            MockToken frozen = leg == 0 ? token0 : token1;
            frozen.setFrozen(address(vault), true);
            uint256 shares = vault.balanceOf(alice);
            vm.startPrank(alice);
            vm.expectRevert();
            vault.redeemInKind(InKindExit(shares, alice, alice, alice, 0, 0, false, false));
            uint256 before = _lowPrice();
            (uint256 amount0, uint256 amount1) =
                vault.redeemInKind(InKindExit(shares, alice, alice, alice, 0, 0, leg == 0, leg == 1));
            vm.stopPrank();
            assertEq(leg == 0 ? amount0 : amount1, 0);
            assertGt(leg == 0 ? amount1 : amount0, 0);
            assertGt(_lowPrice(), before, "the waived leg belongs to those who stay");
            vm.revertToState(snapshot);
        }
    }

    function test_redeemInKind_paysTwoReceiversAndHoldsMinimums() public {
        _seed();
        uint256 shares = vault.balanceOf(alice) / 3;
        vm.prank(alice);
        vm.expectPartialRevert(ErrorsLib.AmountBelowMin.selector);
        vault.redeemInKind(InKindExit(shares, bob, mallory, alice, type(uint128).max, 0, false, false));
        vm.prank(alice);
        vm.expectPartialRevert(ErrorsLib.AmountBelowMin.selector);
        vault.redeemInKind(InKindExit(shares, bob, mallory, alice, 0, type(uint128).max, false, false));
        vm.prank(alice);
        (uint256 amount0, uint256 amount1) =
            vault.redeemInKind(InKindExit(shares, bob, mallory, alice, 0, 0, false, false));
        assertEq(token0.balanceOf(bob), amount0);
        assertEq(token1.balanceOf(mallory), amount1);
        vm.prank(alice);
        vm.expectRevert(ErrorsLib.ZeroShares.selector);
        vault.redeemInKind(InKindExit(0, alice, alice, alice, 0, 0, false, false));
    }

    /* ATTACKS (V1, V2) */

    /// @dev Net of everything mallory and the trader gave and got, at the starting price.
    function _profit(int256 before0, int256 before1) internal view returns (int256) {
        int256 net0 = int256(token0.balanceOf(mallory)) - trader.spent0() - before0;
        int256 net1 = int256(token1.balanceOf(mallory)) - trader.spent1() - before1;
        return _signedValue(net0, net1);
    }

    function _signedValue(int256 net0, int256 net1) internal view returns (int256) {
        int256 plus = int256(_value(net0 > 0 ? uint256(net0) : 0, net1 > 0 ? uint256(net1) : 0, startTick));
        int256 minus = int256(_value(net0 < 0 ? uint256(-net0) : 0, net1 < 0 ? uint256(-net1) : 0, startTick));
        return plus - minus;
    }

    function test_flashDepositDonationRedeem_gainsNothing() public {
        _seed();
        _configureAnywhere("inflowCapBps", 10_000);
        uint256 assets = vault.maxDeposit(mallory);
        assetToken.mint(mallory, assets * 2);
        uint256 price = _lowPrice();
        vm.startPrank(mallory);
        assetToken.approve(address(vault), assets);
        vault.deposit(assets, mallory);
        assetToken.transfer(address(vault), assets / 2);
        vault.redeem(vault.maxRedeem(mallory), mallory, mallory);
        if (vault.balanceOf(mallory) > 0) vault.redeem(vault.balanceOf(mallory), mallory, mallory, 0);
        vm.stopPrank();
        assertLe(assetToken.balanceOf(mallory), assets + assets / 2);
        assertGe(_lowPrice(), price);
    }

    function testFuzz_swapDepositSwapBackRedeem_gainsNothing(int256 displacement, uint256 amount, uint256 way) public {
        _seed();
        _configureAnywhere("inflowCapBps", 10_000);
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        (int256 before0, int256 before1) = (-trader.spent0(), -trader.spent1());
        trader.moveTo(_spotTick() + int24(bound(displacement, -290, 290)));
        uint256 most = vault.maxDeposit(mallory);
        vm.assume(most > 1e6);
        amount = bound(amount, 1e6, most);
        assetToken.mint(mallory, amount);
        (before0, before1) = assetIsToken0() ? (before0 + int256(amount), before1) : (before0, before1 + int256(amount));
        vm.startPrank(mallory);
        assetToken.approve(address(vault), amount);
        try vault.deposit(amount, mallory) returns (uint256) {} catch {}
        vm.stopPrank();
        if (way % 2 == 0) trader.moveToPrice(sqrtPriceX96);
        uint256 shares = vault.balanceOf(mallory);
        vm.startPrank(mallory);
        if (way % 3 == 0) {
            uint256 redeemable = vault.maxRedeem(mallory);
            if (redeemable > 0) vault.redeem(redeemable, mallory, mallory);
            shares = vault.balanceOf(mallory);
        } else if (way % 3 == 1 && shares > 0) {
            try vault.redeem(shares, mallory, mallory, 0) returns (uint256) {
                shares = 0;
            } catch {}
        }
        if (shares > 0) vault.redeemInKind(InKindExit(shares, mallory, mallory, mallory, 0, 0, false, false));
        vm.stopPrank();
        trader.moveToPrice(sqrtPriceX96);
        assertLe(_profit(before0, before1), 0, "an outsider made a profit in one block");
    }

    function test_dustOperations_neverLowerValuePerShare() public {
        _seed();
        uint256 price = _lowPrice();
        uint256 seed = 7;
        for (uint256 i; i < 120; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 dust = 1 + (seed >> 8) % 50;
            if (seed % 4 == 0) {
                _deposit(mallory, dust);
            } else if (seed % 4 == 1) {
                vm.startPrank(alice);
                vault.redeem(dust, alice, alice);
                vm.stopPrank();
            } else if (seed % 4 == 2) {
                vm.prank(alice);
                vault.withdraw(dust, alice, alice);
            } else {
                _inKind(alice, dust);
            }
        }
        assertGe(_lowPrice(), price, "dust lowered the share price");
    }

    function test_dustBurns_neverLowerValuePerShare() public {
        _deposit(alice, _assets(1_000_000));
        _rebalance(_centredOrder(600, 1e18));
        skip(12);
        // Idle asset first: what is left makes each further exit burn.
        vm.startPrank(alice);
        (uint256 idle0, uint256 idle1) = vault.idle();
        vault.withdraw(assetIsToken0() ? idle0 : idle1, alice, alice);
        uint256 price = _lowPrice();
        for (uint256 i; i < 50; ++i) {
            vault.withdraw(1 + i, alice, alice);
            assertGe(_lowPrice(), price, "a burn lowered the share price");
        }
        vm.stopPrank();
    }

    function testFuzz_firstDepositor_cannotBeInflatedAway(uint256 seedAssets, uint256 donated, uint256 assets) public {
        seedAssets = bound(seedAssets, 1, _assets(1));
        donated = bound(donated, 0, _assets(1_000_000));
        assets = bound(assets, 1000, _assets(1_000_000));
        _deposit(mallory, seedAssets);
        assetToken.mint(address(vault), donated);
        uint256 shares = _deposit(alice, assets);
        // Margin and one unit apart, alice can take out what she brought.
        assertGe(vault.previewRedeem(shares) + 1 + (assets * 11) / 10_000, assets);
    }

    /* DONATIONS */

    function test_donations_moveNothingAndAreSkimmed() public {
        _seed();
        (uint256 low, uint256 mid, uint256 high,,) = vault.navStatus();
        Position memory position = vault.positions()[0];
        token0.mint(address(vault), 5e18);
        token1.mint(address(vault), 5e6);
        trader.provide(address(vault), position.lowerTick, position.upperTick, 1e15);
        trader.provide(address(vault), startTick - 1000, startTick + 1000, 1e15);
        (uint256 low2, uint256 mid2, uint256 high2,,) = vault.navStatus();
        assertEq(low, low2);
        assertEq(mid, mid2);
        assertEq(high, high2);

        vm.startPrank(owner);
        vault.skim(address(token0));
        vault.skim(address(token1));
        assertEq(token0.balanceOf(skimReceiver), 5e18);
        assertEq(token1.balanceOf(skimReceiver), 5e6);
        vault.skimPosition(position.lowerTick, position.upperTick);
        vault.skimPosition(startTick - 1000, startTick + 1000);
        assertGt(token0.balanceOf(skimReceiver), 5e18);
        vm.expectRevert(ErrorsLib.SkimRefused.selector);
        vault.skim(address(token0));
        vm.expectRevert(ErrorsLib.SkimRefused.selector);
        vault.skimPosition(position.lowerTick, position.upperTick);
        vm.stopPrank();
        (low2, mid2, high2,,) = vault.navStatus();
        assertEq(mid, mid2);
        assertEq(vault.positions()[0].liquidity, position.liquidity);
        _inKind(alice, vault.balanceOf(alice));
    }

    function test_donatedLiquidityBeforeOpening_isSweptNotCounted() public {
        _deposit(alice, _assets(100_000));
        RebalanceOrder memory order = _centredOrder(600, 1e18);
        trader.provide(address(vault), order.ranges[0].lowerTick, order.ranges[0].upperTick, 1e17);
        for (uint256 i; i < 5; ++i) {
            _tradeAround();
        }
        skip(12);
        uint256 before = _midPrice();
        _rebalance(order);
        // A swap costs; a donation that counted would have paid for it.
        assertLe(_midPrice(), before);
        (uint256 idle0, uint256 idle1) = vault.idle();
        assertGt(token0.balanceOf(address(vault)), idle0);
        assertGt(token1.balanceOf(address(vault)), idle1);
    }

    /* MOVES */

    function test_rebalance_opensRangesAndReports() public {
        _deposit(alice, _assets(100_000));
        RebalanceOrder memory order = _centredOrder(600, 0.6e18);
        RangeOrder memory second = RangeOrder(order.ranges[0].lowerTick - 200, order.ranges[0].upperTick + 200, 0.4e18);
        RangeOrder[] memory ranges = new RangeOrder[](2);
        (ranges[0], ranges[1]) = (second, order.ranges[0]);
        order.ranges = ranges;
        vm.prank(operator);
        RebalanceReport memory report = vault.rebalance(order);
        assertEq(vault.positions().length, 2);
        assertGt(report.navBefore, report.navAfter);
        assertLt(report.lossWad, 0.001e18);
        assertGt(order.swap.zeroForOne ? report.swap0 : report.swap1, 0);
        assertEq(vault.movesToday(), 1);
        assertEq(vault.lastMoveAt(), block.timestamp);
        assertEq(vault.lossBudgetLeftWad(), 0.03e18 - report.lossWad);
        VaultStatus memory status = lens.status(vault);
        assertEq(status.positions.length, 2);
        assertApproxEqRel(status.midNav, report.navAfter, 0.001e18);
        assertEq(status.budgetLeftWad, vault.lossBudgetLeftWad());
    }

    function test_lens_tellsTheMarksAndTheSharesOfFees() public {
        _configureAnywhere("managementFeeBps", 200);
        _configureAnywhere("performanceFeeBps", 1000);
        _seed();
        skip(30 days);
        _calmDown();
        _deposit(mallory, 1000);
        VaultStatus memory status = lens.status(vault);
        (uint256 management, uint256 performance) = vault.dueShares();
        assertGt(management, 0);
        assertEq(status.dueManagementShares, management);
        assertEq(status.duePerformanceShares, performance);
        (uint256 benchmark0, uint256 benchmark1, uint256 highWaterMark, uint256 crystallisedAt) = vault.feeMarks();
        assertGt(benchmark0 + benchmark1, 0);
        assertGt(highWaterMark, 0);
        assertEq(status.benchmark0, benchmark0);
        assertEq(status.benchmark1, benchmark1);
        assertEq(status.highWaterMark, highWaterMark);
        assertEq(status.crystallisedAt, crystallisedAt);
    }

    function test_lens_answersWithoutTheOracle() public {
        _seed();
        vm.mockCallRevert(address(oracle), abi.encodeWithSignature("referencePrices()"), "");
        VaultStatus memory status = lens.status(vault);
        assertFalse(status.calm);
        assertFalse(status.refs.calm);
        assertEq(status.refs.midSqrtPriceX96, 0);
        assertGt(status.midNav, 0);
    }

    function test_rebalance_collectsFees() public {
        _seed();
        for (uint256 i; i < 10; ++i) {
            _tradeAround();
        }
        _calmDown();
        (uint256 before0, uint256 before1) = _holdings();
        Position memory position = vault.positions()[0];
        (uint256 owed0, uint256 owed1) = NavLib.owedDown(pool, address(vault), position, _spotTick());
        assertGt(owed0, 0);
        assertGt(owed1, 0);
        RebalanceOrder memory order;
        order.ranges = _around(800, 0.8e18);
        vm.prank(operator);
        RebalanceReport memory report = vault.rebalance(order);
        assertEq(report.fees0, owed0);
        assertEq(report.fees1, owed1);
        (uint256 later0, uint256 later1) = _holdings();
        assertApproxEqAbs(before0, later0, 3);
        assertApproxEqAbs(before1, later1, 3);
    }

    function test_rebalance_onlyTheStrategy() public {
        RebalanceOrder memory order;
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.NotStrategy.selector, address(this)));
        vault.rebalance(order);
    }

    function test_rebalance_revertsWhenNotCalmBefore() public {
        _deposit(alice, _assets(100_000));
        RebalanceOrder memory order = _centredOrder(600, 1e18);
        trader.moveTo(startTick + 400);
        vm.prank(operator);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.rebalance(order);
    }

    function test_rebalance_revertsWhenNotCalmAfter() public {
        _deposit(alice, _assets(30_000_000));
        vm.startPrank(curator);
        vault.configure("maxLossPerMoveBps", 500);
        vault.configure("lossBudgetBps", 1000);
        vm.stopPrank();
        _configureAnywhere("maxPoolShareBps", 10_000);
        RebalanceOrder memory order = _centredOrder(600, 1e18);
        vm.prank(operator);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.rebalance(order);
    }

    function test_rebalance_revertsWhenCooldownActive() public {
        _seed();
        RebalanceOrder memory order = _centredOrder(700, 0.9e18);
        uint256 readyAt = vault.lastMoveAt() + 900;
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.CooldownActive.selector, readyAt));
        vault.rebalance(order);
        vm.warp(readyAt);
        _rebalance(order);
    }

    /// A range that stays is added to or reduced; the vault holds what it would after burning and minting it anew.
    function testFuzz_rebalance_whatStaysEndsAsIfItWereNew(uint64 kept, uint64 other, bool two) public {
        _seed();
        _tradeAround();
        skip(1 hours);
        _calmDown();
        Position memory before = vault.positions()[0];
        RebalanceOrder memory order = _centredOrder(600, uint64(bound(kept, 0.05e18, 0.95e18)));
        (order.ranges[0].lowerTick, order.ranges[0].upperTick) = (before.lowerTick, before.upperTick);
        // With a swap nothing stays.
        order.swap.amountIn = 0;
        if (two) {
            RangeOrder memory inner =
                RangeOrder(before.lowerTick + 100, before.upperTick, uint64(bound(other, 0, 0.04e18)) + 0.01e18);
            RangeOrder memory stays = order.ranges[0];
            order.ranges = new RangeOrder[](2);
            (order.ranges[0], order.ranges[1]) = (stays, inner);
        }
        uint256 snapshot = vm.snapshotState();
        vm.expectCall(address(pool), abi.encodeCall(IUniswapV3Pool.burn, (before.lowerTick, before.upperTick, 0)), 1);
        _rebalance(order);
        Position[] memory inPlace = vault.positions();
        (uint256 idle0, uint256 idle1) = vault.idle();
        (uint256 held0, uint256 held1) = vault.heldMark();
        vm.revertToState(snapshot);

        // All to idle first, then the same ranges, new.
        vm.prank(operator);
        vault.deRisk();
        skip(1 hours);
        _rebalance(order);
        Position[] memory anew = vault.positions();
        assertEq(inPlace.length, anew.length);
        for (uint256 i; i < anew.length; ++i) {
            assertEq(inPlace[i].lowerTick, anew[i].lowerTick);
            assertEq(inPlace[i].upperTick, anew[i].upperTick);
            assertApproxEqRel(inPlace[i].liquidity, anew[i].liquidity, 1e9);
        }
        (uint256 anew0, uint256 anew1) = vault.idle();
        assertApproxEqAbs(idle0, anew0, anew0 / 1e9 + 4);
        assertApproxEqAbs(idle1, anew1, anew1 / 1e9 + 4);
        (uint256 mark0, uint256 mark1) = vault.heldMark();
        assertApproxEqAbs(held0, mark0, 4);
        assertApproxEqAbs(held1, mark1, 4);
    }

    /// The mark is what the vault holds, never more.
    function test_rebalance_marksWhatItHolds() public {
        _seed();
        (uint256 total0, uint256 total1) = _holdings();
        (uint256 held0, uint256 held1) = vault.heldMark();
        assertLe(held0, total0);
        assertLe(held1, total1);
        assertApproxEqAbs(held0, total0, 2);
        assertApproxEqAbs(held1, total1, 2);
    }

    function test_lastCalmPrice_isThatOfTheLastFlow() public {
        (uint160 first, uint64 at) = vault.lastCalmPrice();
        assertGt(first, 0, "known from the start");
        assertLe(at, block.timestamp);
        _seed();
        (uint160 before,) = vault.lastCalmPrice();
        trader.moveTo(startTick + 100);
        _calmDown();
        ReferencePrices memory refs = oracle.referencePrices();
        assertNotEq(refs.midSqrtPriceX96, before);
        _deposit(alice, _assets(1));
        (uint160 later, uint64 laterAt) = vault.lastCalmPrice();
        assertEq(later, refs.midSqrtPriceX96);
        assertEq(laterAt, block.timestamp);
    }

    /// Rule 24: fees are accrued by every flow, and a pause is written in the same place.
    function test_pause_isEndedByNoFlow() public {
        _seed();
        vm.prank(guardian);
        vault.pause(7 days);
        skip(1 days);
        _calmDown();
        _inKind(alice, vault.balanceOf(alice) / 4);
        assertEq(vault.maxDeposit(bob), 0);
        uint256 until = vault.pausedUntil();
        RebalanceOrder memory order = _centredOrder(700, 0.5e18);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.Paused.selector, until));
        vault.rebalance(order);
    }

    function test_rebalance_revertsWhenMovesPerDayReached() public {
        vm.startPrank(curator);
        vault.configure("maxMovesPerDay", 2);
        vault.configure("cooldownSeconds", 0);
        vm.stopPrank();
        _seed();
        _rebalance(_centredOrder(700, 0.9e18));
        RebalanceOrder memory order = _centredOrder(800, 0.9e18);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.MovesPerDayReached.selector, 2));
        vault.rebalance(order);
        vm.warp(((block.timestamp / 1 days) + 1) * 1 days);
        _tradeAround();
        skip(12);
        _rebalance(order);
    }

    function _expectMoveRevert(RebalanceOrder memory order, bytes memory reason) internal {
        vm.prank(operator);
        vm.expectRevert(reason);
        vault.rebalance(order);
    }

    function test_rebalance_revertsOnBadRanges() public {
        _deposit(alice, _assets(100_000));
        RebalanceOrder memory order = _centredOrder(600, 1e18);
        RangeOrder memory good = _around(600, 1e18)[0];
        order.ranges[0].upperTick = good.lowerTick + 190;
        _expectMoveRevert(order, abi.encodeWithSelector(ErrorsLib.WidthBelowMin.selector, 190, 200));
        order.ranges[0].upperTick = good.lowerTick;
        _expectMoveRevert(order, abi.encodeWithSelector(ErrorsLib.RangeInvalid.selector, 0));
        order.ranges[0] = RangeOrder(good.lowerTick, good.upperTick, 1e18 + 1);
        _expectMoveRevert(order, abi.encodeWithSelector(ErrorsLib.WeightsAboveOne.selector, 1e18 + 1));
        order.ranges = new RangeOrder[](2);
        order.ranges[0] = RangeOrder(good.lowerTick, good.upperTick, 0.5e18);
        order.ranges[1] = RangeOrder(good.lowerTick, good.upperTick, 0.4e18);
        _expectMoveRevert(order, abi.encodeWithSelector(ErrorsLib.RangeInvalid.selector, 1));
        order.ranges[1] = RangeOrder(good.lowerTick - 10, good.upperTick, 0.4e18);
        _expectMoveRevert(order, abi.encodeWithSelector(ErrorsLib.RangeInvalid.selector, 1));
        order.ranges[1] = RangeOrder(good.lowerTick, good.upperTick + 10, 0);
        _expectMoveRevert(
            order, abi.encodeWithSelector(ErrorsLib.ZeroLiquidity.selector, good.lowerTick, good.upperTick + 10)
        );
        order.ranges = new RangeOrder[](9);
        _expectMoveRevert(order, abi.encodeWithSelector(ErrorsLib.TooManyRanges.selector, 9, 8));
    }

    function test_rebalance_revertsWhenSwapExceedsIdle() public {
        _deposit(alice, _assets(100));
        token0.mint(address(vault), 1e24);
        token1.mint(address(vault), 1e18);
        RebalanceOrder memory order = _centredOrder(600, 1e18);
        order.swap.amountIn = _assets(100) + 1;
        _expectMoveRevert(
            order,
            abi.encodeWithSelector(
                ErrorsLib.IdleInsufficient.selector, address(assetToken), _assets(100) + 1, _assets(100)
            )
        );
    }

    function test_rebalance_revertsWhenLossAboveMoveLimit() public {
        _deposit(alice, _assets(1_000_000));
        vm.prank(curator);
        vault.configure("maxLossPerMoveBps", 1);
        RebalanceOrder memory order = _centredOrder(600, 1e18);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.LossAboveMoveLimit.selector);
        vault.rebalance(order);
    }

    function test_rebalance_lossBudgetRunsOutAndRefills() public {
        vm.startPrank(curator);
        vault.configure("cooldownSeconds", 0);
        vault.configure("lossBudgetBps", 60);
        vm.stopPrank();
        _deposit(alice, _assets(1_000_000));
        RebalanceOrder memory order;
        // To and fro: each way costs the fee and some impact.
        order.swap.zeroForOne = assetIsToken0();
        order.swap.amountIn = _assets(900_000);
        _rebalance(order);
        (uint256 idle0, uint256 idle1) = vault.idle();
        RebalanceOrder memory back;
        back.swap.zeroForOne = !assetIsToken0();
        back.swap.amountIn = assetIsToken0() ? idle1 : idle0;
        bool exhausted;
        for (uint256 i; i < 6 && !exhausted; ++i) {
            vm.prank(operator);
            try vault.rebalance(i % 2 == 0 ? back : order) {
                (idle0, idle1) = vault.idle();
                back.swap.amountIn = assetIsToken0() ? idle1 : idle0;
                order.swap.amountIn = assetIsToken0() ? idle0 : idle1;
            } catch (bytes memory reason) {
                assertEq(bytes4(reason), ErrorsLib.LossBudgetExhausted.selector);
                exhausted = true;
            }
        }
        assertTrue(exhausted, "the budget never ran out");
        skip(1 days);
        _calmDown();
        assertEq(vault.lossBudgetLeftWad(), 0.006e18);
    }

    function test_rebalance_revertsWhenSharePriceBelowMinimum() public {
        _deposit(alice, _assets(100_000));
        RebalanceOrder memory order = _centredOrder(600, 1e18);
        order.minSharePrice = (vault.totalAssets() * 1e18) / vault.totalSupply();
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.SharePriceBelowMin.selector);
        vault.rebalance(order);
        order.minSharePrice = (order.minSharePrice * 99) / 100;
        _rebalance(order);
    }

    function test_rebalance_revertsWhenPoolShareAboveMaximum() public {
        _deposit(alice, _assets(1_000_000));
        vm.prank(curator);
        vault.configure("maxPoolShareBps", 100);
        RebalanceOrder memory order = _centredOrder(200, 1e18);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.PoolShareAboveMax.selector);
        vault.rebalance(order);
        // Liquidity that comes just in time does not lift the cap: the mean does not know it.
        trader.provide(address(trader), startTick - 300, startTick + 300, 1e21);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.PoolShareAboveMax.selector);
        vault.rebalance(order);
    }

    function test_drawdownBreaker_leavesOnlyDeRiskingUntilTheCuratorLifts() public {
        vm.prank(curator);
        vault.configure("drawdownBps", 20);
        _deposit(alice, _assets(1_000_000));
        _rebalance(_centredOrder(100, 1e18));
        trader.moveTo(startTick + 400);
        _calmDown();
        RebalanceOrder memory order = _centredOrder(600, 1e18);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.DrawdownBreakerTripped.selector);
        vault.rebalance(order);
        RebalanceOrder memory none;
        _rebalance(none);
        assertEq(vault.positions().length, 0);
        assertTrue(vault.rebalanceHeld());
        skip(900);
        _expectMoveRevert(order, abi.encodeWithSelector(ErrorsLib.RebalanceHeld.selector));
        vm.prank(curator);
        vault.liftHold();
        order = _centredOrder(600, 1e18);
        _rebalance(order);
    }

    /* DE-RISK (S2) */

    function test_deRisk_isNeverBlocked() public {
        _seed();
        vm.prank(guardian);
        vault.pause(1 days);
        trader.moveTo(startTick + 2000);
        vm.mockCallRevert(address(oracle), abi.encodeCall(IPriceOracle.referencePrices, ()), "dead");
        uint256 left = vault.lossBudgetLeftWad();
        // Within the cooldown of the move in _seed.
        RebalanceOrder memory none;
        _rebalance(none);
        assertEq(vault.positions().length, 0);
        assertEq(vault.lossBudgetLeftWad(), left, "de-risking is not budgeted");
    }

    function test_deRisk_byTheGuardianHoldsMoves() public {
        _seed();
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, mallory));
        vault.deRisk();
        vm.prank(guardian);
        vault.deRisk();
        assertTrue(vault.rebalanceHeld());
        assertEq(vault.positions().length, 0);
        skip(900);
        RebalanceOrder memory order = _centredOrder(600, 0.5e18);
        _expectMoveRevert(order, abi.encodeWithSelector(ErrorsLib.RebalanceHeld.selector));
        vm.prank(operator);
        vault.deRisk();
    }

    function test_deRisk_withOneTokenFrozenKeepsTheOtherOwed() public {
        _seed();
        (uint256 sum0, uint256 sum1) = _holdings();
        token0.setFrozen(address(vault), true);
        vm.prank(guardian);
        vault.deRisk();
        Position[] memory held = vault.positions();
        assertEq(held.length, 1);
        assertEq(held[0].liquidity, 0);
        (uint256 left0, uint256 left1) = _holdings();
        assertApproxEqAbs(left0, sum0, 1);
        assertApproxEqAbs(left1, sum1, 1);
        uint256 shares = vault.balanceOf(alice);
        vm.prank(alice);
        (, uint256 amount1) = vault.redeemInKind(InKindExit(shares, alice, alice, alice, 0, 0, true, false));
        assertGt(amount1, 0);
        token0.setFrozen(address(vault), false);
        vm.prank(guardian);
        vault.deRisk();
        assertEq(vault.positions().length, 0);
        _inKind(bob, vault.balanceOf(bob));
    }

    /* PAUSE AND SETTINGS */

    function test_pause_closesEntryAndMovesForALimitedTime() public {
        _seed();
        vm.startPrank(guardian);
        vm.expectPartialRevert(ErrorsLib.SettingOutOfBounds.selector);
        vault.pause(7 days + 1);
        vault.pause(1 days);
        vm.expectPartialRevert(ErrorsLib.PauseTooSoon.selector);
        vault.pause(1 days);
        vm.stopPrank();
        uint256 until = block.timestamp + 1 days;
        assertEq(vault.maxDeposit(alice), 0);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.Paused.selector, until));
        vault.deposit(1000, alice);
        skip(900);
        _expectMoveRevert(_centredOrder(700, 0.5e18), abi.encodeWithSelector(ErrorsLib.Paused.selector, until));
        vm.prank(alice);
        vault.redeem(1e12, alice, alice);
        vm.warp(until);
        _calmDown();
        _deposit(mallory, 1000);
        vm.startPrank(guardian);
        vm.expectPartialRevert(ErrorsLib.PauseTooSoon.selector);
        vault.pause(1 days);
        skip(1 days);
        vault.pause(1 days);
        vm.stopPrank();
        vm.prank(owner);
        vault.extendPause(7 days);
        vm.prank(curator);
        vault.unpause();
        _calmDown();
        _deposit(mallory, 1000);
        // Not again: the guardian would wait a day for it.
        vm.prank(curator);
        vm.expectRevert(ErrorsLib.NotPaused.selector);
        vault.unpause();
    }

    function test_configure_refusesWhatIsOutOfBounds() public {
        vm.startPrank(curator);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.SettingUnknown.selector, bytes32("colour")));
        vault.configure("colour", 1);
        vm.expectRevert(
            abi.encodeWithSelector(ErrorsLib.SettingOutOfBounds.selector, bytes32("entryMarginBps"), 4, 5, 500)
        );
        vault.configure("entryMarginBps", 4);
        vm.expectRevert(
            abi.encodeWithSelector(ErrorsLib.SettingOutOfBounds.selector, bytes32("managementFeeBps"), 501, 0, 500)
        );
        vault.configure("managementFeeBps", 501);
        vault.configure("managementFeeBps", 500);
        assertEq(vault.limits().managementFeeBps, 500);
    }

    function testFuzz_configure_everyKeyIsBounded(uint256 value) public {
        string[15] memory keys = [
            "depositCap",
            "entryMarginBps",
            "inflowCapBps",
            "inflowWindowSeconds",
            "maxLossPerMoveBps",
            "lossBudgetBps",
            "lossBudgetRefillSeconds",
            "minWidthTicks",
            "maxWidthTicks",
            "cooldownSeconds",
            "maxMovesPerDay",
            "maxPoolShareBps",
            "drawdownBps",
            "managementFeeBps",
            "noticeSeconds"
        ];
        value = bound(value, uint256(type(uint128).max) + 1, type(uint256).max);
        for (uint256 i; i < keys.length; ++i) {
            vm.prank(curator);
            vm.expectPartialRevert(ErrorsLib.SettingOutOfBounds.selector);
            vault.configure(bytes32(bytes(keys[i])), value);
        }
    }

    /* NOTICE OF RAISES */

    /// @dev Every key with a value that raises risk from the defaults, and one that cuts it.
    function _raisesAndCuts()
        private
        pure
        returns (string[14] memory keys, uint256[14] memory up, uint256[14] memory down)
    {
        keys = [
            "inflowCapBps",
            "entryMarginBps",
            "inflowWindowSeconds",
            "maxLossPerMoveBps",
            "lossBudgetBps",
            "lossBudgetRefillSeconds",
            "minWidthTicks",
            "maxWidthTicks",
            "cooldownSeconds",
            "maxMovesPerDay",
            "maxPoolShareBps",
            "drawdownBps",
            "managementFeeBps",
            "noticeSeconds"
        ];
        up = [uint256(600), 9, 500, 101, 301, 12 hours, 199, 1001, 899, 25, 101, 1001, 101, 1 days - 1];
        down = [uint256(400), 11, 700, 99, 299, 2 days, 201, 999, 901, 23, 99, 999, 99, 1 days + 1];
    }

    function _noticed() private {
        vm.startPrank(curator);
        vault.configure("managementFeeBps", 100);
        // Where mispricing cannot pay, so that there is room to raise.
        vault.configure("maxPoolShareBps", 100);
        vault.configure("maxWidthTicks", 1000);
        vault.configure("noticeSeconds", 1 days);
    }

    /// Rule: what raises risk waits for the notice, what cuts it does not.
    function test_configure_everyRaiseWaitsAndEveryCutIsInstant() public {
        _noticed();
        (string[14] memory keys, uint256[14] memory up, uint256[14] memory down) = _raisesAndCuts();
        for (uint256 i; i < keys.length; ++i) {
            bytes32 key = bytes32(bytes(keys[i]));
            bytes32 before = keccak256(abi.encode(vault.limits()));
            vault.configure(key, up[i]);
            assertEq(keccak256(abi.encode(vault.limits())), before, keys[i]);
            uint256 readyAt = block.timestamp + 1 days;
            assertEq(vault.pendingSetting(key).readyAt, readyAt, keys[i]);
            assertEq(vault.pendingSetting(key).value, up[i], keys[i]);
            vm.expectRevert(abi.encodeWithSelector(ErrorsLib.SettingNotReady.selector, key, readyAt));
            vault.configure(key, up[i]);
            uint256 snapshot = vm.snapshotState();
            skip(1 days);
            vault.configure(key, up[i]);
            assertNotEq(keccak256(abi.encode(vault.limits())), before, keys[i]);
            assertEq(vault.pendingSetting(key).readyAt, 0, keys[i]);
            vm.revertToState(snapshot);
            vault.configure(key, down[i]);
            assertNotEq(keccak256(abi.encode(vault.limits())), before, keys[i]);
            assertEq(vault.pendingSetting(key).readyAt, 0, "a cut drops the announcement");
            vm.revertToState(snapshot);
        }
    }

    function test_configure_anotherValueOrALateOneIsAnnouncedAnew() public {
        _noticed();
        vault.configure("lossBudgetBps", 400);
        skip(1 days);
        vault.configure("lossBudgetBps", 500);
        assertEq(vault.limits().lossBudgetBps, 300);
        assertEq(vault.pendingSetting("lossBudgetBps").readyAt, block.timestamp + 1 days);
        skip(8 days + 1);
        vault.configure("lossBudgetBps", 500);
        assertEq(vault.limits().lossBudgetBps, 300, "the announcement lapsed");
        skip(8 days);
        vault.configure("lossBudgetBps", 500);
        assertEq(vault.limits().lossBudgetBps, 500);
    }

    function test_configure_aDepositCapIsRaisedAfterNotice() public {
        vm.prank(curator);
        vault.configure("depositCap", 100);
        _noticed();
        vault.configure("depositCap", 200);
        assertEq(vault.limits().depositCap, 100);
        vault.configure("depositCap", 50);
        assertEq(vault.limits().depositCap, 50);
    }

    function test_cancelSetting_isTheGuardians() public {
        _noticed();
        vault.configure("lossBudgetBps", 400);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, curator));
        vault.cancelSetting("lossBudgetBps");
        vm.stopPrank();
        vm.startPrank(guardian);
        vault.cancelSetting("lossBudgetBps");
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.SettingNotAnnounced.selector, bytes32("lossBudgetBps")));
        vault.cancelSetting("lossBudgetBps");
        vm.stopPrank();
        skip(1 days);
        vm.prank(curator);
        vault.configure("lossBudgetBps", 400);
        assertEq(vault.limits().lossBudgetBps, 300, "announced anew");
    }

    function test_roles_strangersAreRefused() public {
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, mallory);
        vm.startPrank(mallory);
        vm.expectRevert(refusal);
        vault.configure("depositCap", 1);
        vm.expectRevert(refusal);
        vault.setStrategy(mallory);
        vm.expectRevert(refusal);
        vault.setGate(mallory);
        vm.expectRevert(refusal);
        vault.setFeeRecipient(mallory);
        vm.expectRevert(refusal);
        vault.setSkimReceiver(mallory);
        vm.expectRevert(refusal);
        vault.skim(address(token0));
        vm.expectRevert(refusal);
        vault.skimPosition(0, 10);
        vm.expectRevert(refusal);
        vault.pause(1);
        vm.expectRevert(refusal);
        vault.extendPause(1);
        vm.expectRevert(refusal);
        vault.unpause();
        vm.expectRevert(refusal);
        vault.liftHold();
    }

    /* FEES */

    function test_managementFee_dilutesEvenlyAndNotWhilePaused() public {
        vm.prank(curator);
        vault.configure("managementFeeBps", 200);
        _deposit(alice, _assets(1_000_000));
        uint256 supply = vault.totalSupply();
        uint256 price = _midPrice();
        skip(365 days / 4);
        assertEq(vault.effectiveSupply(), supply + supply / 200, "half a percent in a quarter");
        uint256 due = vault.effectiveSupply() - supply;
        vm.prank(guardian);
        vault.pause(7 days);
        assertEq(vault.balanceOf(feeRecipient), due);
        skip(7 days);
        assertEq(vault.effectiveSupply(), supply + due, "no fee for paused time");
        skip(1 days);
        assertGt(vault.effectiveSupply(), supply + due);
        assertLt(_midPrice(), price);
        // Never retroactive: the new rate begins now.
        uint256 effective = vault.effectiveSupply();
        vm.prank(curator);
        vault.configure("managementFeeBps", 500);
        assertEq(vault.effectiveSupply(), effective);
    }

    /* CALLBACKS AND REENTRANCY */

    function test_callbacks_onlyFromThePoolInAnOperation() public {
        _deposit(alice, _assets(1000));
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.NotPool.selector, address(this)));
        vault.uniswapV3MintCallback(1, 1, "");
        vm.startPrank(address(pool));
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.NotPool.selector, address(pool)));
        vault.uniswapV3SwapCallback(1, 0, "");
    }

    function test_reentrancy_hostileTokenCannotReenterNorReadMidOperation() public {
        _seed();
        bytes[4] memory calls = [
            abi.encodeWithSignature("deposit(uint256,address)", 1, mallory),
            abi.encodeCall(vault.totalAssets, ()),
            abi.encodeCall(vault.navStatus, ()),
            abi.encodeWithSignature("previewRedeem(uint256)", 1e12)
        ];
        for (uint256 i; i < calls.length; ++i) {
            assetToken.setHook(address(vault), calls[i]);
            vm.prank(alice);
            vault.redeem(1e12, alice, alice);
            assertTrue(assetToken.hookFailed());
            assertEq(bytes4(assetToken.hookResult()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        }
    }

    /* V9, V10 */

    function testFuzz_transfer_changesNoTotal(uint256 share) public {
        _seed();
        uint256 shares = (vault.balanceOf(alice) * bound(share, 0, 100)) / 100;
        uint256 total = vault.previewRedeem(vault.balanceOf(alice)) + vault.previewRedeem(vault.balanceOf(bob));
        vm.prank(alice);
        vault.transfer(bob, shares);
        uint256 later = vault.previewRedeem(vault.balanceOf(alice)) + vault.previewRedeem(vault.balanceOf(bob));
        assertApproxEqAbs(later, total, 2 * lensRounding());
    }

    /// @dev Two redemptions both pay the burn allowance, one only once.
    function lensRounding() internal view returns (uint256) {
        uint256 count = vault.positions().length;
        return _value(2 * count, 2 * count, startTick - 300) + _value(2 * count, 2 * count, startTick + 300) + 3;
    }
}

contract RangeVaultAssetToken1Test is RangeVaultTests {}

contract RangeVaultAssetToken0Test is RangeVaultTests {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
