// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {IPriceOracle} from "../../vaults/interfaces/IPriceOracle.sol";
import {Position, RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {InKindExit} from "../../vaults/RangeVault.sol";
import {Market, MarketTest} from "../support/MarketTest.sol";
import {HostileToken, Mood} from "../support/mocks/HostileToken.sol";
import {MockToken} from "../support/mocks/MockToken.sol";

/// @notice V3, V6, V8 and S2 where nothing holds still: tokens that freeze, lie, burn gas, take fees and call back; an
/// oracle that dies; pauses and holds; a strategy that orders anything. The tokens own shares, so what they call is theirs
/// to call.
contract HostileInvariantTest is MarketTest {
    /// Enough for any exit; a token that burns all it is given must not burn the campaign's.
    uint256 private constant EXIT_GAS = 5e6;

    bool private built;
    bool private side;
    bool private oracleIsDead;
    /// A fee was taken on its transfers: the vault's books of it are higher than its balance.
    bool[2] private tainted;
    /// It will call the vault, or what reads it, in its next transfer.
    bool[2] private armed;

    /// How often each thing happened: a campaign that does nothing proves nothing.
    uint256 public exitsWithALegStuck;
    uint256 public exitsPaused;
    uint256 public exitsWithoutAPrice;
    uint256 public exitsByPrice;
    uint256 public exitsByPriceWithTheOtherStuck;
    uint256 public entries;
    uint256 public callbacksRefused;
    uint256 public deRisks;
    uint256 public deRisksPaused;
    uint256 public deRisksWithALegStuck;
    uint256 public moves;

    function setUp() public override {
        super.setUp();
        targetContract(address(this));
        bytes4[] memory selectors = new bytes4[](12);
        selectors[0] = this.enter.selector;
        selectors[1] = this.leaveInKind.selector;
        selectors[2] = this.leaveByPrice.selector;
        selectors[3] = this.pass.selector;
        selectors[4] = this.spoil.selector;
        selectors[5] = this.heal.selector;
        selectors[6] = this.arm.selector;
        selectors[7] = this.trade.selector;
        selectors[8] = this.give.selector;
        selectors[9] = this.order.selector;
        selectors[10] = this.govern.selector;
        selectors[11] = this.wait.selector;
        targetSelector(FuzzSelector(address(this), selectors));
    }

    function assetIsToken0() internal view override returns (bool) {
        return side;
    }

    function _newToken(bool, uint8 decimals) internal override returns (MockToken) {
        return new HostileToken(decimals, Mood.Plain);
    }

    modifier inWorld(uint256 seed) {
        if (!built) {
            built = true;
            side = uint256(keccak256(abi.encode(seed))) & 1 == 0;
            _build();
        }
        _;
    }

    function _build() private {
        _deployMarket(Market(18, 6, 500, _tickOf(1600e6, 1e18), 1e14));
        Limits memory limits = _marketLimits();
        limits.cooldownSeconds = 0;
        limits.maxMovesPerDay = 1440;
        limits.maxPoolShareBps = 10_000;
        limits.drawdownBps = 5000;
        limits.managementFeeBps = 100;
        _deployVault(limits);
        _enterAs(alice, stake);
        _enterAs(bob, stake / 2);
        uint256 part = vault.balanceOf(alice) / 20;
        vm.startPrank(alice);
        vault.transfer(address(token0), part);
        vault.transfer(address(token1), part);
        vm.stopPrank();
        _rebalance(_centredOrder(halfWidth, 0.8e18));
        _calmDown();
    }

    /* STATES */

    function _token(uint256 which) private view returns (HostileToken) {
        return HostileToken(address(which == 0 ? token0 : token1));
    }

    function _assetSide() private view returns (uint256) {
        return side ? 0 : 1;
    }

    /// @dev Whether tokens of this side do not move to the vault and out of it, or not whole.
    function _still(uint256 which) private view returns (bool) {
        HostileToken token = _token(which);
        Mood mood = token.mood();
        return mood == Mood.False || mood == Mood.Reverting || mood == Mood.Burning || token.frozen(address(vault))
            || tainted[which];
    }

    function _stuck(uint256 which) private view returns (bool) {
        return _still(which) || _token(which).frozen(address(pool));
    }

    function _burns() private view returns (bool) {
        return _token(0).mood() == Mood.Burning || _token(1).mood() == Mood.Burning;
    }

    function _anythingOdd() private view returns (bool) {
        return _stuck(0) || _stuck(1);
    }

    /// @dev The fuzzer likes extremes; acts take their choices from all of its bits.
    function _mixed(uint256 seed) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed)));
    }

    function _who(uint256 seed) private view returns (address) {
        return seed & 1 == 0 ? alice : bob;
    }

    /* MEASURES */

    /// @dev Around every act of an outsider: at one price, a share is worth no less after it (V2, V8). Both measures floor.
    modifier neverTakes(string memory what) {
        uint160 priceX96 = _spotX96();
        uint256 before = _perShareAt(priceX96);
        uint256 slack = _slack(priceX96);
        _;
        uint256 later = _perShareAt(priceX96);
        uint256 slackLater = _slack(priceX96);
        assertGe(later + (slack > slackLater ? slack : slackLater), before, what);
        _hearCallbacks(true);
    }

    function _slack(uint160 priceX96) private view returns (uint256) {
        uint256 count = vault.positions().length + 1;
        uint256 units = NavLib.toAssetDown(count * 1e5, count * 4, priceX96, side) + 2;
        return (units * 1e18) / (vault.effectiveSupply() + 1e6) + 2;
    }

    /// @dev V6: what a token called in the middle of an operation of the vault was refused by name.
    function _hearCallbacks(bool inVault) private {
        for (uint256 which; which < 2; ++which) {
            HostileToken token = _token(which);
            if (!armed[which] || token.called() == 0) continue;
            armed[which] = false;
            if (!inVault) continue;
            assertFalse(token.callSucceeded(), "V6: it got in");
            bytes4 reason = bytes4(token.answer());
            assertTrue(
                reason == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector
                    || reason == IAccessManaged.AccessManagedUnauthorized.selector
                    || reason == ErrorsLib.NotPool.selector,
                string.concat("V6: refused, but not by its name: ", vm.toString(token.answer()))
            );
            ++callbacksRefused;
        }
    }

    function _assertNamed(bytes memory refusal) private pure {
        assertTrue(
            refusal.length >= 4 && bytes4(refusal) != 0x4e487b71 && bytes4(refusal) != 0x08c379a0,
            "the refusal has no name"
        );
    }

    /* HOLDERS */

    function enter(uint256 seed) external inWorld(seed) neverTakes("enter") {
        seed = _mixed(seed);
        address who = _who(seed);
        uint256 most = vault.maxDeposit(who);
        if (most < stake / 1e6) return;
        uint256 assets = bound(seed >> 8, stake / 1e6, most > stake ? stake : most);
        uint256 shares = vault.previewDeposit(assets);
        if (shares == 0) return;
        HostileToken asset = _token(_assetSide());
        bool moves_ = !_still(_assetSide()) && !asset.frozen(who);
        if (!asset.frozen(who)) asset.mint(who, assets);
        vm.startPrank(who);
        asset.approve(address(vault), assets);
        uint256 before = vault.balanceOf(who);
        if (moves_) {
            vault.deposit(assets, who);
            assertEq(vault.balanceOf(who) - before, shares, "V7");
            ++entries;
        } else {
            try vault.deposit{gas: EXIT_GAS}(assets, who) {
                assertTrue(tainted[_assetSide()], "V8: paid with nothing");
            } catch {}
            asset.approve(address(vault), 0);
        }
        vm.stopPrank();
    }

    /// V3: whatever is broken, who waives the leg that is stuck leaves with the other.
    function leaveInKind(uint256 seed) external inWorld(seed) neverTakes("leave in kind") {
        seed = _mixed(seed);
        address who = _who(seed);
        uint256 balance = vault.balanceOf(who);
        if (balance == 0) return;
        uint256 shares = seed & 0x7e == 0 ? balance : bound(seed >> 16, 1, balance / 4 + 1);
        bool waive0 = _stuck(0) || seed & 0x700 == 0x100;
        bool waive1 = _stuck(1) || seed & 0x700 == 0x200;
        bool burns = _burns();
        vm.prank(who);
        // Carol is on nobody's list.
        vault.redeemInKind{gas: burns ? EXIT_GAS : gasleft()}(
            InKindExit(shares, carol, carol, who, 0, 0, waive0, waive1)
        );
        if (_anythingOdd()) ++exitsWithALegStuck;
        if (block.timestamp < vault.pausedUntil()) ++exitsPaused;
        if (oracleIsDead) ++exitsWithoutAPrice;
    }

    function leaveByPrice(uint256 seed) external inWorld(seed) neverTakes("leave by price") {
        seed = _mixed(seed);
        address who = _who(seed);
        uint256 most = vault.maxRedeem(who);
        if (most == 0) return;
        uint256 shares = bound(seed >> 8, 1, most / 4 + 1);
        vm.startPrank(who);
        uint256 assets = vault.previewRedeem(shares);
        if (_stuck(_assetSide()) || _burns()) {
            // Who cannot wait leaves in kind.
            try vault.redeem{gas: EXIT_GAS}(shares, carol, who) returns (uint256 paid) {
                assertEq(paid, assets, "V7");
            } catch {}
        } else {
            assertEq(vault.redeem(shares, carol, who), assets, "V7");
            ++exitsByPrice;
            if (_anythingOdd()) ++exitsByPriceWithTheOtherStuck;
        }
        vm.stopPrank();
    }

    function pass(uint256 seed) external inWorld(seed) {
        seed = _mixed(seed);
        address from = _who(seed);
        uint256 total = vault.totalAssets();
        uint256 supply = vault.totalSupply();
        uint256 amount = bound(seed >> 8, 0, vault.balanceOf(from));
        vm.prank(from);
        vault.transfer(_who(seed ^ 1), amount);
        assertEq(vault.totalAssets(), total, "V9");
        assertEq(vault.totalSupply(), supply, "V9");
    }

    /* THE TOKENS */

    function spoil(uint256 seed) external inWorld(seed) {
        seed = _mixed(seed);
        uint256 which = (seed >> 8) % 2;
        HostileToken token = _token(which);
        uint256 kind = seed % 9;
        if (kind < 4) token.setMood([Mood.Silent, Mood.False, Mood.Reverting, Mood.Burning][kind]);
        else if (kind == 4) token.setFrozen(address(vault), true);
        else if (kind == 5) token.setFrozen(address(pool), true);
        else if (kind < 8) token.setFrozen(_who(seed >> 16), true);
        // It leaves its trace for the rest of the run.
        else if ((seed >> 16) % 8 == 0) (tainted[which], armed[which]) = (true, false);
        if (kind < 4) armed[which] = false;
        if (tainted[which]) token.setTransferFee(1 + (seed >> 24) % 500);
    }

    function heal(uint256 seed) external inWorld(seed) {
        for (uint256 which; which < 2; ++which) {
            HostileToken token = _token(which);
            if (!armed[which]) token.setMood(Mood.Plain);
            token.setTransferFee(0);
            token.setFrozen(address(vault), false);
            token.setFrozen(address(pool), false);
            token.setFrozen(alice, false);
            token.setFrozen(bob, false);
        }
    }

    /// The token's next transfer calls what reads or moves value, for shares of its own.
    function arm(uint256 seed) external inWorld(seed) {
        seed = _mixed(seed);
        uint256 which = (seed >> 8) % 2;
        HostileToken token = _token(which);
        if (token.mood() != Mood.Plain) return;
        address own = address(token);
        uint256 shares = vault.balanceOf(own) / 3;
        bytes[14] memory calls = [
            abi.encodeWithSignature("deposit(uint256,address)", 1e6, own),
            abi.encodeWithSignature("mint(uint256,address)", 1e6, own),
            abi.encodeWithSignature("redeem(uint256,address,address)", shares, alice, own),
            abi.encodeWithSignature("redeem(uint256,address,address,uint256)", shares, alice, own, 0),
            abi.encodeWithSignature("withdraw(uint256,address,address)", 1e3, alice, own),
            abi.encodeCall(vault.redeemInKind, (InKindExit(shares, alice, alice, own, 0, 0, false, false))),
            abi.encodeCall(vault.depositInKind, (1e12, 1e6, own, 0)),
            abi.encodeCall(vault.totalAssets, ()),
            abi.encodeCall(vault.navStatus, ()),
            abi.encodeCall(vault.previewRedeem, (shares)),
            abi.encodeCall(vault.maxWithdraw, (own)),
            abi.encodeCall(vault.collectFees, ()),
            abi.encodeCall(vault.uniswapV3MintCallback, (1e12, 1e6, "")),
            abi.encodeCall(lens.navStatus, (vault))
        ];
        uint256 chosen = (seed >> 16) % 14;
        token.setCall(chosen == 13 ? address(lens) : address(vault), calls[chosen]);
        armed[which] = true;
    }

    /* THE MARKET */

    function trade(uint256 seed) external inWorld(seed) {
        seed = _mixed(seed);
        if (_burns()) return;
        int24 target = _spotTick() + int24(int256(seed % 400)) - 200;
        if (target > startTick + 3000 || target < startTick - 3000) target = startTick;
        uint160 priceX96 = _spotX96();
        uint256 before = _perShareAt(priceX96);
        try trader.moveTo(target) {} catch {}
        assertGe(_perShareAt(priceX96) + _slack(priceX96), before, "V2 trade");
        _hearCallbacks(false);
    }

    function give(uint256 seed) external inWorld(seed) neverTakes("give") {
        seed = _mixed(seed);
        if (_token(0).frozen(address(vault)) || _token(1).frozen(address(vault))) return;
        token0.mint(address(vault), seed % 1e18);
        token1.mint(address(vault), (seed >> 64) % 1e9);
        Position[] memory held = vault.positions();
        if (held.length == 0 || _token(0).frozen(address(pool)) || _token(1).frozen(address(pool))) return;
        Position memory position = held[(seed >> 128) % held.length];
        trader.provide(address(vault), position.lowerTick, position.upperTick, uint128(1 + (seed >> 136) % 1e15));
    }

    function wait(uint256 seed) external inWorld(seed) {
        seed = _mixed(seed);
        skip(12 + (seed % 3 == 0 ? (seed >> 8) % 3 hours : 0) + (seed % 16 == 1 ? 1 days : 0));
        if (_burns()) return;
        uint160 priceX96 = _spotX96();
        // Home every other time, and there until the mean has come too.
        if (seed & 1 == 0) priceX96 = TickMath.getSqrtPriceAtTick(startTick);
        try trader.moveToPrice(priceX96) {} catch {}
        skip(seed & 1 == 0 ? WINDOW_SECONDS : 12);
        try trader.moveToPrice(uint160((uint256(priceX96) * 100_002) / 100_000)) {} catch {}
        _hearCallbacks(false);
        skip(12);
    }

    /* THOSE WITH A ROLE */

    function order(uint256 seed) external inWorld(seed) {
        seed = _mixed(seed);
        RebalanceOrder memory wanted;
        wanted.ranges = new RangeOrder[](1 + seed % 3);
        int24 lower = _floorTick(_spotTick()) - int24(int256((seed >> 8) % 80)) * poolSpacing;
        uint256 next = seed;
        for (uint256 i; i < wanted.ranges.length; ++i) {
            next = uint256(keccak256(abi.encode(next)));
            int24 width = int24(int256(20 + next % 120)) * poolSpacing;
            wanted.ranges[i] = RangeOrder(lower, lower + width, uint64(0.9e18 / wanted.ranges.length));
            lower += int24(int256(1 + (next >> 32) % 40)) * poolSpacing;
        }
        if (next & (1 << 100) != 0) {
            (uint256 sum0, uint256 sum1) = _holdings();
            wanted.swap.zeroForOne = next & (1 << 101) != 0;
            wanted.swap.amountIn = ((wanted.swap.zeroForOne ? sum0 : sum1) * ((next >> 104) % 60)) / 100;
        }
        bool odd = _anythingOdd();
        uint256 gas_ = _burns() ? EXIT_GAS : gasleft();
        vm.prank(operator);
        try vault.rebalance{gas: gas_}(wanted) {
            ++moves;
        } catch (bytes memory refusal) {
            if (!odd) _assertNamed(refusal);
        }
        _hearCallbacks(true);
    }

    function govern(uint256 seed) external inWorld(seed) {
        seed = _mixed(seed);
        uint256 kind = seed % 7;
        if (kind == 0) {
            vm.prank(guardian);
            try vault.pause(1 days) {}
            catch (bytes memory refusal) {
                _assertNamed(refusal);
            }
        } else if (kind == 1) {
            if ((seed >> 8) % 8 > 0 || block.timestamp >= vault.pausedUntil()) return;
            vm.prank(curator);
            vault.unpause();
        } else if (kind == 2 && (seed >> 8) % 2 == 0) {
            vm.mockCallRevert(address(oracle), abi.encodeCall(IPriceOracle.referencePrices, ()), "dead");
            oracleIsDead = true;
        } else if (kind == 3) {
            vm.clearMockedCalls();
            oracleIsDead = false;
        } else if (kind == 4 && (seed >> 8) % 128 == 0 && !_burns()) {
            if (!vault.woundDown()) {
                vm.prank(owner);
                vault.windDown();
            }
        } else {
            _deRisk(seed >> 8);
        }
        _hearCallbacks(true);
    }

    /// @dev S2: paused, held, without a price, with tokens that do not move: everything comes out of its ranges.
    function _deRisk(uint256 seed) private {
        // Who is given all the gas and burns it leaves none to go on with.
        if (_burns() || vault.positions().length == 0) return;
        RebalanceOrder memory nothing;
        vm.prank(seed & 1 == 0 ? guardian : operator);
        if (seed & 1 == 0) vault.deRisk();
        else vault.rebalance(nothing);
        Position[] memory held = vault.positions();
        for (uint256 i; i < held.length; ++i) {
            assertEq(held[i].liquidity, 0, "S2");
        }
        ++deRisks;
        if (block.timestamp < vault.pausedUntil()) ++deRisksPaused;
        if (_anythingOdd()) ++deRisksWithALegStuck;
        if (!vault.rebalanceHeld()) return;
        vm.prank(curator);
        vault.liftHold();
    }

    /* ALWAYS */

    function invariant_V3_V6_V8_V10_S2_hostileTokensHurtOnlyThemselves() public view {
        if (!built) return;
        (uint256 idle0, uint256 idle1) = vault.idle();
        if (!tainted[0]) assertGe(token0.balanceOf(address(vault)), idle0, "V4");
        if (!tainted[1]) assertGe(token1.balanceOf(address(vault)), idle1, "V4");
        address[4] memory spenders = [address(pool), operator, address(token0), address(token1)];
        for (uint256 i; i < 4; ++i) {
            assertEq(token0.allowance(address(vault), spenders[i]), 0, "V10");
            assertEq(token1.allowance(address(vault), spenders[i]), 0, "V10");
        }
        Position[] memory held = vault.positions();
        assertLe(held.length, 8);
        for (uint256 i; i < held.length; ++i) {
            (uint128 liquidity,,,,) =
                pool.positions(NavLib.positionKey(address(vault), held[i].lowerTick, held[i].upperTick));
            assertGe(liquidity, held[i].liquidity, "more is tracked than there is");
        }
    }

    /// When all is well again everybody leaves, with both legs but for a token that took fees.
    function afterInvariant() public {
        if (!built) return;
        (armed[0], armed[1]) = (false, false);
        this.heal(0);
        vm.clearMockedCalls();
        address[4] memory holders = [alice, bob, address(token0), address(token1)];
        for (uint256 i; i < 4; ++i) {
            uint256 shares = vault.balanceOf(holders[i]);
            if (shares == 0) continue;
            vm.prank(holders[i]);
            vault.redeemInKind(InKindExit(shares, carol, carol, holders[i], 0, 0, tainted[0], tainted[1]));
        }
        assertEq(vault.totalSupply(), vault.balanceOf(feeRecipient));
    }

    /// The campaign is one: what it is about happens.
    function test_campaign_reachesWhatItIsAbout() public {
        uint256 seed = 1;
        for (uint256 i; i < 1000; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 kind = seed % 12;
            uint256 argument = uint256(keccak256(abi.encode(seed, "argument")));
            if (kind == 0) this.enter(argument);
            else if (kind == 1) this.leaveInKind(argument);
            else if (kind == 2) this.leaveByPrice(argument);
            else if (kind == 3) this.pass(argument);
            else if (kind == 4) this.spoil(argument);
            else if (kind == 5) this.heal(argument);
            else if (kind == 6) this.arm(argument);
            else if (kind == 7) this.trade(argument);
            else if (kind == 8) this.give(argument);
            else if (kind == 9) this.order(argument);
            else if (kind == 10) this.govern(argument);
            else this.wait(argument);
        }
        invariant_V3_V6_V8_V10_S2_hostileTokensHurtOnlyThemselves();
        assertGt(entries, 5, "entries");
        assertGt(exitsByPrice, 5, "exits by price");
        assertGt(exitsByPriceWithTheOtherStuck, 0, "exits by price with the other token stuck");
        assertGt(exitsWithALegStuck, 0, "exits with a leg stuck");
        assertGt(exitsPaused, 0, "exits paused");
        assertGt(exitsWithoutAPrice, 0, "exits without a price");
        assertGt(callbacksRefused, 0, "callbacks");
        assertGt(moves, 0, "moves");
        assertGt(deRisks, 0, "de-risks");
        assertGt(deRisksPaused, 0, "de-risks paused");
        assertGt(deRisksWithALegStuck, 0, "de-risks with a leg stuck");
    }
}
