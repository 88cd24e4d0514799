// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {IPriceOracle} from "../../vaults/interfaces/IPriceOracle.sol";
import {RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {OracleParameters, ReferencePriceOracle} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {InKindExit, RangeVault, VaultParameters} from "../../vaults/RangeVault.sol";

/// @title Structs and constructors with anything in them
/// @notice Every function of every contract is in test/properties/BadInput.t.sol; here the ones that take
/// most, closer to what passes. What fails must fail with a named error, and what passes must leave the books whole.
contract BadInputTest is BaseTest {
    address internal mallory = makeAddr("mallory");
    address[] private places;

    function setUp() public override {
        super.setUp();
        places =
            [address(0), alice, mallory, address(vault), address(pool), address(token0), address(token1), address(1)];
        _deposit(alice, _assets(100_000));
    }

    function _isNamed(bytes memory reason) private pure returns (bool) {
        if (reason.length < 4) return false;
        bytes4 selector = bytes4(reason);
        // Error(string) and Panic(uint256).
        return selector != 0x08c379a0 && selector != 0x4e487b71;
    }

    function _state(uint256 state) private {
        if (state == 1) {
            _rebalance(_centredOrder(600, 0.7e18));
            skip(12);
        }
        if (state == 2) {
            _rebalance(_centredOrder(600, 0.7e18));
            trader.moveTo(startTick + 900);
        }
        if (state == 3) {
            vm.prank(guardian);
            vault.pause(1 days);
        }
    }

    function _booksAreWhole() private view {
        (uint256 idle0, uint256 idle1) = vault.idle();
        assertGe(token0.balanceOf(address(vault)), idle0);
        assertGe(token1.balanceOf(address(vault)), idle1);
        assertEq(token0.allowance(address(vault), address(pool)), 0);
        assertEq(token1.allowance(address(vault), address(pool)), 0);
    }

    /* STRUCTS */

    function testFuzz_badInput_redeemInKind(InKindExit memory exit, uint8 who, uint8 state, uint8 kind) public {
        _state(state % 4);
        exit.owner = who % 2 == 0 ? alice : places[who % places.length];
        exit.receiver0 = places[kind % places.length];
        exit.receiver1 = places[(kind >> 4) % places.length];
        if (who % 3 == 0) exit.shares = bound(exit.shares, 0, vault.balanceOf(alice));
        if (kind % 5 > 1) (exit.min0, exit.min1) = (0, 0);
        vm.prank(who % 2 == 0 ? alice : mallory);
        try vault.redeemInKind(exit) {
            _booksAreWhole();
        } catch (bytes memory reason) {
            assertTrue(_isNamed(reason), vm.toString(reason));
        }
    }

    /// Ticks off spacing and out of range, weights, swaps and limits of any size, in any order.
    function testFuzz_badInput_rebalance(RangeOrder[] memory ranges, RebalanceOrder memory order, uint256 seed) public {
        if (ranges.length > 10) {
            assembly {
                mstore(ranges, 10)
            }
        }
        for (uint256 i; i < ranges.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            if (seed % 4 == 0) continue;
            ranges[i].lowerTick = _floorTick(startTick + int24(int256((seed >> 8) % 4000)) - 2000);
            ranges[i].upperTick =
                ranges[i].lowerTick + int24(int256((seed >> 40) % 1000)) * (seed % 3 == 0 ? int24(1) : SPACING);
            ranges[i].weightWad = uint64(bound(ranges[i].weightWad, 0, 0.4e18));
        }
        order.ranges = ranges;
        if (seed % 2 == 0) order.swap.amountIn = 0;
        if (seed % 3 == 0) order.minSharePrice = 0;
        bytes32 before = keccak256(abi.encode(vault.positions(), vault.totalAssets(), vault.lossBudgetLeftWad()));
        vm.prank(operator);
        try vault.rebalance(order) {
            _booksAreWhole();
        } catch (bytes memory reason) {
            assertEq(keccak256(abi.encode(vault.positions(), vault.totalAssets(), vault.lossBudgetLeftWad())), before);
            assertTrue(_isNamed(reason), string.concat("unnamed: ", vm.toString(reason)));
        }
    }

    /* CONSTRUCTORS */

    function testFuzz_badInput_oracleIsRefusedByNameOrWorks(OracleParameters memory parameters, uint256 seed) public {
        parameters.pool = pool;
        if (seed % 2 == 0) parameters.longWindowSeconds = WINDOW_SECONDS;
        if (seed % 3 == 0) parameters.bandTicks = uint24(1 + (seed >> 8) % 10_000);
        if (seed % 5 != 0) parameters.feed = address(0);
        if (seed % 7 != 0) parameters.sequencerFeed = address(0);
        if (seed % 11 != 0) parameters.blockIntervalSeconds = 12;
        try new ReferencePriceOracle(parameters) returns (ReferencePriceOracle made) {
            made.referencePrices();
        } catch (bytes memory reason) {
            // A feed that is no contract cannot say its decimals: the one bare failure of a deployment.
            if (parameters.feed == address(0)) assertTrue(_isNamed(reason), vm.toString(reason));
        }
    }

    function testFuzz_badInput_vaultIsRefusedByName(Limits memory limits, address asset, uint256 seed) public {
        VaultParameters memory parameters = VaultParameters({
            name: "Range",
            symbol: "rk",
            asset: IERC20(address(assetToken)),
            oracle: IPriceOracle(address(oracle)),
            authority: address(manager),
            feeRecipient: feeRecipient,
            limits: _defaultLimits()
        });
        if (seed % 3 == 0) parameters.limits = limits;
        if (seed % 3 == 1) {
            vm.assume(asset != address(token0) && asset != address(token1));
            parameters.asset = IERC20(asset);
        }
        if (seed % 3 == 2) {
            (parameters.feeRecipient, parameters.limits.managementFeeBps) = (address(0), 1);
        }
        try new RangeVault(parameters) returns (RangeVault made) {
            assertEq(seed % 3, 0);
            // Only what is within the bounds.
            assertLe(made.limits().lossBudgetBps, 1000);
            assertLe(made.limits().managementFeeBps, 500);
        } catch (bytes memory reason) {
            assertTrue(_isNamed(reason), vm.toString(reason));
            if (seed % 3 == 1) assertEq(bytes4(reason), ErrorsLib.AssetNotInPool.selector);
        }
    }
}
