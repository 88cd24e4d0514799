// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {OracleParameters} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {InKindExit} from "../../vaults/RangeVault.sol";
import {BaseTest, IFactory, IPoolInitialize} from "./BaseTest.sol";
import {Trader} from "./Trader.sol";
import {MockToken} from "./mocks/MockToken.sol";

/// @notice A pool of two tokens, and the price where it begins.
struct Market {
    uint8 decimals0;
    uint8 decimals1;
    uint24 feePips;
    int24 tick;
    /// What the first depositor brings, in units of token1 at that price.
    uint256 size1;
}

/// @title A vault through its whole life, in any market
/// @notice Deposit, move, earn, move again, and leave by every way to the last share. What is left then is dust.
abstract contract MarketTest is BaseTest {
    address internal carol = makeAddr("carol");
    int24 internal halfWidth;
    uint256 internal stake;
    address internal feed;
    bool internal feedInverted;

    function setUp() public virtual override {
        vm.warp(1_700_000_000);
    }

    function _spacingOf(uint24 feePips) internal pure returns (int24) {
        return feePips == 100 ? int24(1) : feePips == 500 ? int24(10) : feePips == 3000 ? int24(60) : int24(200);
    }

    /// @dev Tick of `up` units of token1 for `down` units of token0.
    function _tickOf(uint256 up, uint256 down) internal pure returns (int24) {
        uint256 root = up / down < 1 << 63
            ? Math.sqrt(Math.mulDiv(up, 1 << 192, down))
            : Math.sqrt(Math.mulDiv(up, 1 << 128, down)) << 32;
        return TickMath.getTickAtSqrtPrice(uint160(root));
    }

    function _newToken(bool, uint8 decimals) internal virtual returns (MockToken) {
        return new MockToken("Token", decimals);
    }

    function _fundWith(MockToken token, address who, uint256 amount) internal virtual {
        token.mint(who, amount);
    }

    function _newTrader() internal virtual returns (Trader) {
        return new Trader(pool);
    }

    function _deployMarket(Market memory market) internal {
        (poolFeePips, poolSpacing) = (market.feePips, _spacingOf(market.feePips));
        address factory =
            deployCode("node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");
        if (poolFeePips == 100) IFactory(factory).enableFeeAmount(100, 1);
        token0 = _newToken(true, market.decimals0);
        do {
            token1 = _newToken(false, market.decimals1);
        } while (address(token1) < address(token0));
        (assetToken, otherToken) = assetIsToken0() ? (token0, token1) : (token1, token0);
        pool = IUniswapV3Pool(IFactory(factory).createPool(address(token0), address(token1), poolFeePips));
        startTick = _floorTick(market.tick);
        uint160 startX96 = TickMath.getSqrtPriceAtTick(startTick);
        IPoolInitialize(address(pool)).initialize(startX96);
        trader = _newTrader();
        // A hundred times the stake for each 10 % of price.
        uint128 depth = uint128(Math.mulDiv(market.size1 * 2000, 1 << 96, startX96) + 1e6);
        int24 wide = (6000 / poolSpacing) * poolSpacing;
        trader.provide(address(trader), startTick - wide, startTick + wide, depth);
        int24 full = (887_272 / poolSpacing) * poolSpacing;
        trader.provide(address(trader), -full, full, depth / 100 + 1);
        pool.increaseObservationCardinalityNext(400);
        skip(60);
        _tradeAround();
        skip(WINDOW_SECONDS * 2);
        _tradeAround();
        skip(12);
        stake = assetIsToken0() ? NavLib.quote1Down(market.size1, startX96) : market.size1;
        halfWidth = ((600 + poolSpacing - 1) / poolSpacing) * poolSpacing;
    }

    function _oracleParameters() internal view virtual override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        if (feed == address(0)) return parameters;
        (parameters.feed, parameters.feedMaxAgeSeconds, parameters.feedInverted) = (feed, 1 days, feedInverted);
    }

    function _marketLimits() internal view returns (Limits memory limits) {
        limits = _defaultLimits();
        limits.entryMarginBps = poolFeePips > 1000 ? uint16(poolFeePips / 100) : 10;
        limits.minWidthTicks = uint24(2 * poolSpacing) > 200 ? uint24(2 * poolSpacing) : 200;
        limits.inflowCapBps = 10_000;
    }

    /* THE CYCLE */

    function _live() internal {
        _deployVault(_marketLimits());
        _enterAs(alice, stake);
        _enterAs(bob, stake / 2);
        _rebalance(_centredOrder(halfWidth, 0.9e18));
        assertEq(vault.positions().length, 1);
        _earn();
        _enterAs(carol, stake / 10);
        _leaveABit();
        RebalanceOrder memory order;
        int24 full = (887_272 / poolSpacing) * poolSpacing;
        order.ranges = new RangeOrder[](2);
        // One from end to end of the tick range.
        order.ranges[0] = RangeOrder(-full, full, 0.2e18);
        order.ranges[1] = RangeOrder(_around(halfWidth, 0)[0].lowerTick, _around(halfWidth, 0)[0].upperTick, 0.7e18);
        skip(900);
        _rebalance(order);
        assertEq(vault.positions().length, 2);
        _earn();
        _allLeave();
    }

    function _enterAs(address who, uint256 assets) internal {
        assets = Math.min(assets, vault.maxDeposit(who));
        assertGt(assets, 0, "entry is closed");
        uint256 expected = vault.previewDeposit(assets);
        _fundWith(assetToken, who, assets);
        vm.startPrank(who);
        assetToken.approve(address(vault), assets);
        assertEq(vault.deposit(assets, who), expected);
        vm.stopPrank();
    }

    /// @dev Others trade through the range and back: fees, and no change of price.
    function _earn() internal {
        uint160 startX96 = _spotX96();
        uint256 before = _perShareAt(startX96);
        trader.moveTo(_spotTick() + 3 * poolSpacing + 100);
        trader.moveTo(_spotTick() - 6 * poolSpacing - 200);
        trader.moveToPrice(startX96);
        _calmDown();
        assertGt(_perShareAt(startX96), before, "no fees");
    }

    function _spotX96() internal view returns (uint160 sqrtPriceX96) {
        (sqrtPriceX96,,,,,,) = pool.slot0();
    }

    function _leaveABit() private {
        uint160 startX96 = _spotX96();
        uint256 slice = vault.balanceOf(alice) / 10;
        vm.startPrank(alice);
        uint256 assets = vault.previewRedeem(slice);
        uint256 had = assetToken.balanceOf(alice);
        assertEq(vault.redeem(slice, alice, alice), assets);
        assertEq(assetToken.balanceOf(alice), had + assets);
        // Each way may take what rounding takes, and pays those who stay.
        uint256 price = _perShareAt(startX96);
        vault.redeem(slice, alice, alice, 1);
        vault.withdraw(assets / 2, alice, alice, slice);
        vault.redeemInKind(InKindExit(slice, alice, alice, alice, 1, 1, false, false));
        vm.stopPrank();
        assertGe(_perShareAt(startX96) + price / 1e5 + 1, price);
        _tradeAround();
        skip(12);
    }

    function _allLeave() private {
        uint256 most = vault.maxRedeem(alice);
        assertGt(most, 0, "nobody can leave by a price");
        vm.prank(alice);
        vault.redeem(most, alice, alice);
        address[3] memory holders = [alice, bob, carol];
        for (uint256 i; i < 3; ++i) {
            if (vault.balanceOf(holders[i]) > 0) _inKind(holders[i], vault.balanceOf(holders[i]));
        }
        _nothingIsLeft();
    }

    /// @dev Supply zero, books and balances equal, and dust: a millionth, and what floors of each burn leave.
    function _nothingIsLeft() internal view {
        assertEq(vault.totalSupply(), 0);
        (uint256 idle0, uint256 idle1) = vault.idle();
        assertEq(token0.balanceOf(address(vault)), idle0);
        assertEq(token1.balanceOf(address(vault)), idle1);
        (uint256 left0, uint256 left1) = _holdings();
        uint160 priceX96 = _spotX96();
        uint256 left = NavLib.toAssetDown(left0, left1, priceX96, assetIsToken0());
        uint256 units = NavLib.toAssetDown(30, 30, priceX96, assetIsToken0());
        assertLe(left, stake / 1e6 + units, "more than dust is left");
    }
}
