// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {GasTest} from "./GasTest.sol";

/// forge-config: default.isolate = true
/// forge-config: deep.isolate = true
contract EntryGasTest is GasTest {
    address private carol = makeAddr("carol");

    function _deposits(string memory name, address who) private {
        _row(name, who, address(vault), abi.encodeCall(IERC4626.deposit, (_assets(1000), who)));
    }

    function test_gas_depositIntoIdle() public {
        _approved(alice, _assets(10_000));
        _approved(bob, _assets(10_000));
        _blocks(2);
        _deposits("deposit, first", alice);
        _blocks(2);
        _deposits("deposit, vault idle, new holder", bob);
        _blocks(2);
        _deposits("deposit, vault idle, repeat holder", bob);
    }

    function test_gas_depositOverOneRange() public {
        _depositOver(1, "1 range");
    }

    function test_gas_depositOverTwoRanges() public {
        _depositOver(2, "2 ranges");
    }

    function _depositOver(uint256 count, string memory what) private {
        _live(count);
        _approved(carol, _assets(10_000));
        _deposits(string.concat("deposit over ", what, ", new holder"), carol);
        _blocks(2);
        _deposits(string.concat("deposit over ", what, ", repeat holder"), carol);
        _blocks(2);
        uint256 shares = vault.previewDeposit(_assets(1000));
        bytes memory data = abi.encodeCall(IERC4626.mint, (shares, carol));
        _row(string.concat("mint over ", what, ", repeat holder"), carol, address(vault), data);
    }
}
