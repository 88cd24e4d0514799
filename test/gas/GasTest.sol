// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {DemoToken} from "../../deploy/local/DemoToken.sol";
import {FixedWidthRule, FixedWidthStrategy} from "../../strategies/FixedWidthStrategy.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {Position, RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {OracleParameters} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {IFactory, IPoolInitialize} from "../support/BaseTest.sol";
import {StrategyTest} from "../support/StrategyTest.sol";
import {Trader} from "../support/Trader.sol";
import {MockFeed} from "../support/mocks/MockFeed.sol";
import {MockToken} from "../support/mocks/MockToken.sol";
import {StorageGas} from "./StorageGas.sol";

string constant SNAPSHOT = "test/gas/snapshot.json";

// A row may rise by this much before the check fails.
uint256 constant TOLERANCE_BPS = 50; // 0.5%

/// @title What an operation costs, as a transaction of its own
/// @notice Each call of a test is a transaction (`isolate`), so storage is cold, and gas is what a receipt says: with the
/// 21,000, the calldata, and less the refund. The pool is of the 0.3 % tier, with a ring of 300 observations that is
/// full, a trade in every block and plain tokens; the vault has a price feed, a management fee and a pool-share cap.
/// `npm run bench -- gas` shows the rows beside the floor and the peers; `npm run bench -- gas --update` writes the
/// snapshot that is checked here.
abstract contract GasTest is StrategyTest {
    /// @dev Read by test/bench/gas.ts from the trace: the call before it is the measured one.
    event Row(string name, uint256 gas, uint256 ownReads, uint256 ownWrites, address[4] accounts);

    MockFeed internal feed;
    FixedWidthStrategy internal fixedWidth;
    uint256 private traded;

    function setUp() public override {
        super.setUp();
        FixedWidthRule memory rule = FixedWidthRule({
            halfWidthTicks: 600, triggerTicks: 1, refreshSeconds: 0, shareWad: 0.9e18, maxCostWad: 0.001e18
        });
        fixedWidth = new FixedWidthStrategy(vault, address(manager), _defaultBounds(), rule);
    }

    function _deployPool() internal override {
        (poolFeePips, poolSpacing, startTick) = (3000, 60, -202_560);
        address factory =
            deployCode("node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");
        token0 = MockToken(address(new DemoToken("Ether", "ETH", 18)));
        do {
            token1 = MockToken(address(new DemoToken("Dollar", "USD", 6)));
        } while (address(token0) > address(token1));
        (assetToken, otherToken) = (token1, token0);
        pool = IUniswapV3Pool(IFactory(factory).createPool(address(token0), address(token1), poolFeePips));
        IPoolInitialize(address(pool)).initialize(TickMath.getSqrtPriceAtTick(startTick));
        trader = new Trader(pool);
        trader.provide(address(trader), -887_220, 887_220, 1e18);
        trader.provide(address(trader), startTick - 6000, startTick + 6000, 1e19);
        pool.increaseObservationCardinalityNext(300);
        for (uint256 i; i < 302; ++i) {
            _block();
        }
        (,,, uint16 cardinality,,,) = pool.slot0();
        assertEq(cardinality, 300);
        feed = new MockFeed(8, 1600e8);
    }

    function _defaultLimits() internal pure override returns (Limits memory limits) {
        limits = super._defaultLimits();
        limits.entryMarginBps = 30;
        limits.managementFeeBps = 100;
        limits.maxMovesPerDay = 1440;
    }

    function _oracleParameters() internal view virtual override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        parameters.feed = address(feed);
        parameters.feedMaxAgeSeconds = 1 days;
    }

    /* A MARKET */

    /// @dev One to three empty blocks of twelve seconds and a trade, up and down in turns, within one spacing. Uneven,
    /// so that the window's start lies nowhere in particular in the ring.
    function _block() internal {
        ++traded;
        skip(12 * (1 + ((traded * 7919) % 13) % 3));
        trader.moveTo(startTick + (traded % 2 == 0 ? int24(25) : int24(5)));
    }

    /// @dev So many blocks with trades, then an empty one.
    function _blocks(uint256 count) internal {
        for (uint256 i; i < count; ++i) {
            _block();
        }
        skip(12);
        feed.set(1600e8, block.timestamp);
    }

    /// @dev `count` ranges around spot, spread by `shift` spacings, that together are offered nine tenths.
    function _ranges(uint256 count, int24 shift) internal view returns (RangeOrder[] memory ranges) {
        ranges = new RangeOrder[](count);
        for (uint256 i; i < count; ++i) {
            int24 half = 600 + 120 * int24(int256(i));
            int24 centre = startTick + shift * poolSpacing;
            // Sorted by the lower tick: the widest first.
            ranges[count - 1 - i] = RangeOrder(centre - half, centre + half, uint64(0.9e18 / count));
        }
    }

    function _tiny(uint256 count, int24 shift) internal view returns (Position[] memory list) {
        RangeOrder[] memory ranges = _ranges(count, shift);
        list = new Position[](count);
        for (uint256 i; i < count; ++i) {
            list[i] = Position(ranges[i].lowerTick, ranges[i].upperTick, 1e15);
        }
    }

    /// @dev Others hold liquidity on these ticks.
    function _initialise(uint256 count, int24 shift) internal {
        Position[] memory list = _tiny(count, shift);
        for (uint256 i; i < count; ++i) {
            trader.provide(address(trader), list[i].lowerTick, list[i].upperTick, 1e15);
        }
    }

    /// @dev A vault with two holders and `count` live ranges, both tokens, fees due on each.
    function _live(uint256 count) internal {
        vm.prank(owner);
        vault.setStrategy(operator);
        _deposit(alice, _assets(1_000_000));
        _deposit(bob, _assets(500_000));
        RebalanceOrder memory order;
        order.ranges = _ranges(count, 0);
        order.swap.amountIn = _assets(700_000);
        _rebalance(order);
        // Cooldown and inflow window are over.
        _blocks(160);
    }

    function _approved(address who, uint256 assets) internal {
        assetToken.mint(who, assets);
        vm.prank(who);
        assetToken.approve(address(vault), type(uint256).max);
    }

    /* MEASURE */

    /// @dev Sends one transaction and holds its gas against the snapshot.
    function _row(string memory name, address sender, address target, bytes memory data) internal {
        string memory pass = vm.envOr("RANGEKEEPER_GAS_PASS", string(""));
        bool storagePass = _equal(pass, "storage");
        // Recording warms what it looks at, from then on, so gas and storage are read in two runs.
        if (storagePass) vm.startStateDiffRecording();
        vm.prank(sender);
        (bool succeeded, bytes memory answer) = target.call(data);
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        assertTrue(succeeded, vm.toString(answer));
        if (bytes(pass).length > 0) {
            (uint256 reads, uint256 writes) = storagePass ? _ownStorage() : (0, 0);
            emit Row(name, gas, reads, writes, [address(pool), address(token0), address(token1), address(oracle)]);
            return;
        }
        string memory json = vm.readFile(SNAPSHOT);
        string memory key = string.concat("$['", name, "'].gas");
        require(vm.keyExistsJson(json, key), string.concat(name, ": not in the snapshot"));
        uint256 before = vm.parseJsonUint(json, key);
        uint256 most = before + (before * TOLERANCE_BPS) / 10_000;
        assertLe(gas, most, string.concat(name, ": dearer than in the snapshot; see npm run bench -- gas"));
    }

    function _equal(string memory a, string memory b) private pure returns (bool) {
        return keccak256(bytes(a)) == keccak256(bytes(b));
    }

    /// @dev Gas of storage reads and writes of the vault and of what commands it.
    function _ownStorage() private returns (uint256 reads, uint256 writes) {
        address[] memory accounts = new address[](4);
        (accounts[0], accounts[1]) = (address(vault), address(modelStrategy));
        (accounts[2], accounts[3]) = (address(fixedWidth), address(registry));
        return StorageGas.spent(vm.stopAndReturnStateDiff(), accounts);
    }
}
