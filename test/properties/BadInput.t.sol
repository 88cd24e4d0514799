// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "forge-std/Vm.sol";
import {FixedWidthRule, FixedWidthStrategy} from "../../strategies/FixedWidthStrategy.sol";
import {StrategyDeployer} from "../../strategies/StrategyDeployer.sol";
import {AllowListGate} from "../../vaults/gates/AllowListGate.sol";
import {RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {LendingAdapter} from "../../vaults/oracles/LendingAdapter.sol";
import {IUniswapV3Factory, RangeVaultFactory} from "../../vaults/RangeVaultFactory.sol";
import {Extremes} from "../support/Extremes.sol";
import {StrategyTest} from "../support/StrategyTest.sol";

interface IPoolFactory {
    function factory() external view returns (address);
}

/// @title Every function of every contract, every argument at its extremes
/// @notice Read from the compiled interfaces of all that is deployed, so that nothing can be forgotten: each external
/// function is called with any arguments (Extremes), by a stranger, a holder, each role, the pool, the strategy and the
/// administrator, in four states of the vault. What fails must fail with a named error: no bare revert, no panic, no
/// string of a token or pool. What passes must leave the vault's books whole.
contract BadInputTest is StrategyTest, Extremes {
    address private mallory = makeAddr("mallory");
    address[] private senders;
    mapping(string name => address) private targets;
    /// "Contract signature" of all functions.
    string[] private names;
    address[] private called;
    string[] private signatures;

    function setUp() public override {
        super.setUp();
        targets["RangeVault"] = address(vault);
        targets["VaultLens"] = address(lens);
        targets["ReferencePriceOracle"] = address(oracle);
        targets["LendingAdapter"] = address(new LendingAdapter(vault));
        targets["AllowListGate"] = address(new AllowListGate(address(manager)));
        targets["ModelStrategy"] = address(modelStrategy);
        targets["ModelRegistry"] = address(registry);
        targets["StrategyDeployer"] = address(new StrategyDeployer(keccak256("code")));
        targets["RangeVaultFactory"] = address(
            new RangeVaultFactory(
                IUniswapV3Factory(IPoolFactory(address(pool)).factory()), keccak256("oracle"), keccak256("vault")
            )
        );
        targets["FixedWidthStrategy"] = address(
            new FixedWidthStrategy(
                vault, address(manager), _defaultBounds(), FixedWidthRule(600, 300, 1 days, 0.9e18, 0.001e18)
            )
        );
        _readAll();
        senders = [mallory, alice, owner, curator, guardian, address(modelStrategy), address(pool), address(this)];
        places =
            [address(0), alice, mallory, address(vault), address(pool), address(token0), address(token1), address(1)];
        words = [
            bytes32("lossBudgetBps"),
            bytes32("depositCap"),
            MODEL_ID,
            bytes32(0),
            bytes32(uint256(1)),
            bytes32(type(uint256).max)
        ];
        _deposit(alice, _assets(100_000));
        amounts = [
            // What holders have, and one more; times; ticks.
            vault.balanceOf(alice), vault.totalSupply() + 1, _assets(100_000), block.timestamp + 60, 600, 0.5e18
        ];
        // The extremes of an unlimited purse too.
        assetToken.mint(alice, type(uint128).max);
        vm.prank(alice);
        assetToken.approve(address(vault), type(uint256).max);
    }

    /// @dev All contracts of the two source folders: whoever adds one must add it above.
    function _readAll() private {
        string[2] memory folders = ["vaults", "strategies"];
        for (uint256 f; f < 2; ++f) {
            Vm.DirEntry[] memory files = vm.readDir(folders[f], 3);
            for (uint256 i; i < files.length; ++i) {
                if (files[i].isDir) continue;
                string[] memory parts = vm.split(vm.readFile(files[i].path), "\ncontract ");
                for (uint256 p = 1; p < parts.length; ++p) {
                    _read(vm.split(parts[p], " ")[0]);
                }
            }
        }
    }

    function _read(string memory name) private {
        assertNotEq(targets[name], address(0), string.concat(name, " has no test of bad input"));
        string memory artifact = vm.readFile(string.concat("out/", name, ".sol/", name, ".json"));
        string[] memory found = vm.parseJsonKeys(artifact, ".methodIdentifiers");
        assertGt(found.length, 0, name);
        for (uint256 i; i < found.length; ++i) {
            names.push(name);
            called.push(targets[name]);
            signatures.push(found[i]);
        }
    }

    function _isNamed(bytes memory reason) private pure returns (bool) {
        if (reason.length < 4) return false;
        // Error(string) and Panic(uint256).
        return bytes4(reason) != 0x08c379a0 && bytes4(reason) != 0x4e487b71;
    }

    function _beginsWith(string memory text, string memory prefix) private pure returns (bool) {
        return vm.indexOf(text, prefix) == 0;
    }

    /// @dev Whether an unnamed failure is one that stays.
    function _mayBeBare(uint256 i, bytes memory reason) private view returns (bool) {
        string memory signature = signatures[i];
        if (bytes4(reason) == 0x4e487b71) {
            // "MAY revert due to an integer overflow caused by an unreasonably large input": conversions and previews.
            return _beginsWith(signature, "convertTo") || _beginsWith(signature, "preview");
        }
        if (reason.length > 0) return false;
        // The lens asks the vault that it is given; what is no vault does not answer it. A stage that is none is no
        // argument to the compiler.
        return
            called[i] == address(lens) || _beginsWith(signature, "raiseStage") || _beginsWith(signature, "lowerStage");
    }

    function _state(uint256 state) private {
        if (state == 1 || state == 2) {
            RebalanceOrder memory order = _centredOrder(600, 0.7e18);
            vm.prank(address(modelStrategy));
            vault.rebalance(order);
        }
        if (state == 2) trader.moveTo(startTick + 900);
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

    function test_badInput_everyContractIsRead() public view {
        assertGt(signatures.length, 180);
    }

    /// forge-config: default.fuzz.runs = 24
    /// forge-config: deep.fuzz.runs = 2000
    function testFuzz_badInput_failsByNameOrNotAtAll(uint256 seed, uint256 state) public {
        _state(bound(state, 0, 3));
        for (uint256 i; i < signatures.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed, i)));
            bytes memory data = _anyCall(signatures[i], seed);
            address sender = senders[(seed >> 200) % senders.length];
            uint256 snapshot = vm.snapshotState();
            vm.prank(sender);
            (bool succeeded, bytes memory reason) = called[i].call(data);
            if (!succeeded && !_isNamed(reason) && !_mayBeBare(i, reason)) {
                assertTrue(
                    false, string.concat(names[i], ".", signatures[i], " ", vm.toString(data), " ", vm.toString(reason))
                );
            }
            if (succeeded) _booksAreWhole();
            vm.revertToStateAndDelete(snapshot);
        }
    }
}
