// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {Script} from "forge-std/Script.sol";
import {Bounds} from "../strategies/libraries/BoundsLib.sol";

uint64 constant OWNER_ROLE = 1;
uint64 constant CURATOR_ROLE = 2;
uint64 constant GUARDIAN_ROLE = 3;
// Of the owner, with a delay: to name a strategy.
uint64 constant STRATEGY_SETTER_ROLE = 4;

/// @title What every deploy script reads of the configuration (TOML), which the worker reads too
abstract contract Config is Script {
    string internal config;

    function _bounds(string memory section) internal view returns (Bounds memory bounds) {
        bounds.minWidthTicks = uint24(_uint(section, "minWidthTicks"));
        bounds.maxWidthTicks = uint24(_uint(section, "maxWidthTicks"));
        bounds.maxCentreDistanceTicks = uint24(_uint(section, "maxCentreDistanceTicks"));
        bounds.cooldownSeconds = uint32(_uint(section, "cooldownSeconds"));
        bounds.maxMovesPerDay = uint16(_uint(section, "maxMovesPerDay"));
        bounds.gainMarginWad = uint64(_uint(section, "gainMarginBps") * 1e14);
        bounds.maxSwapShareWad = uint64(_uint(section, "maxSwapShareBps") * 1e14);
        bounds.widthFloorBaseTicks = uint24(_uint(section, "widthFloorBaseTicks"));
        bounds.widthFloorPerSpreadTicks = uint24(_uint(section, "widthFloorPerSpreadTicks"));
        bounds.fullShareSpreadWad = uint64(_uint(section, "fullShareSpreadBps") * 1e14);
        bounds.minShareWad = uint64(_uint(section, "minShareBps") * 1e14);
        bounds.spreadCeilingWad = uint64(_uint(section, "spreadCeilingBps") * 1e14);
        bounds.volatilityWindowSeconds = uint32(_uintOr(string.concat(section, "volatilityWindowSeconds"), 0));
        bounds.maxSilenceSeconds = uint32(_uintOr(string.concat(section, "maxSilenceSeconds"), 0));
    }

    /// @dev Longer than an exit takes; none on a local chain.
    function _defaultNotice() internal view returns (uint256) {
        return block.chainid == 31_337 ? 0 : 2 days;
    }

    /// @dev Between announcing what an administrator, or who names strategies, wants and its effect.
    function _roleDelay() internal view returns (uint32) {
        uint256 delay = _uintOr(".roles.delaySeconds", _defaultNotice());
        require(
            block.chainid == 31_337 || delay >= 1 days, "roles.delaySeconds is shorter than shareholders need to leave"
        );
        return uint32(delay);
    }

    /// @dev Calls as the broadcaster, or announces the call where a delay is on it: `execute` of the AccessManager with
    /// the same target and data does it after the delay.
    function _callOrAnnounce(AccessManager manager, address target, bytes memory data) internal returns (bool called) {
        (, address caller,) = vm.readCallers();
        (called,) = manager.canCall(caller, target, bytes4(data));
        if (!called) {
            manager.schedule(target, data, 0);
            return false;
        }
        (bool done, bytes memory answer) = target.call(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    function _uint(string memory section, string memory key) internal view returns (uint256) {
        return vm.parseTomlUint(config, string.concat(section, key));
    }

    function _uintOr(string memory key, uint256 otherwise) internal view returns (uint256) {
        return vm.keyExistsToml(config, key) ? vm.parseTomlUint(config, key) : otherwise;
    }

    /// @dev Zero where the key is not there.
    function _addressOr(string memory key) internal view returns (address) {
        return vm.keyExistsToml(config, key) ? vm.parseTomlAddress(config, key) : address(0);
    }

    function _stringOr(string memory key, string memory otherwise) internal view returns (string memory) {
        return vm.keyExistsToml(config, key) ? vm.parseTomlString(config, key) : otherwise;
    }
}
