// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {LiquidityAmounts} from "@uniswap/v4-periphery/src/libraries/LiquidityAmounts.sol";
import {ReferencePrices} from "../../vaults/interfaces/IPriceOracle.sol";
import {Position, RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits, VIRTUAL_SHARES} from "../../vaults/libraries/VaultState.sol";
import {OracleParameters} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {BaseTest, IFactory, IPoolInitialize} from "../support/BaseTest.sol";
import {Trader} from "../support/Trader.sol";
import {MockFeed} from "../support/mocks/MockFeed.sol";
import {MockToken} from "../support/mocks/MockToken.sol";
import {Raider} from "./handlers/Raider.sol";

/// @notice What keeps the vault's prices honest.
enum Keeper {
    /// No feed; an arbitrageur brings the pool back before each block ends.
    Arbitrageur,
    /// An honest feed; nobody ever trades against the raider.
    Feed,
    /// A feed that says anything, and the arbitrageur.
    LyingFeed
}

/// @title A pool and a vault drawn at random, and the raider who comes to rob it
/// @notice The first action of a run draws the world from its seed: both asset sides, decimals, fee tier, price,
/// depth of the pool, band, keeper, and every setting within what the setters permit; two depositors and one to three
/// ranges, of which the vault may be almost the whole pool.
///
/// MEASURE. There is a true price. A share is worth, at that price, the tokens that its slice of idle, fees and positions
/// would be if the pool stood there. Trading cannot lower that, for a position is worth least at the pool's own price.
abstract contract World is BaseTest {
    address private v3Factory;
    uint256 private entropy;
    bool private side;
    uint24 private band;

    bool internal built;
    Keeper internal keeper;
    MockFeed internal feed;
    Raider internal raider;
    /// What an ether is really worth.
    uint160 internal trueX96;
    /// Asset units with which the vault starts.
    uint256 internal wealth;

    /// What the raider's shares gained by what others paid, and what rounding may have given him; asset units.
    uint256 internal credit;
    uint256 internal dust;

    /// How often things happened: a campaign that does nothing proves nothing.
    uint256 internal entries;
    uint256 internal leaves;

    function setUp() public virtual override {
        vm.warp(1_700_000_000);
        v3Factory =
            deployCode("node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");
        IFactory(v3Factory).enableFeeAmount(100, 1);
        targetContract(address(this));
    }

    modifier inWorld(uint256 seed) {
        if (!built) _build(seed);
        _;
    }

    function assetIsToken0() internal view override returns (bool) {
        return side;
    }

    /* THE WORLD */

    function _draw(uint256 below) internal returns (uint256) {
        entropy = uint256(keccak256(abi.encode(entropy)));
        return entropy % below;
    }

    function _build(uint256 seed) private {
        built = true;
        entropy = seed;
        keeper = _drawKeeper();
        _drawPool();
        _deployVault(_drawLimits());
        vm.label(address(vault), "vault");
        _depositAssets(alice, (wealth * 7) / 10);
        _depositAssets(bob, (wealth * 3) / 10);
        _place();
        trader.moveToPrice(trueX96);
        if (_draw(2) == 0) {
            // Most of the pool is the vault now, so that moving the price costs the raider little.
            (int24 lower, int24 upper) = (startTick - 6000, startTick + 6000);
            (uint128 liquidity,,,,) = pool.positions(NavLib.positionKey(address(trader), lower, upper));
            trader.withdraw(lower, upper, (liquidity / 1e4) * 9999);
        }
        skip(WINDOW_SECONDS + 60);
        _tradeAround();
        skip(12);
        _answer();
        raider = new Raider(vault);
    }

    function _drawKeeper() internal virtual returns (Keeper) {
        return Keeper(_draw(3));
    }

    function _drawPool() private {
        uint8[2][8] memory decimals = [[18, 6], [6, 18], [18, 18], [8, 18], [24, 6], [18, 0], [0, 18], [8, 24]];
        uint8[2] memory pair = decimals[_draw(8)];
        // A token without decimals can only be the other one.
        side = pair[1] == 0 || (pair[0] != 0 && _draw(2) == 0);
        token0 = new MockToken("Zero", pair[0]);
        token1 = new MockToken("One", pair[1]);
        while (address(token0) > address(token1)) token1 = new MockToken("One", pair[1]);
        (assetToken, otherToken) = side ? (token0, token1) : (token1, token0);
        uint256 tier = _draw(4);
        poolFeePips = [uint24(100), 500, 3000, 10_000][tier];
        poolSpacing = [int24(1), 10, 60, 200][tier];
        band = [uint24(50), 100, 300, 1000][_draw(4)];
        // One whole token is worth 1, 1,600 or 1/1,600 of the other; ten times is 23,027 ticks.
        int24 human = pair[0] == 0 || pair[1] == 0 ? int24(0) : [int24(0), 73_781, -73_781][_draw(3)];
        startTick = _floorTick((int24(uint24(pair[1])) - int24(uint24(pair[0]))) * 23_027 + human);
        trueX96 = TickMath.getSqrtPriceAtTick(startTick);
        trueX96 += uint160((uint256(TickMath.getSqrtPriceAtTick(startTick + 1) - trueX96) * _draw(100)) / 100);
        wealth = 1e6 * 10 ** assetToken.decimals();

        pool = IUniswapV3Pool(IFactory(v3Factory).createPool(address(token0), address(token1), poolFeePips));
        IPoolInitialize(address(pool)).initialize(trueX96);
        trader = new Trader(pool);
        uint256 depth = [wealth / 3, wealth * 3, wealth * 30][_draw(3)];
        uint128 liquidity = LiquidityAmounts.getLiquidityForAmounts(
            trueX96,
            TickMath.getSqrtPriceAtTick(startTick - 6000),
            TickMath.getSqrtPriceAtTick(startTick + 6000),
            side ? depth : NavLib.quote1Down(depth, trueX96),
            side ? NavLib.quote0Down(depth, trueX96) : depth
        );
        int24 full = (887_220 / poolSpacing) * poolSpacing;
        trader.provide(address(trader), -full, full, liquidity / 10);
        trader.provide(address(trader), startTick - 6000, startTick + 6000, liquidity);
        pool.increaseObservationCardinalityNext(200);
        skip(60);
        _tradeAround();
        skip(WINDOW_SECONDS * 2);
        _tradeAround();
        skip(12);
        if (keeper != Keeper.Arbitrageur) feed = new MockFeed(18, _trueAnswer());
    }

    function _oracleParameters() internal view override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        parameters.bandTicks = band;
        parameters.feed = address(feed);
        parameters.feedMaxAgeSeconds = address(feed) == address(0) ? 0 : 1 days;
    }

    /// @dev Within what the setters permit, drawn toward what protects least.
    function _drawLimits() internal virtual returns (Limits memory limits) {
        limits = _defaultLimits();
        uint16 leastMargin = uint16((poolFeePips + 99) / 100);
        limits.entryMarginBps = _draw(2) == 0 ? leastMargin : leastMargin + uint16(_draw(50));
        limits.inflowCapBps = _draw(2) == 0 ? 10_000 : 100 + uint16(_draw(2000));
        limits.inflowWindowSeconds = 60 + uint32(_draw(1 days - 60));
        limits.maxLossPerMoveBps = 100 + uint16(_draw(401));
        limits.lossBudgetBps = limits.maxLossPerMoveBps + uint16(_draw(500));
        limits.lossBudgetRefillSeconds = 1 hours + uint32(_draw(3 days));
        limits.minWidthTicks = uint24(2 * poolSpacing);
        limits.cooldownSeconds = 0;
        limits.maxMovesPerDay = 1440;
        limits.maxPoolShareBps = 10_000;
        limits.drawdownBps = 5000;
        limits.managementFeeBps = _draw(2) == 0 ? 0 : uint16(_draw(501));
        limits.performanceFeeBps = _draw(2) == 0 ? 0 : uint16(_draw(2001));
        limits.reservedBudgetBps = uint16(_draw(501));
    }

    /// @dev One range or three, narrow, wide, or only on the asset's side.
    function _place() private {
        int24 narrow = poolSpacing * (poolSpacing >= 60 ? int24(2) : int24(10));
        int24 wide = poolSpacing * (4000 / poolSpacing + 1);
        uint256 shape = _draw(4);
        RebalanceOrder memory order;
        if (shape == 0) order = _centredOrder(narrow, 1e18);
        if (shape == 1) order = _centredOrder(wide, 1e18);
        if (shape == 2) {
            order = _centredOrder(narrow, 0.3e18);
            RangeOrder[] memory ranges = new RangeOrder[](3);
            int24 centre = _floorTick(_spotTick());
            ranges[0] = RangeOrder(centre - wide, centre + wide, 0.3e18);
            ranges[1] = order.ranges[0];
            ranges[2] = side
                ? RangeOrder(centre + poolSpacing, centre + poolSpacing + 3 * narrow, 0.3e18)
                : RangeOrder(centre - 3 * narrow, centre - narrow, 0.3e18);
            if (!side) (ranges[1], ranges[2]) = (ranges[2], ranges[1]);
            order.ranges = ranges;
        }
        if (shape < 3) {
            vm.prank(operator);
            try vault.rebalance(order) {
                return;
            } catch {
                // The swap's own impact is over the limit of a move: then only the asset, on its side of spot.
            }
        }
        RebalanceOrder memory single;
        single.ranges = new RangeOrder[](1);
        int24 base = _floorTick(_spotTick());
        single.ranges[0] = side
            ? RangeOrder(base + poolSpacing, base + poolSpacing + 2 * narrow, 1e18)
            : RangeOrder(base - 2 * narrow, base, 1e18);
        vm.prank(operator);
        vault.rebalance(single);
    }

    function _depositAssets(address who, uint256 assets) internal {
        assetToken.mint(who, assets);
        vm.startPrank(who);
        assetToken.approve(address(vault), assets);
        vault.deposit(assets, who);
        vm.stopPrank();
    }

    /* TIME, AND THE OTHERS */

    /// @dev What others pay while the raider holds shares is not his robbery.
    modifier othersPay() {
        uint256 before = _sharesWorth();
        _;
        uint256 later = _sharesWorth();
        if (later > before) credit += later - before;
    }

    function _nextBlock(uint256 seed) internal {
        if (keeper != Keeper.Feed) _arbitrage();
        skip(12);
        if (seed % 8 == 0) {
            skip(bound(seed >> 8, 12, 3 hours));
            _noise();
            skip(12);
        }
        _answer();
        if (seed & 0xc0 == 0) _askExtremes(seed >> 16);
    }

    /// @dev V7 at every state: what may be asked of the vault with any number answers, or says by name why not; beyond
    /// 2^256 arithmetic may give up, as the standard lets it. What `max*` says can always be asked.
    function _askExtremes(uint256 seed) private view {
        vault.maxDeposit(address(raider));
        vault.maxMint(address(raider));
        uint256 mostAssets = vault.maxWithdraw(alice);
        uint256 mostShares = vault.maxRedeem(alice);
        vault.totalAssets();
        if (mostAssets > 0) assertLe(vault.previewWithdraw(mostAssets), vault.balanceOf(alice), "V7");
        if (mostShares > 0) vault.previewRedeem(mostShares);
        uint256 amount = [type(uint256).max, type(uint256).max - 1, 1 << 255, type(uint128).max, 1, 0][seed % 6];
        bytes4[6] memory asks = [
            vault.previewDeposit.selector,
            vault.previewMint.selector,
            vault.previewWithdraw.selector,
            vault.previewRedeem.selector,
            vault.convertToShares.selector,
            vault.convertToAssets.selector
        ];
        for (uint256 i; i < 6; ++i) {
            (bool answered, bytes memory answer) = address(vault).staticcall(abi.encodeWithSelector(asks[i], amount));
            if (!answered && !(amount >= 1 << 128 && bytes4(answer) == 0x4e487b71)) _assertNamed(answer);
        }
    }

    function _arbitrage() internal othersPay {
        trader.moveToPrice(trueX96);
    }

    function _noise() private othersPay {
        _tradeAround();
    }

    /// @dev The feed speaks; a lying one says the truth only every other time.
    function _answer() internal {
        if (address(feed) == address(0)) return;
        int256 answer = _trueAnswer();
        if (keeper == Keeper.LyingFeed && _draw(2) == 0) answer = (answer * int256(9000 + _draw(2000))) / 10_000;
        feed.set(answer, block.timestamp);
    }

    function _trueAnswer() internal view returns (int256) {
        uint256 ratioX128 = Math.mulDiv(trueX96, trueX96, 1 << 64);
        // Whole tokens at 18 decimals; decimals are at most 24, so nothing overflows.
        return int256(
            Math.mulDiv(
                ratioX128, 10 ** (uint256(token0.decimals()) + 18), (1 << 128) * 10 ** uint256(token1.decimals())
            )
        );
    }

    /// @dev Holders who mean no harm.
    function _hold(uint256 seed) internal othersPay {
        address who = seed & 1 == 0 ? alice : bob;
        uint256 part = seed >> 16;
        uint256 kind = (seed >> 8) % 4;
        if (kind == 0) {
            uint256 most = Math.min(vault.maxDeposit(who), wealth);
            if (most < wealth / 1e6) return;
            uint256 assets = bound(part, wealth / 1e6, most);
            if (vault.previewDeposit(assets) > 0) _depositAssets(who, assets);
        } else if (kind == 1) {
            uint256 most = vault.maxRedeem(who);
            if (most == 0) return;
            vm.prank(who);
            vault.redeem(bound(part, 1, most), who, who);
        } else {
            uint256 balance = vault.balanceOf(who);
            if (balance == 0) return;
            if (kind == 2) {
                _inKind(who, bound(part, 1, balance));
            } else {
                vm.prank(who);
                vault.transfer(who == alice ? bob : alice, bound(part, 0, balance));
            }
        }
    }

    /* THE RAIDER */

    /// @dev One act of the raider; at the true price no act of his may make a share worth less. The mean is known to a
    /// tick only, and rounds down: where the true price is a part of a tick beyond all references, the nearest counts.
    function _strike(uint256 seed) internal {
        uint160 priceX96 = _nearestReferenceX96();
        uint256 before = _perShareAtPrice(priceX96);
        uint256 slack = _slack();
        uint256 kind = seed % 16;
        _act(kind, seed >> 8);
        uint256 slackLater = _slack();
        dust += Math.max(slack, slackLater);
        uint256 allowance = Math.mulDiv(Math.max(slack, slackLater), 1e36, vault.effectiveSupply() + VIRTUAL_SHARES);
        assertGe(_perShareAtPrice(priceX96) + allowance + 1, before, _name(kind));
    }

    function _nearestReferenceX96() internal view returns (uint160 priceX96) {
        ReferencePrices memory refs = oracle.referencePrices();
        priceX96 = trueX96;
        int24 tick = TickMath.getTickAtSqrtPrice(trueX96);
        // No more than within its tick: what lies further off is mispriced.
        if (refs.highSqrtPriceX96 < trueX96) {
            priceX96 = uint160(Math.max(refs.highSqrtPriceX96, TickMath.getSqrtPriceAtTick(tick)));
        }
        if (refs.lowSqrtPriceX96 > trueX96) {
            priceX96 = uint160(Math.min(refs.lowSqrtPriceX96, TickMath.getSqrtPriceAtTick(tick + 1)));
        }
    }

    function _act(uint256 kind, uint256 seed) internal {
        if (kind < 4) return _push(seed);
        if (kind < 7) return _enter(seed);
        if (kind == 7) return _enterInKind(seed);
        if (kind < 13) return _leave(kind, seed);
        if (kind == 13 && seed & (1 << 255) != 0) {
            try vault.collectFees() {}
            catch (bytes memory refusal) {
                _assertNamed(refusal);
            }
            return;
        }
        if (kind == 13) return raider.giveTokens(bound(seed, 0, 1e9), bound(seed >> 128, 0, 1e9));
        if (kind == 14) return _giveLiquidity(seed);
        _flash(seed);
    }

    function _push(uint256 seed) internal {
        // Anywhere within a little more than the band; every fourth time home.
        if (seed % 4 == 0) return raider.moveToPrice(trueX96);
        int24 reach = int24(band) + int24(band) / 4;
        raider.moveToPrice(TickMath.getSqrtPriceAtTick(startTick + int24(bound(int256(seed >> 8), -reach, reach))));
    }

    function _enter(uint256 seed) internal {
        uint256 most = Math.min(vault.maxDeposit(address(raider)), wealth * 10);
        if (most == 0) return;
        uint256 assets = seed % 2 == 0 ? most : bound(seed, 1, most);
        uint256 shares = vault.previewDeposit(assets);
        if (shares == 0) return;
        uint256 before = vault.balanceOf(address(raider));
        raider.deposit(assets);
        assertEq(vault.balanceOf(address(raider)) - before, shares, "V7 deposit");
        ++entries;
    }

    function _enterInKind(uint256 seed) private {
        uint256 least = wealth / 1e6;
        uint256 value = bound(seed, least, 10 * wealth);
        uint256 other = side ? NavLib.quote0Down(value, trueX96) : NavLib.quote1Down(value, trueX96);
        (uint256 max0, uint256 max1) = side ? (value, other) : (other, value);
        try raider.depositInKind(max0, max1) {
            ++entries;
        } catch (bytes memory refusal) {
            _assertNamed(refusal);
        }
    }

    function _leave(uint256 kind, uint256 seed) internal {
        uint256 balance = vault.balanceOf(address(raider));
        if (balance == 0) return;
        ++leaves;
        if (kind == 8) return raider.redeemInKind(_part(seed, balance), seed % 32 == 1, seed % 32 == 2);
        if (kind == 9) {
            uint256 most = vault.maxRedeem(address(raider));
            if (most > 0) _redeemExactly(_part(seed, most));
            _refusesMore(abi.encodeWithSignature("redeem(uint256)", vault.maxRedeem(address(raider)) + 1));
        } else if (kind == 10) {
            uint256 most = vault.maxWithdraw(address(raider));
            if (most > 0) raider.withdraw(_part(seed, most));
            _refusesMore(abi.encodeWithSignature("withdraw(uint256)", vault.maxWithdraw(address(raider)) + 1));
        } else if (kind == 11) {
            try raider.redeemWithSwap(_part(seed, balance)) {}
            catch (bytes memory refusal) {
                _assertNamed(refusal);
            }
        } else {
            try raider.withdrawWithSwap(_part(seed, 1 + vault.convertToAssets(balance))) {}
            catch (bytes memory refusal) {
                _assertNamed(refusal);
            }
        }
    }

    function _redeemExactly(uint256 shares) private {
        uint256 assets = vault.previewRedeem(shares);
        uint256 before = assetToken.balanceOf(address(raider));
        raider.redeem(shares);
        assertEq(assetToken.balanceOf(address(raider)) - before, assets, "V7 redeem");
    }

    /// @dev One unit more than `max*` says is too much.
    function _refusesMore(bytes memory ask) private {
        (bool succeeded, bytes memory refusal) = address(raider).call(ask);
        assertFalse(succeeded, "V7: more than the most");
        _assertNamed(refusal);
    }

    function _part(uint256 seed, uint256 most) private pure returns (uint256) {
        return seed % 3 == 0 ? most : bound(seed >> 8, 1, most);
    }

    function _giveLiquidity(uint256 seed) private {
        Position[] memory held = vault.positions();
        if (held.length == 0) return;
        Position memory position = held[seed % held.length];
        raider.provide(
            address(vault),
            position.lowerTick,
            position.upperTick,
            uint128(1 + bound(seed >> 8, 0, position.liquidity / 100))
        );
    }

    function _flash(uint256 seed) private {
        if (pool.liquidity() == 0) return;
        raider.flash(
            bound(seed, 0, token0.balanceOf(address(pool)) / 2),
            bound(seed >> 128, 0, token1.balanceOf(address(pool)) / 2)
        );
        // In the middle of a call of the pool nothing is priced.
        _assertNamed(raider.flashRefusal());
    }

    /// @dev A custom error: neither a panic nor a string nor nothing.
    function _assertNamed(bytes memory refusal) internal pure {
        assertTrue(
            refusal.length >= 4 && bytes4(refusal) != 0x4e487b71 && bytes4(refusal) != 0x08c379a0,
            "the refusal has no name"
        );
    }

    function _name(uint256 kind) private pure returns (string memory) {
        if (kind < 4) return "V2 push";
        if (kind < 8) return "V2 enter";
        return [
            "V2 in kind",
            "V2 redeem",
            "V2 withdraw",
            "V2 redeem, swap",
            "V2 withdraw, swap",
            "V2 gift",
            "V2 L",
            "V2 flash"
        ][kind - 8];
    }

    /* MEASURES */

    /// @dev NAV at a price, wherever the pool stands.
    function _navAt(uint160 priceX96) internal view returns (uint256) {
        (uint256 sum0, uint256 sum1) = vault.idle();
        int24 tick = _spotTick();
        Position[] memory held = vault.positions();
        for (uint256 i; i < held.length; ++i) {
            (uint256 amount0, uint256 amount1) = NavLib.principalDown(held[i], priceX96);
            (uint256 owed0, uint256 owed1) = NavLib.owedDown(pool, address(vault), held[i], tick);
            sum0 += amount0 + owed0;
            sum1 += amount1 + owed1;
        }
        return NavLib.toAssetDown(sum0, sum1, priceX96, side);
    }

    /// @dev At the true price, asset units per 1e36 shares.
    function _perShare() internal view returns (uint256) {
        return _perShareAtPrice(trueX96);
    }

    function _perShareAtPrice(uint160 priceX96) internal view returns (uint256) {
        return Math.mulDiv(_navAt(priceX96) + 1, 1e36, vault.effectiveSupply() + VIRTUAL_SHARES);
    }

    /// @dev The raider's shares at the true price.
    function _sharesWorth() internal view returns (uint256) {
        uint256 shares = vault.balanceOf(address(raider));
        if (shares == 0) return 0;
        return Math.mulDiv(_navAt(trueX96) + 1, shares, vault.effectiveSupply() + VIRTUAL_SHARES);
    }

    /// @dev What the floors of one action may take or hide, in asset units at the true price: two units of each token
    /// per position and for idle, and of each position two units of liquidity. The pending performance fee counts the
    /// least over all references, so it comes and goes with them: that much is the fee's, not the shareholders'.
    function _slack() internal view returns (uint256) {
        Position[] memory held = vault.positions();
        uint256 units0 = 2 * (held.length + 1);
        uint256 units1 = units0;
        for (uint256 i; i < held.length; ++i) {
            (uint256 amount0, uint256 amount1) =
                NavLib.principalDown(Position(held[i].lowerTick, held[i].upperTick, 2), trueX96);
            units0 += amount0;
            units1 += amount1;
        }
        uint256 rounding = NavLib.toAssetDown(units0, units1, trueX96, side) + 2;
        if (vault.limits().performanceFeeBps == 0) return rounding;
        (uint256 management, uint256 performance) = vault.dueShares();
        uint256 counted = vault.effectiveSupply();
        uint256 pending = counted - vault.totalSupply() - management - performance;
        return rounding + Math.mulDiv(_navAt(trueX96), pending, counted - pending + VIRTUAL_SHARES, Math.Rounding.Ceil);
    }

    /// @dev All that the raider has at the true price less all he put in.
    function _raiderWorth() internal view returns (int256) {
        (int256 net0, int256 net1) = raider.net();
        return _signed(net0, 0) + _signed(0, net1) + int256(_sharesWorth());
    }

    function _signed(int256 amount0, int256 amount1) private view returns (int256) {
        uint256 size = NavLib.toAssetDown(
            amount0 < 0 ? uint256(-amount0) : uint256(amount0),
            amount1 < 0 ? uint256(-amount1) : uint256(amount1),
            trueX96,
            side
        );
        return amount0 < 0 || amount1 < 0 ? -int256(size) : int256(size);
    }
}
