// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {VmSafe} from "forge-std/Vm.sol";

/// @notice A slot's life within one transaction.
struct Slot {
    address account;
    bytes32 slot;
    bytes32 original;
}

/// @title Gas of the storage accesses of one transaction, by account
/// @notice EIP-2929 and EIP-3529: a first access is cold (2,100), a later one warm (100); a write pays 20,000 for the
/// first value, 2,900 for another, 100 when the slot was already written or nothing changes. Refunds apart.
library StorageGas {
    /// @notice Gas of reads, and of writes, of those `accounts`.
    function spent(VmSafe.AccountAccess[] memory accesses, address[] memory accounts)
        internal
        pure
        returns (uint256 reads, uint256 writes)
    {
        uint256 total;
        for (uint256 i; i < accesses.length; ++i) {
            total += accesses[i].storageAccesses.length;
        }
        Slot[] memory seen = new Slot[](total);
        uint256 count;
        for (uint256 i; i < accesses.length; ++i) {
            for (uint256 j; j < accesses[i].storageAccesses.length; ++j) {
                VmSafe.StorageAccess memory access = accesses[i].storageAccesses[j];
                if (!_isOneOf(access.account, accounts)) continue;
                uint256 at = _find(seen, count, access);
                uint256 gas = 100;
                if (at == count) {
                    seen[count++] = Slot(access.account, access.slot, access.previousValue);
                    gas = 2100;
                }
                if (!access.isWrite) {
                    reads += gas;
                    continue;
                }
                bool untouched = access.previousValue == seen[at].original;
                if (access.newValue == access.previousValue || !untouched) gas = gas == 2100 ? 2200 : 100;
                else gas = (gas == 2100 ? 2100 : 0) + (seen[at].original == 0 ? 20_000 : 2900);
                writes += gas;
            }
        }
    }

    function _find(Slot[] memory seen, uint256 count, VmSafe.StorageAccess memory access)
        private
        pure
        returns (uint256 at)
    {
        while (at < count && (seen[at].slot != access.slot || seen[at].account != access.account)) {
            ++at;
        }
    }

    function _isOneOf(address account, address[] memory accounts) private pure returns (bool) {
        for (uint256 i; i < accounts.length; ++i) {
            if (accounts[i] == account) return true;
        }
        return false;
    }
}
