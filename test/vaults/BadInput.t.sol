// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {AllowListGate} from "../../vaults/gates/AllowListGate.sol";
import {IPriceOracle} from "../../vaults/interfaces/IPriceOracle.sol";
import {RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {LendingAdapter} from "../../vaults/oracles/LendingAdapter.sol";
import {OracleParameters, ReferencePriceOracle} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {InKindExit, RangeVault, VaultParameters} from "../../vaults/RangeVault.sol";

/// @title Every function, every argument at its extremes
/// @notice Read from the compiled interfaces: each external function of the vault, the lens, the oracle, the lending
/// price and the gate is called with zero, one, powers of two and their neighbours, the largest and smallest values, and
/// addresses that do not belong, by a stranger, a holder and each role, in four states of the vault. What fails must fail
/// with a named error: no bare revert, no panic, no string of a token or pool. What passes must leave the books whole.
contract BadInputTest is BaseTest {
    address internal mallory = makeAddr("mallory");
    LendingAdapter private adapter;
    AllowListGate private list;

    /// A function and the types of its arguments.
    struct Entry {
        address target;
        string signature;
        bytes4 selector;
        string[] types;
    }

    Entry[] private entries;
    address[] private senders;
    address[] private places;

    function setUp() public override {
        super.setUp();
        adapter = new LendingAdapter(vault);
        list = new AllowListGate(address(manager));
        senders = [mallory, alice, owner, curator, guardian, operator, address(pool)];
        places =
            [address(0), alice, mallory, address(vault), address(pool), address(token0), address(token1), address(1)];
        _read("RangeVault", address(vault));
        _read("VaultLens", address(lens));
        _read("ReferencePriceOracle", address(oracle));
        _read("LendingAdapter", address(adapter));
        _read("AllowListGate", address(list));
        assertGt(entries.length, 80);
        _deposit(alice, _assets(100_000));
    }

    /* THE INTERFACES */

    function _read(string memory name, address target) private {
        string memory artifact = vm.readFile(string.concat("out/", name, ".sol/", name, ".json"));
        string[] memory signatures = vm.parseJsonKeys(artifact, ".methodIdentifiers");
        for (uint256 i; i < signatures.length; ++i) {
            (bool flat, string[] memory types) = _types(bytes(signatures[i]));
            // Structs and lists have tests of their own below.
            if (!flat) continue;
            Entry storage entry = entries.push();
            entry.target = target;
            entry.signature = signatures[i];
            entry.selector = bytes4(keccak256(bytes(signatures[i])));
            entry.types = types;
        }
    }

    /// @dev The types between the brackets; `flat` is false when one is a struct or a list.
    function _types(bytes memory signature) private pure returns (bool flat, string[] memory types) {
        uint256 start;
        while (signature[start] != "(") ++start;
        uint256 count;
        string[] memory found = new string[](12);
        for (uint256 i = ++start; i < signature.length; ++i) {
            if (signature[i] == "(" || signature[i] == "[") return (false, types);
            if (signature[i] != "," && signature[i] != ")") continue;
            if (i > start) {
                bytes memory part = new bytes(i - start);
                for (uint256 j; j < part.length; ++j) {
                    part[j] = signature[start + j];
                }
                found[count++] = string(part);
            }
            start = i + 1;
        }
        types = new string[](count);
        for (uint256 i; i < count; ++i) {
            types[i] = found[i];
        }
        return (true, types);
    }

    /* THE EXTREMES */

    function _bits(bytes memory name, uint256 skipped) private pure returns (uint256 bits) {
        for (uint256 i = skipped; i < name.length; ++i) {
            bits = bits * 10 + uint8(name[i]) - 48;
        }
        return bits == 0 ? 256 : bits;
    }

    function _argument(string memory name, uint256 seed) private view returns (uint256) {
        bytes memory text = bytes(name);
        if (text[0] == "a") return uint160(places[seed % places.length]);
        if (text[0] == "b" && text[1] == "o") return seed % 2;
        if (text[0] == "u") {
            uint256 bits = _bits(text, 4);
            uint256 most = bits == 256 ? type(uint256).max : (1 << bits) - 1;
            uint256[8] memory values = [
                uint256(0),
                1,
                2,
                most,
                most - 1,
                most / 2 + 1,
                // What holders have, and one more.
                vault.balanceOf(alice) & most,
                (vault.totalSupply() + 1) & most
            ];
            return values[seed % 8];
        }
        if (text[0] == "i") {
            int256 most = int256((uint256(1) << (_bits(text, 3) - 1)) - 1);
            int256[6] memory values = [int256(0), 1, -1, most, -most - 1, -most];
            return uint256(values[seed % 6]);
        }
        // bytes32: a setting that exists, or nonsense.
        bytes32[4] memory keys =
            [bytes32("lossBudgetBps"), bytes32("depositCap"), bytes32(0), bytes32(type(uint256).max)];
        return uint256(keys[seed % 4]);
    }

    function _call(Entry storage entry, uint256 seed) private view returns (bytes memory data) {
        bytes memory tail;
        data = abi.encodePacked(entry.selector);
        for (uint256 i; i < entry.types.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            if (keccak256(bytes(entry.types[i])) == keccak256("bytes")) {
                data = abi.encodePacked(data, 32 * entry.types.length + tail.length);
                tail = abi.encodePacked(tail, uint256(0));
            } else if (entry.target == address(lens) && bytes(entry.types[i])[0] == "a") {
                // The lens asks the vault that it is given; what is no vault does not answer it.
                data = abi.encodePacked(data, uint256(uint160(address(vault))));
            } else {
                data = abi.encodePacked(data, _argument(entry.types[i], seed >> 8));
            }
        }
        return abi.encodePacked(data, tail);
    }

    function _isNamed(bytes memory reason) private pure returns (bool) {
        if (reason.length < 4) return false;
        bytes4 selector = bytes4(reason);
        // Error(string) and Panic(uint256).
        return selector != 0x08c379a0 && selector != 0x4e487b71;
    }

    /// @dev Whether an unnamed failure is one that the standard leaves open.
    function _mayOverflow(Entry storage entry, bytes memory reason) private view returns (bool) {
        // "MAY revert due to an integer overflow caused by an unreasonably large input": conversions and previews.
        if (bytes4(reason) != 0x4e487b71) return false;
        bytes memory name = bytes(entry.signature);
        return (name[0] == "c" && name[1] == "o" && name[3] == "v") || (name[0] == "p" && name[1] == "r")
            || (name[0] == "e" && name[1] == "x" && name[2] == "i");
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

    /// forge-config: default.fuzz.runs = 48
    function testFuzz_badInput_failsByNameOrNotAtAll(uint256 seed, uint256 state) public {
        _state(bound(state, 0, 3));
        // The extremes of an unlimited purse too.
        assetToken.mint(alice, type(uint128).max);
        vm.prank(alice);
        assetToken.approve(address(vault), type(uint256).max);
        for (uint256 i; i < entries.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed, i)));
            bytes memory data = _call(entries[i], seed);
            address sender = senders[(seed >> 200) % senders.length];
            uint256 snapshot = vm.snapshotState();
            vm.prank(sender);
            (bool succeeded, bytes memory reason) = entries[i].target.call(data);
            if (!succeeded && !_isNamed(reason) && !_mayOverflow(entries[i], reason)) {
                assertTrue(false, string.concat(entries[i].signature, " ", vm.toString(data), " ", vm.toString(reason)));
            }
            if (succeeded) _booksAreWhole();
            vm.revertToStateAndDelete(snapshot);
        }
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
