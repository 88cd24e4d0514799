// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IPriceOracle, ReferencePrices} from "../../vaults/interfaces/IPriceOracle.sol";
import {Position, RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {LendingAdapter} from "../../vaults/oracles/LendingAdapter.sol";
import {InKindExit} from "../../vaults/RangeVault.sol";
import {MockToken} from "../support/mocks/MockToken.sol";
import {RobberyTest} from "./RobberyTest.sol";

/// @title Twelve robberies of vaults like this one, played again
/// @notice Each test plays what was done to a vault of others, with the pool's real bytecode, and shows that it brings
/// nothing. Where a guard can be taken out of a live vault (its oracle blinded, its limit loosened, its ledger undone)
/// the same test then shows the robbery succeed; the other guards are taken out by name in test/mutants.
abstract contract Robberies is RobberyTest {
    /// Of every external function of the vault.
    bytes4[] private selectors;

    function setUp() public override {
        super.setUp();
        string memory artifact = vm.readFile("out/RangeVault.sol/RangeVault.json");
        string[] memory signatures = vm.parseJsonKeys(artifact, ".methodIdentifiers");
        assertGt(signatures.length, 60);
        for (uint256 i; i < signatures.length; ++i) {
            selectors.push(bytes4(keccak256(bytes(signatures[i]))));
        }
    }

    /* 2021-06 VISOR: ONE KEY COULD WITHDRAW EVERYTHING */

    function test_robbery_visor_oneKeyWithEveryRoleTakesNothing() public {
        _seed();
        for (uint64 role = 1; role <= 3; ++role) {
            manager.grantRole(role, mallory, 0);
        }
        vm.startPrank(mallory);
        vault.setStrategy(mallory);
        vault.setSkimReceiver(mallory);
        vault.setFeeRecipient(mallory);
        Position memory held = vault.positions()[0];
        vm.expectRevert(ErrorsLib.SkimRefused.selector);
        vault.skimPosition(held.lowerTick, held.upperTick);
        vault.deRisk();
        address[3] memory tokens = [address(token0), address(token1), address(vault)];
        for (uint256 i; i < tokens.length; ++i) {
            vm.expectRevert(ErrorsLib.SkimRefused.selector);
            vault.skim(tokens[i]);
        }
        uint256 shares = vault.balanceOf(alice);
        vm.expectRevert();
        vault.redeemInKind(InKindExit(shares, mallory, mallory, alice, 0, 0, false, false));
        vm.expectRevert();
        vault.transferFrom(alice, mallory, shares);
        vault.pause(7 days);
        vm.stopPrank();
        assertEq(token0.balanceOf(mallory) + token1.balanceOf(mallory) + vault.balanceOf(mallory), 0);
        (uint256 sum0, uint256 sum1) = _holdings();
        // The virtual shares keep their part, a millionth of a millionth here.
        uint256 supply = vault.totalSupply();
        (uint256 a0, uint256 a1) = _inKind(alice, shares);
        (uint256 b0, uint256 b1) = _inKind(bob, vault.balanceOf(bob));
        assertApproxEqAbs(a0 + b0, sum0, (sum0 * 1e6) / supply + 3, "not all of token0 left with its owners");
        assertApproxEqAbs(a1 + b1, sum1, (sum1 * 1e6) / supply + 3, "not all of token1 left with its owners");
    }

    /* 2021-08 POPSICLE: A TRANSFER DID NOT MOVE THE CLAIM */

    function _claimTwice(bool claimOutlivesTheTransfer) private returns (int256) {
        _begin();
        uint256 shares = _enter(_assets(100_000));
        uint160 startX96 = _spotX96();
        for (uint256 i; i < 4; ++i) {
            _marketTrades();
            vm.prank(mallory);
            vault.transfer(accomplice, shares);
            vm.startPrank(accomplice);
            uint256 slice = shares / 8;
            vault.redeemInKind(InKindExit(slice, mallory, mallory, accomplice, 0, 0, false, false));
            shares -= slice;
            vault.transfer(mallory, shares);
            vm.stopPrank();
            if (claimOutlivesTheTransfer) {
                // The ledger as it was before he claimed.
                shares += slice;
                deal(address(vault), mallory, shares);
            }
        }
        _leaveInKind();
        assertEq(vault.balanceOf(mallory) + vault.balanceOf(accomplice), 0);
        return _gainAt(startX96);
    }

    function _marketTrades() private {
        uint160 priceX96 = _spotX96();
        market.moveToPrice(uint160((uint256(priceX96) * 10_002) / 10_000));
        market.moveToPrice(priceX96);
    }

    function test_robbery_popsicle_sharesOnTourClaimOnce() public {
        _seed();
        uint256 snapshot = vm.snapshotState();
        // His part of the fees that others pay while he is in is his: they are a tenth of a thousandth here.
        assertLt(_claimTwice(false), int256(_assets(20)));
        vm.revertToState(snapshot);
        assertGt(_claimTwice(true), int256(_assets(10_000)), "without the guard the robbery pays");
    }

    /* 2021-12 VISOR: THE VAULT CALLED A STRANGER, WHO CAME BACK IN */

    function test_robbery_visor_whoIsCalledCannotComeBackIn() public {
        _seed();
        _begin();
        uint256 shares = _enter(_assets(50_000));
        bytes[6] memory calls = [
            abi.encodeWithSignature("deposit(uint256,address)", 1, mallory),
            abi.encodeWithSignature("mint(uint256,address)", 1, mallory),
            abi.encodeWithSignature("withdraw(uint256,address,address)", 1, mallory, address(assetToken)),
            abi.encodeWithSignature("redeem(uint256,address,address)", 1, mallory, address(assetToken)),
            abi.encodeWithSignature("redeem(uint256,address,address,uint256)", 1, mallory, address(assetToken), 0),
            abi.encodeCall(vault.redeemInKind, (InKindExit(1, mallory, mallory, address(0), 0, 0, false, false)))
        ];
        MockToken[2] memory tokens = [token0, token1];
        for (uint256 t; t < 2; ++t) {
            // Who is called has shares of his own, so that nothing but the lock keeps him out.
            vm.prank(mallory);
            vault.transfer(address(tokens[t]), shares / 10);
            for (uint256 i; i < calls.length; ++i) {
                tokens[t].setHook(address(vault), calls[i]);
                vm.prank(mallory);
                vault.redeemInKind(InKindExit(shares / 100, mallory, mallory, mallory, 0, 0, false, false));
                assertTrue(tokens[t].hookFailed(), "a stranger came back in");
                assertEq(bytes4(tokens[t].hookResult()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
            }
        }
        // Shares without payment: the token says that it moved, and nothing came.
        vm.mockCall(address(assetToken), abi.encodeWithSelector(assetToken.transferFrom.selector), abi.encode(true));
        vm.prank(mallory);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AssetReceivedNotSent.selector, _assets(10), 0));
        vault.deposit(_assets(10), mallory);
    }

    /* 2022-04 ICHI: THE VAULT WAS ITS OWN POOL */

    function test_robbery_ichi_theVaultCannotBecomeItsPool() public {
        _deposit(alice, _assets(1_000_000));
        _rebalance(_centredOrder(600, 1e18));
        _thinOut(10);
        trader.withdraw(-887_220, 887_220, 0.95e18);
        _calmDown();
        RebalanceOrder memory order;
        order.ranges = _around(200, 1e18);
        vm.prank(operator);
        vm.expectPartialRevert(ErrorsLib.PoolShareAboveMax.selector);
        vault.rebalance(order);
        // Without the guard it is nearly all of the pool: who sells the other token sells it to the vault alone.
        _configureAnywhere("maxPoolShareBps", 10_000);
        _rebalance(order);
        assertGt(vault.positions()[0].liquidity, (uint256(pool.liquidity()) * 9) / 10);
    }

    /* 2023-02 REVERT, 2025-08 BEEFY ZAP, 2026-01 APERTURE: CALLS FROM OUTSIDE SPENT APPROVALS */

    function _word(uint256 seed) private view returns (uint256) {
        address[8] memory known = [
            alice,
            mallory,
            address(token0),
            address(token1),
            address(vault),
            address(pool),
            accomplice,
            address(uint160(seed >> 8))
        ];
        if (seed % 3 == 0) return uint256(uint160(known[(seed >> 4) % 8]));
        if (seed % 3 == 1) return 32 * ((seed >> 4) % 12);
        return seed >> (8 * ((seed >> 4) % 32));
    }

    /// Every function, with arguments that name the victim, the tokens and anything else.
    /// forge-config: default.fuzz.runs = 12
    /// forge-config: deep.fuzz.runs = 120
    function testFuzz_robbery_approvals_nobodyElseSpendsThem(uint256 seed) public {
        _seed();
        for (uint256 i; i < 2; ++i) {
            MockToken token = i == 0 ? token0 : token1;
            token.mint(alice, 1e24);
            vm.prank(alice);
            token.approve(address(vault), type(uint256).max);
        }
        (uint256 had0, uint256 had1, uint256 hadShares) =
            (token0.balanceOf(alice), token1.balanceOf(alice), vault.balanceOf(alice));
        for (uint256 s; s < selectors.length; ++s) {
            bytes memory data = abi.encodePacked(selectors[s]);
            for (uint256 w; w < 9; ++w) {
                seed = uint256(keccak256(abi.encode(seed, w)));
                data = abi.encodePacked(data, _word(seed));
            }
            vm.prank(mallory);
            (bool succeeded,) = address(vault).call(data);
            succeeded;
        }
        assertGe(token0.balanceOf(alice), had0);
        assertGe(token1.balanceOf(alice), had1);
        assertGe(vault.balanceOf(alice), hadShares);
        assertEq(token0.allowance(address(vault), address(pool)) + token1.allowance(address(vault), address(pool)), 0);
    }

    function test_robbery_approvals_aVictimsSharesNeedHisWord() public {
        _seed();
        vm.prank(alice);
        assetToken.approve(address(vault), type(uint256).max);
        assetToken.mint(alice, _assets(1000));
        vm.startPrank(mallory);
        vm.expectRevert();
        vault.redeem(1e12, mallory, alice);
        vm.expectRevert();
        vault.withdraw(1, mallory, alice);
        vm.expectRevert();
        vault.redeem(1e12, mallory, alice, 0);
        vm.expectRevert();
        vault.redeemInKind(InKindExit(1e12, mallory, mallory, alice, 0, 0, false, false));
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.NotPool.selector, mallory));
        vault.uniswapV3MintCallback(1, 1, abi.encode(alice));
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.NotPool.selector, mallory));
        vault.uniswapV3SwapCallback(1, 1, abi.encode(alice));
        vm.expectRevert();
        vault.deposit(1, mallory);
        vm.stopPrank();
        // Without the guard, that is with the victim's word, it is that easy.
        vm.prank(alice);
        vault.approve(mallory, 1e12);
        vm.prank(mallory);
        assertGt(vault.redeem(1e12, mallory, alice), 0);
    }

    /* 2023-06 ARRAKIS (AUDIT): DEVIATION ASKED BEFORE THE SWAP ONLY, NO LIMIT PER TIME */

    /// @dev A hostile operator swaps to and fro while the robber leans against him; loss as a fraction of a share.
    function _bleed(uint256 tries) private returns (uint256 lostWad) {
        uint160 startX96 = _spotX96();
        uint256 before = _perShareAt(startX96);
        for (uint256 i; i < tries; ++i) {
            // In front of him, as far as the band lets the vault be calm.
            bool sell0 = i % 2 == (assetIsToken0() ? 0 : 1);
            trader.moveTo(startTick + (sell0 ? int24(-200) : int24(200)));
            (uint256 idle0, uint256 idle1) = vault.idle();
            // As much as the vault lets him.
            for (uint256 part = 16; part > 0; --part) {
                RebalanceOrder memory order;
                order.swap.zeroForOne = sell0;
                order.swap.amountIn = ((sell0 ? idle0 : idle1) * part) / 16;
                if (order.swap.amountIn == 0) break;
                vm.prank(operator);
                try vault.rebalance(order) {
                    break;
                } catch {}
            }
            trader.moveToPrice(startX96);
            skip(3600);
            _tradeAround();
        }
        uint256 later = _perShareAt(startX96);
        return later >= before ? 0 : ((before - later) * 1e18) / before;
    }

    function test_robbery_arrakis_theHostileOperatorTakesAtMostTheBudget() public {
        _deposit(alice, _assets(1_000_000));
        // With the reward of a sandwich in each hour of a day.
        vm.startPrank(curator);
        vault.configure("maxLossPerMoveBps", 500);
        vault.configure("cooldownSeconds", 0);
        vm.stopPrank();
        uint256 snapshot = vm.snapshotState();
        uint256 lostWad = _bleed(12);
        assertGt(lostWad, 0, "the operator did not even try");
        // Capacity 3 % and half of it again in half a day.
        assertLe(lostWad, 0.045e18);
        vm.revertToState(snapshot);
        vm.startPrank(curator);
        vault.configure("lossBudgetBps", 1000);
        vault.configure("lossBudgetRefillSeconds", 1 hours);
        vm.stopPrank();
        assertGt(_bleed(12), 0.045e18, "with the guard loosened the robbery pays");
    }

    function test_robbery_arrakis_aMoveThatLeavesTheBandIsUndone() public {
        _deposit(alice, _assets(1_000_000));
        _thinOut(20);
        vm.startPrank(curator);
        vault.configure("maxLossPerMoveBps", 500);
        vault.configure("lossBudgetBps", 1000);
        vm.stopPrank();
        RebalanceOrder memory order;
        order.swap.zeroForOne = assetIsToken0();
        order.swap.sqrtPriceLimitX96 = TickMath.getSqrtPriceAtTick(startTick + _cheaper(-400));
        order.swap.amountIn = _assets(1_000_000);
        vm.prank(operator);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        vault.rebalance(order);
        // Without a band around what was seen before, the swap stands.
        vm.mockCall(address(oracle), abi.encodeCall(IPriceOracle.bandTicks, ()), abi.encode(uint24(10_000)));
        _rebalance(order);
        assertApproxEqAbs(_spotTick(), startTick + _cheaper(-400), 1);
    }

    /* 2024-01 GAMMA: THRESHOLDS OF 50 TO 200 %, NO CHECK WHEN SINGLE-SIDED */

    function test_robbery_gamma_aSingleSidedVaultCannotBeBoughtCheap() public {
        _deposit(alice, _assets(1_000_000));
        _rebalance(_singleSided(600));
        _thinOut(100);
        _calmDown();
        int24[4] memory sizes = [int24(50), 150, 290, 1000];
        for (uint256 i; i < sizes.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            (int256 gain, bool entered) = _sandwich(_cheaper(sizes[i]), _assets(1_000_000));
            assertEq(entered, sizes[i] < 300, "closed outside of the band, open inside");
            assertLe(gain, 0, "inside the band the round trip costs more than it brings");
            vm.revertToState(snapshot);
        }
        _seeOnlySpot();
        (int256 robbed, bool inside) = _sandwich(_cheaper(1000), _assets(1_000_000));
        assertTrue(inside);
        assertGt(robbed, 100e4, "without the guard the robbery pays, a percent and more");
    }

    /* 2024-05 BEEFY (AUDIT): A REWARD COUNTED TWICE, A MEAN ROUNDED THE WRONG WAY */

    function test_robbery_beefy_aRewardInAPoolTokenCountsOnce() public {
        _seed();
        uint256 shares = vault.balanceOf(alice);
        uint256 snapshot = vm.snapshotState();
        (uint256 plain0, uint256 plain1) = _inKind(alice, shares);
        vm.revertToState(snapshot);
        uint256 before = _midPrice();
        // The reward comes in the other token, which is the pool's too.
        otherToken.mint(address(vault), 1e18);
        assertEq(_midPrice(), before, "a reward moved the price");
        (uint256 got0, uint256 got1) = _inKind(alice, shares);
        assertEq(got0, plain0);
        assertEq(got1, plain1);
        vm.prank(owner);
        vault.skim(address(otherToken));
        assertEq(otherToken.balanceOf(skimReceiver), 1e18);
        vm.prank(owner);
        vm.expectRevert(ErrorsLib.SkimRefused.selector);
        vault.skim(address(otherToken));
        _inKind(bob, vault.balanceOf(bob));
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: deep.fuzz.runs = 640
    function testFuzz_robbery_beefy_theMeanOfNegativeTicksRoundsDown(uint256 at) public {
        uint160 startX96 = _spotX96();
        trader.moveTo(_spotTick() + 7);
        skip(bound(at, 1, WINDOW_SECONDS - 1));
        trader.moveToPrice(startX96);
        trader.moveTo(_spotTick() + 20);
        skip(12);
        uint32[] memory ago = new uint32[](2);
        ago[0] = WINDOW_SECONDS;
        (int56[] memory cumulative,) = pool.observe(ago);
        int256 sum = cumulative[1] - cumulative[0];
        assertLt(sum, 0);
        // Floor division written the other way round.
        int256 floorTick = -((-sum + int256(uint256(WINDOW_SECONDS)) - 1) / int256(uint256(WINDOW_SECONDS)));
        assertLt(floorTick, _spotTick());
        ReferencePrices memory refs = oracle.referencePrices();
        assertEq(refs.lowSqrtPriceX96, TickMath.getSqrtPriceAtTick(int24(floorTick)));
    }

    /* 2025-01 ORANGE: ONE KEY ON A WEB HOST, AND AN INSTANT UPGRADE */

    bytes32 private constant IMPLEMENTATION_SLOT = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
    bytes32 private constant BEACON_SLOT = bytes32(uint256(keccak256("eip1967.proxy.beacon")) - 1);

    function test_robbery_orange_thereIsNoUpgradeAndTheWorkersKeyIsPowerless() public {
        _seed();
        assertEq(vm.load(address(vault), IMPLEMENTATION_SLOT), 0);
        assertEq(vm.load(address(vault), BEACON_SLOT), 0);
        bytes32 code = address(vault).codehash;
        (uint256 sum0, uint256 sum1) = _holdings();
        for (uint256 s; s < selectors.length; ++s) {
            bytes memory data = abi.encodePacked(selectors[s]);
            for (uint256 w; w < 8; ++w) {
                data = abi.encodePacked(data, uint256(uint160(operator)));
            }
            // The stolen key is the strategy itself.
            vm.prank(operator);
            (bool succeeded,) = address(vault).call(data);
            succeeded;
        }
        assertEq(address(vault).codehash, code);
        assertEq(vault.strategy(), operator);
        assertEq(token0.balanceOf(operator) + token1.balanceOf(operator) + vault.balanceOf(operator), 0);
        (uint256 left0, uint256 left1) = _holdings();
        assertApproxEqAbs(left0, sum0, 2);
        assertApproxEqAbs(left1, sum1, 2);
    }

    /* 2025-09 BUNNI: ROUNDING THAT WAS SAFE ONCE, AND NOT 44 TIMES */

    /// forge-config: default.fuzz.runs = 24
    /// forge-config: deep.fuzz.runs = 240
    function testFuzz_robbery_bunni_dustWithdrawalsNeverAddUp(uint256 seed) public {
        _seed();
        // All idle asset out, so that every further withdrawal burns.
        (uint256 idle0, uint256 idle1) = vault.idle();
        vm.startPrank(alice);
        vault.withdraw(assetIsToken0() ? idle0 : idle1, alice, alice);
        uint160 startX96 = _spotX96();
        uint256 price = _perShareAt(startX96);
        for (uint256 i; i < 44; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 dust = 1 + (seed >> 8) % 30;
            if (seed % 3 == 0) vault.redeem(dust * 1e6, alice, alice);
            else if (seed % 3 == 1) vault.withdraw(dust, alice, alice);
            else vault.withdraw(dust, alice, alice, type(uint256).max);
        }
        vm.stopPrank();
        assertGe(_perShareAt(startX96), price, "44 roundings took what one does not");
    }

    /* 2026-06 "VAULT4626": ONE LEG COUNTED AT SPOT, PAID RAW, WITH A DONATION BETWEEN */

    function _flashDepositDonateRedeem(int24 displacement) private returns (int256) {
        uint160 startX96 = _spotX96();
        (, uint256 nav,,,) = vault.navStatus();
        _begin();
        trader.moveTo(_spotTick() + displacement);
        _enter(_assets(1_000_000));
        Position memory held = vault.positions()[0];
        _fund(_assets(5));
        vm.prank(mallory);
        assetToken.transfer(address(vault), _assets(5));
        trader.provide(address(vault), held.lowerTick, held.upperTick, 1e12);
        trader.moveToPrice(startX96);
        uint256 most = vault.maxRedeem(mallory);
        vm.startPrank(mallory);
        if (most > 0) vault.redeem(most, mallory, mallory);
        vm.stopPrank();
        _leaveInKind();
        return (_gainAt(startX96) * 1e8) / int256(nav);
    }

    function test_robbery_vault4626_flashDepositDonationRedeem() public {
        _deposit(alice, _assets(1_000_000));
        _rebalance(_singleSided(600));
        _thinOut(100);
        _calmDown();
        int24[4] memory moves = [int24(0), 150, 290, -290];
        for (uint256 i; i < moves.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            assertLe(_flashDepositDonateRedeem(_cheaper(moves[i])), 0);
            vm.revertToState(snapshot);
        }
        _seeOnlySpot();
        assertGt(_flashDepositDonateRedeem(_cheaper(600)), 100e4, "without the guard the robbery pays");
    }

    /* 2026-08 G-UNI, FLOAT: THE MEAN GUARDED MOVES, NOT MINT AND BURN */

    function _everyPricedWay() private view returns (bytes[6] memory) {
        return [
            abi.encodeWithSignature("deposit(uint256,address)", _assets(10), mallory),
            abi.encodeWithSignature("mint(uint256,address)", 1e12, mallory),
            abi.encodeWithSignature("withdraw(uint256,address,address)", _assets(1), mallory, mallory),
            abi.encodeWithSignature("redeem(uint256,address,address)", 1e12, mallory, mallory),
            abi.encodeWithSignature(
                "withdraw(uint256,address,address,uint256)", _assets(1), mallory, mallory, type(uint256).max
            ),
            abi.encodeWithSignature("redeem(uint256,address,address,uint256)", 1e12, mallory, mallory, 0)
        ];
    }

    function test_robbery_gUni_everyPricedWayInAndOutIsGuarded() public {
        _seed();
        _begin();
        _enter(_assets(100));
        _fund(_assets(1000));
        vm.prank(mallory);
        assetToken.approve(address(vault), type(uint256).max);
        bytes[6] memory ways = _everyPricedWay();
        for (uint256 unguarded; unguarded < 2; ++unguarded) {
            if (unguarded == 1) _seeOnlySpot();
            for (uint256 i; i < ways.length; ++i) {
                uint256 snapshot = vm.snapshotState();
                trader.moveTo(_spotTick() + _cheaper(600));
                vm.prank(mallory);
                (bool succeeded, bytes memory reason) = address(vault).call(ways[i]);
                if (unguarded == 1) assertTrue(succeeded, "without the guard every way is open");
                else assertEq(bytes4(reason), ErrorsLib.NotCalm.selector);
                vm.revertToState(snapshot);
            }
        }
    }

    function test_robbery_gUni_noLendersPriceWhilePushed() public {
        _seed();
        _calmDown();
        LendingAdapter adapter = new LendingAdapter(vault);
        uint256 fair = adapter.price();
        uint256 snapshot = vm.snapshotState();
        int24 base = _spotTick();
        for (int24 away = -290; away <= 290; away += 58) {
            trader.moveTo(base + away);
            // What the push itself pays in fees is the vault's: its share of 5 bp on a quarter of the range.
            assertLe(adapter.price(), (fair * 10_002) / 10_000, "a push raised the collateral");
            vm.revertToState(snapshot);
        }
        trader.moveTo(base + 400);
        vm.expectRevert(ErrorsLib.NotCalm.selector);
        adapter.price();
    }
}

contract RobberiesAssetToken1Test is Robberies {}

contract RobberiesAssetToken0Test is Robberies {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
