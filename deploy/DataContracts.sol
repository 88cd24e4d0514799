// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

// The most bytes of a contract's code, less its STOP byte.
uint256 constant DATA_BYTES = 24_575;

/// @title Bytes as the code of contracts
library DataContracts {
    error DataNotStored(uint256 at);

    /// @notice Stores `blob` in as few contracts as it needs; each code is a STOP byte and a part of it.
    function create(bytes memory blob) internal returns (address[] memory data) {
        data = new address[]((blob.length + DATA_BYTES - 1) / DATA_BYTES);
        for (uint256 i; i < data.length; ++i) {
            uint256 at = i * DATA_BYTES;
            uint256 length = blob.length - at < DATA_BYTES ? blob.length - at : DATA_BYTES;
            bytes memory part = new bytes(length);
            assembly ("memory-safe") {
                mcopy(add(part, 32), add(add(blob, 32), at), length)
            }
            data[i] = _store(part);
            require(data[i] != address(0), DataNotStored(at));
        }
    }

    function _store(bytes memory part) private returns (address data) {
        // PUSH2 size, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN; then the code. The length is below 2^16.
        bytes memory code = bytes.concat(hex"61", bytes2(uint16(part.length + 1)), hex"80600a5f395ff300", part);
        assembly ("memory-safe") {
            data := create(0, add(code, 32), mload(code))
        }
    }
}
