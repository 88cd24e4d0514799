// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {LendingAdapter} from "../../vaults/oracles/LendingAdapter.sol";
import {BaseTest} from "../support/BaseTest.sol";

/// @title V6: every entry point that reads a value is guarded
/// @notice The list comes from the compiled interface. Each function of the vault, its lens and its lending price is
/// called from inside a hostile token's callback, at three points of an operation, and must be refused by name, unless it
/// is listed here as reading no value. A function that is in neither list fails the test: say what it reads.
contract ReadGuardsTest is BaseTest {
    /// Called from inside; one call per function.
    string[] private guarded;
    /// Says nothing of value: names, addresses, books, settings, and ERC-20.
    string[] private plain;
    LendingAdapter private adapter;

    function setUp() public override {
        super.setUp();
        adapter = new LendingAdapter(vault);
        _listEntry();
        _listExit();
        _listPlain();
    }

    function _listEntry() private {
        guarded.push("totalAssets()");
        guarded.push("navStatus()");
        guarded.push("convertToShares(uint256)");
        guarded.push("convertToAssets(uint256)");
        guarded.push("maxDeposit(address)");
        guarded.push("maxMint(address)");
        guarded.push("previewDeposit(uint256)");
        guarded.push("previewMint(uint256)");
        guarded.push("deposit(uint256,address)");
        guarded.push("deposit(uint256,address,uint256)");
        guarded.push("mint(uint256,address)");
        guarded.push("mint(uint256,address,uint256)");
        guarded.push("depositInKind(uint256,uint256,address,uint256)");
        guarded.push("effectiveSupply()");
        guarded.push("collectFees()");
        guarded.push("claimRewards(address[],bytes)");
    }

    function _listExit() private {
        guarded.push("maxWithdraw(address)");
        guarded.push("maxRedeem(address)");
        guarded.push("previewWithdraw(uint256)");
        guarded.push("previewRedeem(uint256)");
        guarded.push("withdraw(uint256,address,address)");
        guarded.push("withdraw(uint256,address,address,uint256)");
        guarded.push("redeem(uint256,address,address)");
        guarded.push("redeem(uint256,address,address,uint256)");
        guarded.push("redeemInKind((uint256,address,address,address,uint256,uint256,bool,bool))");
        guarded.push("rebalance(((int24,int24,uint64)[],(bool,uint256,uint160),uint256))");
        guarded.push("deRisk()");
        // By role first, then by the lock.
        guarded.push("configure(bytes32,uint256)");
        guarded.push("cancelSetting(bytes32)");
        guarded.push("setFeeRecipient(address)");
        guarded.push("setRewardClaimer(address)");
        guarded.push("setStrategist(address,uint16)");
        guarded.push("windDown()");
        guarded.push("setGate(address)");
        guarded.push("setSkimReceiver(address)");
        guarded.push("setStrategy(address)");
        guarded.push("setAuthority(address)");
        guarded.push("skim(address)");
        guarded.push("skimPosition(int24,int24)");
        guarded.push("pause(uint64)");
        guarded.push("extendPause(uint64)");
        guarded.push("unpause()");
        guarded.push("liftHold()");
        guarded.push("uniswapV3MintCallback(uint256,uint256,bytes)");
        guarded.push("uniswapV3SwapCallback(int256,int256,bytes)");
    }

    function _listPlain() private {
        string[43] memory names = [
            "DOMAIN_SEPARATOR()",
            "allowance(address,address)",
            "approve(address,uint256)",
            "asset()",
            "assetIsToken0()",
            "authority()",
            "balanceOf(address)",
            "configurationHash()",
            "decimals()",
            "dueShares()",
            "eip712Domain()",
            "feeMarks()",
            "feeRecipient()",
            "gate()",
            "heldMark()",
            "idle()",
            "isConsumingScheduledOp()",
            "lastCalmPrice()",
            "lastMoveAt()",
            "limits()",
            "lossBudgetLeftWad()",
            "movesToday()",
            "name()",
            "nonces(address)",
            "oracle()",
            "pausedUntil()",
            "pendingSetting(bytes32)",
            "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
            "pool()",
            "positions()",
            "rebalanceHeld()",
            "reservedBudgetLeftWad()",
            "rewardClaimer()",
            "skimReceiver()",
            "strategist()",
            "strategy()",
            "symbol()",
            "token0()",
            "token1()",
            "totalSupply()",
            "transfer(address,uint256)",
            "transferFrom(address,address,uint256)",
            "woundDown()"
        ];
        for (uint256 i; i < names.length; ++i) {
            plain.push(names[i]);
        }
    }

    function _holds(string[] storage list, string memory name) private view returns (bool) {
        for (uint256 i; i < list.length; ++i) {
            if (keccak256(bytes(list[i])) == keccak256(bytes(name))) return true;
        }
        return false;
    }

    function test_V6_everyFunctionOfTheInterfaceIsListed() public view {
        string[] memory signatures =
            vm.parseJsonKeys(vm.readFile("out/RangeVault.sol/RangeVault.json"), ".methodIdentifiers");
        for (uint256 i; i < signatures.length; ++i) {
            assertTrue(
                _holds(guarded, signatures[i]) != _holds(plain, signatures[i]),
                string.concat(signatures[i], " is listed neither as guarded nor as reading no value")
            );
        }
    }

    function _wasRefused() private view returns (bool) {
        bytes4 reason = bytes4(token0.hookResult());
        return token0.hookFailed()
            && (reason == ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector
                || reason == IAccessManaged.AccessManagedUnauthorized.selector
                || reason == ErrorsLib.NotPool.selector);
    }

    /// @dev 0 = the pool pays the vault, 1 = the vault pays the pool in its callback, 2 = the vault pays a leaver.
    function _operate(uint256 point) private {
        if (point == 0) {
            _inKind(alice, 1e12);
        } else if (point == 1) {
            RebalanceOrder memory order;
            order.ranges = _around(800, 0.5e18);
            vm.prank(guardian);
            vault.deRisk();
            vm.prank(curator);
            vault.liftHold();
            skip(900);
            _rebalance(order);
        } else {
            _inKind(alice, 1e12);
        }
    }

    function _callFromInside(uint256 point, address target, bytes memory data) private returns (bool) {
        uint256 snapshot = vm.snapshotState();
        if (point > 0) {
            // Nothing comes out of the pool first: all is idle.
            vm.prank(guardian);
            vault.deRisk();
        }
        token0.setHook(target, data);
        _operate(point);
        assertEq(token0.hookTarget(), address(0), "the token was never called");
        bool refused = _wasRefused();
        vm.revertToState(snapshot);
        return refused;
    }

    function test_V6_nothingOfValueIsReadInTheMiddle() public {
        _seed();
        for (uint256 i; i < guarded.length; ++i) {
            bytes memory data = abi.encodePacked(bytes4(keccak256(bytes(guarded[i]))), new bytes(40 * 32));
            for (uint256 point; point < 3; ++point) {
                assertTrue(_callFromInside(point, address(vault), data), guarded[i]);
            }
        }
    }

    /// The lens and the lending price read what is guarded, so they are.
    function test_V6_lensAndLendingPriceAreGuardedToo() public {
        _seed();
        bytes[5] memory calls = [
            abi.encodeCall(adapter.price, ()),
            abi.encodeCall(adapter.latestRoundData, ()),
            abi.encodeCall(lens.status, (vault)),
            abi.encodeCall(lens.navStatus, (vault)),
            abi.encodeCall(lens.exitQuote, (vault, 1e18))
        ];
        for (uint256 i; i < calls.length; ++i) {
            for (uint256 point; point < 3; ++point) {
                assertTrue(_callFromInside(point, i < 2 ? address(adapter) : address(lens), calls[i]), vm.toString(i));
            }
        }
    }

    /// And outside of an operation they answer: the refusals above are the lock's.
    function test_V6_viewsAnswerOutside() public {
        _seed();
        for (uint256 i; i < guarded.length; ++i) {
            bytes memory data = abi.encodePacked(bytes4(keccak256(bytes(guarded[i]))), new bytes(40 * 32));
            uint256 snapshot = vm.snapshotState();
            (, bytes memory result) = address(vault).call(data);
            assertNotEq(
                bytes4(result), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector, "locked for everybody"
            );
            vm.revertToState(snapshot);
        }
    }
}
