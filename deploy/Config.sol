// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Script} from "forge-std/Script.sol";
import {Bounds} from "../strategies/libraries/BoundsLib.sol";

uint64 constant OWNER_ROLE = 1;
uint64 constant CURATOR_ROLE = 2;
uint64 constant GUARDIAN_ROLE = 3;

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
