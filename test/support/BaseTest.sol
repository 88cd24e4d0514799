// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Test} from "forge-std/Test.sol";
import {BaseStrategy} from "../../strategies/BaseStrategy.sol";
import {ModelStrategy} from "../../strategies/ModelStrategy.sol";
import {Stage} from "../../strategies/interfaces/IModelRegistry.sol";
import {Bounds} from "../../strategies/libraries/BoundsLib.sol";
import {RebalanceProposal} from "../../strategies/libraries/ProposalLib.sol";
import {ModelRegistry} from "../../strategies/models/ModelRegistry.sol";
import {IPriceOracle} from "../../vaults/interfaces/IPriceOracle.sol";
import {Position, RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {OracleParameters, ReferencePriceOracle} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {InKindExit, RangeVault, VaultParameters} from "../../vaults/RangeVault.sol";
import {VaultLens} from "../../vaults/VaultLens.sol";
import {Trader} from "./Trader.sol";
import {MockToken} from "./mocks/MockToken.sol";

interface IFactory {
    function createPool(address token0, address token1, uint24 fee) external returns (address);
    function enableFeeAmount(uint24 fee, int24 tickSpacing) external;
}

interface IPoolInitialize {
    function initialize(uint160 sqrtPriceX96) external;
}

/// @notice A vault on a real Uniswap v3 pool with other people's liquidity in it, and a test account as its strategy.
/// @dev Token0 has 18 decimals, token1 6, one whole token0 is worth 1,600 whole token1; asset by `assetIsToken0`.
abstract contract BaseTest is Test {
    uint24 internal constant POOL_FEE_PIPS = 500;
    int24 internal constant SPACING = 10;
    uint32 internal constant WINDOW_SECONDS = 1800;
    uint24 internal constant BAND_TICKS = 300;

    address internal owner = makeAddr("owner");
    address internal curator = makeAddr("curator");
    address internal guardian = makeAddr("guardian");
    address internal feeRecipient = makeAddr("feeRecipient");
    address internal skimReceiver = makeAddr("skimReceiver");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");
    /// Stands in for a strategy where the vault alone is tested.
    address internal operator = makeAddr("operator");

    MockToken internal token0;
    MockToken internal token1;
    MockToken internal assetToken;
    MockToken internal otherToken;
    IUniswapV3Pool internal pool;
    Trader internal trader;
    AccessManager internal manager;
    ReferencePriceOracle internal oracle;
    RangeVault internal vault;
    VaultLens internal lens;
    int24 internal startTick;
    /// A test of other pools sets both before it deploys one.
    uint24 internal poolFeePips = POOL_FEE_PIPS;
    int24 internal poolSpacing = SPACING;

    /// @dev Which side the asset is on; tests of both sides override it.
    function assetIsToken0() internal view virtual returns (bool) {
        return false;
    }

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        _deployPool();
        _deployVault(_defaultLimits());
    }

    function _deployPool() internal virtual {
        address factory =
            deployCode("node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");
        // The tier of 1 bp came later, by a vote.
        if (poolFeePips == 100) IFactory(factory).enableFeeAmount(100, 1);
        token0 = new MockToken("Ether", 18);
        token1 = new MockToken("Dollar", 6);
        // The pool sorts by address: give the 18 decimals to the lower one.
        if (address(token0) > address(token1)) {
            while (address(token0) > address(token1)) token1 = new MockToken("Dollar", 6);
        }
        (assetToken, otherToken) = assetIsToken0() ? (token0, token1) : (token1, token0);
        pool = IUniswapV3Pool(IFactory(factory).createPool(address(token0), address(token1), poolFeePips));
        // 1,600e6 / 1e18 = 1.6e-9, tick -202,533.
        startTick = poolSpacing == 200 ? -202_600 : poolSpacing == 60 ? -202_560 : -202_530;
        IPoolInitialize(address(pool)).initialize(TickMath.getSqrtPriceAtTick(startTick));
        trader = new Trader(pool);
        int24 full = (887_220 / poolSpacing) * poolSpacing;
        trader.provide(address(trader), -full, full, 1e18);
        trader.provide(address(trader), startTick - 6000, startTick + 6000, 1e19);
        pool.increaseObservationCardinalityNext(400);
        skip(60);
        _tradeAround();
        skip(WINDOW_SECONDS * 2);
        _tradeAround();
        skip(12);
    }

    /// @dev Two small trades that end where they began.
    function _tradeAround() internal {
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        trader.moveToPrice(uint160((uint256(sqrtPriceX96) * 100_010) / 100_000));
        trader.moveToPrice(sqrtPriceX96);
    }

    /// @dev Lets the mean come to spot and a fresh observation be there.
    function _calmDown() internal {
        skip(WINDOW_SECONDS + 60);
        _tradeAround();
        skip(12);
    }

    function _defaultLimits() internal pure virtual returns (Limits memory) {
        return Limits({
            depositCap: type(uint128).max,
            inflowWindowSeconds: 600,
            lossBudgetRefillSeconds: 1 days,
            cooldownSeconds: 900,
            maxMovesPerDay: 24,
            entryMarginBps: 10,
            inflowCapBps: 500,
            maxLossPerMoveBps: 100,
            lossBudgetBps: 300,
            maxPoolShareBps: 5000,
            drawdownBps: 1000,
            managementFeeBps: 0,
            reservedBudgetBps: 100,
            performanceFeeBps: 0,
            minWidthTicks: 200,
            maxWidthTicks: 1_774_544,
            noticeSeconds: 0
        });
    }

    function _oracleParameters() internal view virtual returns (OracleParameters memory) {
        return OracleParameters({
            pool: pool,
            longWindowSeconds: WINDOW_SECONDS,
            bandTicks: BAND_TICKS,
            maxObservationAgeSeconds: 2 hours,
            blockIntervalSeconds: 12,
            feed: address(0),
            feedMaxAgeSeconds: 0,
            feedDeviationBps: 1,
            feedInverted: false,
            sequencerFeed: address(0),
            sequencerGraceSeconds: 0
        });
    }

    function _deployVault(Limits memory limits) internal {
        manager = new AccessManager(address(this));
        oracle = new ReferencePriceOracle(_oracleParameters());
        vault = _newVault(limits);
        lens = new VaultLens();
        _assignVaultRoles();
        vm.startPrank(owner);
        vault.setStrategy(operator);
        vault.setSkimReceiver(skimReceiver);
        vm.stopPrank();
    }

    /// @dev Also outside of the region that a vault without a feed is held to: most tests are of other guards.
    function _newVault(Limits memory limits) private returns (RangeVault made) {
        if (_oracleParameters().feed == address(0)) {
            vm.mockCall(address(oracle), abi.encodeWithSignature("feed()"), abi.encode(address(1)));
        }
        made = _construct(limits);
        vm.clearMockedCalls();
    }

    function _construct(Limits memory limits) internal returns (RangeVault) {
        return new RangeVault(
            VaultParameters({
                name: "Range",
                symbol: "rk",
                asset: IERC20(address(assetToken)),
                oracle: IPriceOracle(address(oracle)),
                authority: address(manager),
                feeRecipient: feeRecipient,
                limits: limits
            })
        );
    }

    function _assignVaultRoles() private {
        manager.grantRole(1, owner, 0);
        manager.grantRole(2, curator, 0);
        manager.grantRole(3, guardian, 0);
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = RangeVault.setStrategy.selector;
        selectors[1] = RangeVault.setGate.selector;
        selectors[2] = RangeVault.setFeeRecipient.selector;
        selectors[3] = RangeVault.setSkimReceiver.selector;
        selectors[4] = RangeVault.skim.selector;
        selectors[5] = RangeVault.skimPosition.selector;
        selectors[6] = RangeVault.extendPause.selector;
        selectors[7] = RangeVault.setStrategist.selector;
        selectors[8] = RangeVault.windDown.selector;
        manager.setTargetFunctionRole(address(vault), selectors, 1);
        selectors = new bytes4[](4);
        selectors[0] = RangeVault.configure.selector;
        selectors[1] = RangeVault.liftHold.selector;
        selectors[2] = RangeVault.unpause.selector;
        selectors[3] = RangeVault.setRewardClaimer.selector;
        manager.setTargetFunctionRole(address(vault), selectors, 2);
        selectors = new bytes4[](3);
        selectors[0] = RangeVault.pause.selector;
        selectors[1] = RangeVault.deRisk.selector;
        selectors[2] = RangeVault.cancelSetting.selector;
        manager.setTargetFunctionRole(address(vault), selectors, 3);
    }

    /// @dev Sets, for a test of another guard, also what the region of a vault without a feed refuses.
    function _configureAnywhere(bytes32 key, uint256 value) internal {
        vm.mockCall(address(oracle), abi.encodeWithSignature("feed()"), abi.encode(address(1)));
        vm.prank(curator);
        vault.configure(key, value);
        vm.clearMockedCalls();
    }

    /* ACTIONS */

    /// @dev Whole asset tokens in units.
    function _assets(uint256 dollars) internal view returns (uint256) {
        return assetIsToken0() ? (dollars * 1e18) / 1600 : dollars * 1e6;
    }

    function _deposit(address who, uint256 assets) internal returns (uint256 shares) {
        assetToken.mint(who, assets);
        vm.startPrank(who);
        assetToken.approve(address(vault), assets);
        shares = vault.deposit(assets, who);
        vm.stopPrank();
    }

    function _spotTick() internal view returns (int24 tick) {
        (, tick,,,,,) = pool.slot0();
    }

    function _floorTick(int24 tick) internal view returns (int24) {
        int24 compressed = tick / poolSpacing;
        if (tick < 0 && tick % poolSpacing != 0) --compressed;
        return compressed * poolSpacing;
    }

    /// @dev One range around spot, `halfWidth` ticks each way.
    function _around(int24 halfWidth, uint64 weightWad) internal view returns (RangeOrder[] memory ranges) {
        int24 centre = _floorTick(_spotTick());
        ranges = new RangeOrder[](1);
        ranges[0] = RangeOrder(centre - halfWidth, centre + halfWidth, weightWad);
    }

    /// @dev Everything burned, half of the vault's value swapped into the token that is short, one range.
    function _centredOrder(int24 halfWidth, uint64 weightWad) internal view returns (RebalanceOrder memory order) {
        order.ranges = _around(halfWidth, weightWad);
        (uint256 total0, uint256 total1) = _holdings();
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        uint256 value0 = NavLib.quote0Down(total0, sqrtPriceX96);
        if (value0 > total1) {
            order.swap.zeroForOne = true;
            order.swap.amountIn = (total0 * (value0 - total1)) / value0 / 2;
        } else {
            order.swap.amountIn = (total1 - value0) / 2;
        }
    }

    function _rebalance(RebalanceOrder memory order) internal {
        vm.prank(operator);
        vault.rebalance(order);
    }

    /// @dev Two depositors and one live range.
    function _seed() internal {
        _deposit(alice, _assets(1_000_000));
        _deposit(bob, _assets(500_000));
        _rebalance(_centredOrder(600, 0.9e18));
        skip(12);
    }

    function _inKind(address who, uint256 shares) internal returns (uint256 amount0, uint256 amount1) {
        vm.prank(who);
        return vault.redeemInKind(InKindExit(shares, who, who, who, 0, 0, false, false));
    }

    /* MEASURES */

    /// @dev Idle, principal at spot and uncollected fees.
    function _holdings() internal view returns (uint256 total0, uint256 total1) {
        (total0, total1) = vault.idle();
        (uint160 sqrtPriceX96, int24 tick,,,,,) = pool.slot0();
        Position[] memory held = vault.positions();
        for (uint256 i; i < held.length; ++i) {
            (uint256 amount0, uint256 amount1) = NavLib.principalDown(held[i], sqrtPriceX96);
            (uint256 owed0, uint256 owed1) = NavLib.owedDown(pool, address(vault), held[i], tick);
            total0 += amount0 + owed0;
            total1 += amount1 + owed1;
        }
    }

    /// @dev NAV at a price, wherever spot is, per 1e18 shares.
    function _perShareAt(uint160 sqrtPriceX96) internal view returns (uint256) {
        (uint256 sum0, uint256 sum1) = vault.idle();
        Position[] memory held = vault.positions();
        for (uint256 i; i < held.length; ++i) {
            (uint256 amount0, uint256 amount1) = NavLib.principalDown(held[i], sqrtPriceX96);
            (uint256 owed0, uint256 owed1) = NavLib.owedDown(pool, address(vault), held[i], _spotTick());
            sum0 += amount0 + owed0;
            sum1 += amount1 + owed1;
        }
        return (NavLib.toAssetDown(sum0, sum1, sqrtPriceX96, assetIsToken0()) * 1e18) / (vault.effectiveSupply() + 1e6);
    }

    /// @dev Asset units at a tick's price.
    function _value(uint256 amount0, uint256 amount1, int24 tick) internal view returns (uint256) {
        return NavLib.toAssetDown(amount0, amount1, TickMath.getSqrtPriceAtTick(tick), assetIsToken0());
    }

    /// @dev Low NAV per share, 1e36 scale.
    function _lowPrice() internal view returns (uint256) {
        (uint256 low,,,,) = vault.navStatus();
        return ((low + 1) * 1e36) / (vault.effectiveSupply() + 1e6);
    }

    function _midPrice() internal view returns (uint256) {
        (, uint256 mid,,,) = vault.navStatus();
        return ((mid + 1) * 1e36) / (vault.effectiveSupply() + 1e6);
    }
}
