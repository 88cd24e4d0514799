// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Arguments at their extremes, for any signature
/// @notice Encodes what an ABI signature asks for, structs and lists too: zero, one, powers of two and their neighbours,
/// the largest and the smallest of each type, and from lists of addresses, numbers and words that mean something.
abstract contract Extremes {
    /// Addresses, amounts and words to try.
    address[] internal places;
    uint256[] internal amounts;
    bytes32[] internal words;

    /// @dev The arguments of `signature`, "name(type,…)", with its selector.
    function _anyCall(string memory signature, uint256 seed) internal view returns (bytes memory) {
        bytes memory text = bytes(signature);
        uint256 start;
        while (text[start] != "(") ++start;
        return abi.encodePacked(bytes4(keccak256(text)), _tuple(_split(_cut(text, start + 1, text.length - 1)), seed));
    }

    /// @dev Heads, then tails.
    function _tuple(string[] memory types, uint256 seed) private view returns (bytes memory heads) {
        uint256 offset;
        for (uint256 i; i < types.length; ++i) {
            offset += _headLength(bytes(types[i]));
        }
        bytes memory tails;
        for (uint256 i; i < types.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed, i)));
            bytes memory value = _value(bytes(types[i]), seed);
            if (_isDynamic(bytes(types[i]))) {
                heads = abi.encodePacked(heads, offset + tails.length);
                tails = abi.encodePacked(tails, value);
            } else {
                heads = abi.encodePacked(heads, value);
            }
        }
        heads = abi.encodePacked(heads, tails);
    }

    function _value(bytes memory name, uint256 seed) private view returns (bytes memory) {
        if (_endsWithList(name)) {
            string[] memory types = new string[](seed % 4);
            for (uint256 i; i < types.length; ++i) {
                types[i] = string(_cut(name, 0, name.length - 2));
            }
            return abi.encodePacked(types.length, _tuple(types, seed >> 8));
        }
        if (name[0] == "(") return _tuple(_split(_cut(name, 1, name.length - 1)), seed);
        if (_isBytes(name)) {
            uint256 length = [uint256(0), 1, 32, 65][seed % 4];
            bytes memory padded = new bytes(((length + 31) / 32) * 32);
            for (uint256 i; i < length; ++i) {
                padded[i] = bytes1(uint8(seed >> (8 + i % 24)));
            }
            return abi.encodePacked(length, padded);
        }
        return abi.encodePacked(_word(name, seed));
    }

    function _word(bytes memory name, uint256 seed) private view returns (uint256) {
        if (name[0] == "a") return uint160(places[seed % places.length]);
        if (name[0] == "b" && name[1] == "o") return seed % 2;
        if (name[0] == "b") {
            uint256 unused = 256 - 8 * _number(name, 5);
            return (uint256(words[seed % words.length]) >> unused) << unused;
        }
        if (name[0] == "u") {
            uint256 bits = _number(name, 4);
            uint256 most = bits == 256 ? type(uint256).max : (uint256(1) << bits) - 1;
            if (seed % 8 > 5) return amounts[(seed >> 8) % amounts.length] & most;
            return [uint256(0), 1, 2, most, most - 1, most / 2 + 1][seed % 8];
        }
        int256 largest = int256((uint256(1) << (_number(name, 3) - 1)) - 1);
        return uint256([int256(0), 1, -1, largest, -largest - 1, -largest][seed % 6]);
    }

    /* TYPES */

    function _number(bytes memory name, uint256 skipped) private pure returns (uint256 number) {
        for (uint256 i = skipped; i < name.length; ++i) {
            number = number * 10 + uint8(name[i]) - 48;
        }
    }

    function _cut(bytes memory text, uint256 from, uint256 to) private pure returns (bytes memory part) {
        part = new bytes(to - from);
        for (uint256 i; i < part.length; ++i) {
            part[i] = text[from + i];
        }
    }

    function _endsWithList(bytes memory name) private pure returns (bool) {
        return name[name.length - 1] == "]";
    }

    function _isBytes(bytes memory name) private pure returns (bool) {
        return keccak256(name) == keccak256("bytes") || keccak256(name) == keccak256("string");
    }

    function _isDynamic(bytes memory name) private pure returns (bool) {
        if (_endsWithList(name) || _isBytes(name)) return true;
        if (name[0] != "(") return false;
        string[] memory types = _split(_cut(name, 1, name.length - 1));
        for (uint256 i; i < types.length; ++i) {
            if (_isDynamic(bytes(types[i]))) return true;
        }
        return false;
    }

    function _headLength(bytes memory name) private pure returns (uint256 length) {
        if (name[0] != "(" || _isDynamic(name)) return 32;
        string[] memory types = _split(_cut(name, 1, name.length - 1));
        for (uint256 i; i < types.length; ++i) {
            length += _headLength(bytes(types[i]));
        }
    }

    /// @dev At the commas outside of any bracket.
    function _split(bytes memory list) private pure returns (string[] memory types) {
        string[] memory found = new string[](32);
        uint256 count;
        uint256 depth;
        uint256 start;
        for (uint256 i; i <= list.length; ++i) {
            if (i < list.length && list[i] == "(") ++depth;
            if (i < list.length && list[i] == ")") --depth;
            if (i < list.length && (list[i] != "," || depth > 0)) continue;
            if (i > start) found[count++] = string(_cut(list, start, i));
            start = i + 1;
        }
        types = new string[](count);
        for (uint256 i; i < count; ++i) {
            types[i] = found[i];
        }
    }
}
