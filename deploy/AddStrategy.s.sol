// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {BaseStrategy} from "../strategies/BaseStrategy.sol";
import {FixedWidthRule, FixedWidthStrategy} from "../strategies/FixedWidthStrategy.sol";
import {IRangeVault} from "../vaults/interfaces/IRangeVault.sol";
import {RangeVault} from "../vaults/RangeVault.sol";
import {CURATOR_ROLE, Config, GUARDIAN_ROLE} from "./Config.sol";

/// @title Gives the deployed vault of RANGEKEEPER_ADDRESSES (JSON) the rule of [vaults.fixedWidth] in RANGEKEEPER_CONFIG
/// @notice The broadcaster must be the administrator and the owner. Where the roles carry a delay the three calls are
/// announced, and `execute` of the AccessManager does each after it. From then on the model's proposals are refused.
contract AddStrategy is Config {
    function run() external returns (FixedWidthStrategy strategy) {
        config = vm.readFile(vm.envString("RANGEKEEPER_CONFIG"));
        require(vm.parseTomlUint(config, ".chainId") == block.chainid, "chainId of the config is not this chain's");
        string memory addresses = vm.readFile(vm.envString("RANGEKEEPER_ADDRESSES"));
        RangeVault vault = RangeVault(vm.parseJsonAddress(addresses, ".vault"));
        AccessManager manager = AccessManager(vm.parseJsonAddress(addresses, ".accessManager"));

        uint256 key = vm.envOr("RANGEKEEPER_DEPLOYER_KEY", uint256(0));
        if (key == 0) vm.startBroadcast();
        else vm.startBroadcast(key);
        strategy = new FixedWidthStrategy(
            IRangeVault(address(vault)), address(manager), _bounds(".vaults[0].strategy."), _rule()
        );
        bytes4[] memory curator = new bytes4[](2);
        curator[0] = BaseStrategy.setBounds.selector;
        curator[1] = FixedWidthStrategy.setRule.selector;
        _assign(manager, address(strategy), curator, CURATOR_ROLE);
        bytes4[] memory guardian = new bytes4[](2);
        guardian[0] = BaseStrategy.invalidateNonce.selector;
        guardian[1] = BaseStrategy.cancelAnnouncement.selector;
        _assign(manager, address(strategy), guardian, GUARDIAN_ROLE);
        _callOrAnnounce(manager, address(vault), abi.encodeCall(RangeVault.setStrategy, (address(strategy))));
        vm.stopBroadcast();
    }

    function _assign(AccessManager manager, address target, bytes4[] memory selectors, uint64 role) private {
        bytes memory data = abi.encodeCall(AccessManager.setTargetFunctionRole, (target, selectors, role));
        _callOrAnnounce(manager, address(manager), data);
    }

    function _rule() private view returns (FixedWidthRule memory rule) {
        string memory section = ".vaults[0].fixedWidth.";
        rule.halfWidthTicks = uint24(_uint(section, "halfWidthTicks"));
        rule.triggerTicks = uint24(_uint(section, "triggerTicks"));
        rule.refreshSeconds = uint32(_uint(section, "refreshSeconds"));
        rule.shareWad = uint64(_uint(section, "shareBps") * 1e14);
        rule.maxCostWad = uint64(_uint(section, "maxCostBps") * 1e14);
    }
}
