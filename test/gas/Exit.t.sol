// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {InKindExit, RangeVault} from "../../vaults/RangeVault.sol";
import {GasTest} from "./GasTest.sol";

/// @notice The first that touch a position since its mint pay for what every later one finds written: the pool's two marks
/// of fee growth and, in a vault without idle tokens, the vault's balances. *Steady* is anybody after them.
/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract ExitGasTest is GasTest {
    address private carol = makeAddr("carol");
    uint256 private shares;

    /// @dev Carol holds two percent of a vault with one live range.
    function _hold() private {
        _live(1);
        _join();
    }

    /// @dev She keeps a unit of each token, as one who has used them before does.
    function _join() private {
        assetToken.mint(carol, 1);
        otherToken.mint(carol, 1);
        _deposit(carol, _assets(30_000));
        shares = vault.balanceOf(carol);
        _blocks(30);
    }

    function _redeem(string memory name, uint256 part) private {
        _row(name, carol, address(vault), abi.encodeCall(IERC4626.redeem, (part, carol, carol)));
    }

    function _withdraw(string memory name, uint256 assets) private {
        _row(name, carol, address(vault), abi.encodeCall(IERC4626.withdraw, (assets, carol, carol)));
    }

    /// @dev Others take the idle asset, so that what follows must burn.
    function _drain() private {
        vm.startPrank(alice);
        (, uint256 idle1) = vault.idle();
        vault.withdraw(idle1, alice, alice);
        vm.stopPrank();
        _blocks(30);
    }

    function _inKindRow(string memory name, address who, uint256 part) private {
        InKindExit memory exit = InKindExit(part, who, who, who, 0, 0, false, false);
        _row(name, who, address(vault), abi.encodeCall(RangeVault.redeemInKind, (exit)));
    }

    function test_gas_fromAnIdleVault() public {
        _deposit(alice, _assets(1_000_000));
        _join();
        _redeem("redeem, vault idle, half", shares / 2);
        _blocks(2);
        _withdraw("withdraw, vault idle", _assets(5000));
        _blocks(2);
        _redeem("redeem, vault idle, all", vault.balanceOf(carol));
    }

    function test_gas_fromIdle() public {
        _hold();
        _redeem("redeem from idle over 1 range, half", shares / 2);
        _blocks(2);
        _withdraw("withdraw from idle over 1 range", _assets(5000));
        _blocks(2);
        _redeem("redeem from idle over 1 range, all", vault.balanceOf(carol));
    }

    function test_gas_byBurn() public {
        _hold();
        _drain();
        _redeem("redeem by burn, half", shares / 2);
        _blocks(2);
        _redeem("redeem by burn, half, steady", shares / 4);
        _blocks(2);
        _withdraw("withdraw by burn", _assets(5000));
        _blocks(2);
        _redeem("redeem by burn, all", vault.balanceOf(carol));
    }

    function test_gas_bySwap() public {
        _hold();
        _drain();
        bytes4 redeem = bytes4(keccak256("redeem(uint256,address,address,uint256)"));
        bytes4 withdraw = bytes4(keccak256("withdraw(uint256,address,address,uint256)"));
        uint256 id = vm.snapshotState();
        bytes memory data = abi.encodeWithSelector(withdraw, _assets(5000), carol, carol, shares);
        _row("withdraw by burn and swap", carol, address(vault), data);
        vm.revertToState(id);
        data = abi.encodeWithSelector(redeem, shares / 2, carol, carol, 1);
        _row("redeem by burn and swap, half", carol, address(vault), data);
        _blocks(2);
        data = abi.encodeWithSelector(redeem, shares / 4, carol, carol, 1);
        _row("redeem by burn and swap, half, steady", carol, address(vault), data);
        _blocks(2);
        data = abi.encodeWithSelector(redeem, vault.balanceOf(carol), carol, carol, 1);
        _row("redeem by burn and swap, all", carol, address(vault), data);
    }

    function test_gas_inKind() public {
        _hold();
        _inKindRow("redeem in kind, half", carol, shares / 2);
        _blocks(2);
        _inKindRow("redeem in kind, half, steady", carol, shares / 4);
        _blocks(2);
        _inKindRow("redeem in kind, all of a holder", carol, vault.balanceOf(carol));
        vm.startPrank(bob);
        vault.transfer(alice, vault.balanceOf(bob));
        vm.stopPrank();
        vm.startPrank(feeRecipient);
        vault.transfer(alice, vault.balanceOf(feeRecipient));
        vm.stopPrank();
        otherToken.mint(alice, 1);
        _blocks(30);
        _inKindRow("redeem in kind, all of the vault", alice, vault.balanceOf(alice));
    }

    function test_gas_byBurnOverTwoRanges() public {
        _live(2);
        _join();
        _drain();
        _redeem("redeem by burn over 2 ranges", shares / 2);
        _blocks(2);
        _inKindRow("redeem in kind over 2 ranges", carol, shares / 4);
    }
}
