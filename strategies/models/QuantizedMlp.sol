// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

// Arithmetic on packed lanes has no other way.
// solhint-disable no-inline-assembly

import {StrategyErrorsLib} from "../libraries/StrategyErrorsLib.sol";

// The only format so far.
uint256 constant MLP_VERSION = 1;

// As many as the header has room for.
uint256 constant MAX_LAYERS = 7;

// Signed 32-bit numbers side by side in one word.
uint256 constant LANES = 8;

/// @notice The header of a network, one word: version, layers, eight dimensions of 16 bits, seven shifts, the largest
/// activation, and the shift of the outputs; byte 0 first.
struct MlpShape {
    uint256 layers;
    uint256[8] dims;
    uint256[7] shifts;
    uint256 activationMax;
    /// An output v stands for v / 2^outputShift.
    uint256 outputShift;
}

/// @title A small neural network in integers, whose weights are the code of contracts
/// @notice NETWORK. Dense layers; after each but the last: ReLU, shift right, clamp to `activationMax`. Inputs are
/// clamped to ±`activationMax`. The last layer answers as it is.
///
/// LANES. Eight output neurons share a word, 32 bits each, so that one MUL multiplies an input by eight weights and one
/// ADD accumulates eight sums. Weights are signed: a negative lane borrows from the lane above, and the borrows cancel
/// in the end, for the sum of the whole word is exact modulo 2^256. The bias word carries 2^31 extra in each lane, so
/// that every finished lane lies in [0, 2^32) and can be cut out. This needs Σ|w|·activationMax + |b| < 2^31 for every
/// neuron, which the exporter proves before it writes; with other weights the answer is wrong but nothing reverts.
///
/// DATA. After the header word, layer by layer and group of eight neurons by group: the bias word, then one word per
/// input. The whole is cut over data contracts, whose code is a STOP byte and up to 24,575 bytes; so it can neither be
/// called nor change.
library QuantizedMlp {
    /// @notice The network's answers to `inputs`.
    function evaluate(address[] memory data, int256[] memory inputs) internal view returns (int256[] memory outputs) {
        (outputs,) = _evaluate(data, inputs);
    }

    /// @notice The last answer as a ratio, 1e18 = 1; a negative one is 0.
    function lastOutputWad(address[] memory data, int256[] memory inputs) internal view returns (uint256) {
        (int256[] memory outputs, uint256 outputShift) = _evaluate(data, inputs);
        int256 last = outputs[outputs.length - 1];
        // last < 2^31.
        return last > 0 ? (uint256(last) * 1e18) >> outputShift : 0;
    }

    function _evaluate(address[] memory data, int256[] memory inputs)
        private
        view
        returns (int256[] memory outputs, uint256 outputShift)
    {
        (uint256 start, uint256 length) = load(data);
        MlpShape memory shape = parse(start, length);
        outputShift = shape.outputShift;
        require(inputs.length == shape.dims[0], StrategyErrorsLib.HeadInputsMismatch(inputs.length, shape.dims[0]));
        uint256 activations = _clampedInputs(inputs, shape.activationMax);
        uint256 cursor = start + 32;
        uint256 last = shape.layers - 1;
        for (uint256 layer; layer < last; ++layer) {
            (activations, cursor) = _hidden(
                activations, cursor, shape.dims[layer], shape.dims[layer + 1], shape.shifts[layer], shape.activationMax
            );
        }
        outputs = _output(activations, cursor, shape.dims[last], shape.dims[last + 1]);
    }

    /// @notice The header of the network in `data`; refuses one that is malformed.
    function shapeOf(address[] memory data) internal view returns (MlpShape memory) {
        (uint256 start, uint256 length) = load(data);
        return parse(start, length);
    }

    /// @notice Copies the code of the data contracts into memory, one after the other, without their STOP bytes.
    function load(address[] memory data) internal view returns (uint256 start, uint256 length) {
        assembly ("memory-safe") {
            start := mload(0x40)
        }
        for (uint256 i; i < data.length; ++i) {
            address chunk = data[i];
            uint256 size = chunk.code.length;
            require(size > 1, StrategyErrorsLib.HeadDataInvalid(chunk));
            uint256 first;
            assembly ("memory-safe") {
                let target := add(start, length)
                // The code with its STOP byte, then moved over it: the byte must be looked at.
                extcodecopy(chunk, target, 0, 1)
                first := byte(0, mload(target))
                extcodecopy(chunk, target, 1, sub(size, 1))
                length := add(length, sub(size, 1))
                mstore(0x40, and(add(add(start, length), 31), not(31)))
            }
            require(first == 0, StrategyErrorsLib.HeadDataInvalid(chunk));
        }
        require(length >= 64, StrategyErrorsLib.HeadShapeInvalid());
    }

    /// @notice Reads the header at `start` and holds it against the `length` of the whole.
    /// @dev Unchecked: dimensions are below 2^16, so seven layers have fewer than 2^33 words.
    function parse(uint256 start, uint256 length) internal pure returns (MlpShape memory shape) {
        uint256 header;
        assembly ("memory-safe") {
            header := mload(start)
        }
        require(header >> 248 == MLP_VERSION && uint32(header) == 0, StrategyErrorsLib.HeadShapeInvalid());
        uint256 layers = uint8(header >> 240);
        require(layers > 0 && layers <= MAX_LAYERS, StrategyErrorsLib.HeadShapeInvalid());
        shape.layers = layers;
        unchecked {
            uint256 words = 1;
            uint256 before;
            for (uint256 i; i <= layers; ++i) {
                uint256 dim = uint16(header >> (224 - 16 * i));
                require(dim > 0, StrategyErrorsLib.HeadShapeInvalid());
                if (i > 0) {
                    // Whole words of lanes: the division must round first.
                    // forge-lint: disable-next-line(divide-before-multiply)
                    words += ((dim + LANES - 1) / LANES) * (before + 1);
                    shape.shifts[i - 1] = uint8(header >> (112 - 8 * i));
                }
                shape.dims[i] = dim;
                before = dim;
            }
            shape.activationMax = uint16(header >> 40);
            shape.outputShift = uint8(header >> 32);
            require(shape.activationMax > 0 && words * 32 == length, StrategyErrorsLib.HeadShapeInvalid());
        }
    }

    function _clampedInputs(int256[] memory inputs, uint256 activationMax) private pure returns (uint256 start) {
        // activationMax < 2^16.
        int256 most = int256(activationMax);
        uint256 count = inputs.length;
        assembly ("memory-safe") {
            start := mload(0x40)
            mstore(0x40, add(start, shl(5, count)))
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                let value := mload(add(add(inputs, 32), shl(5, i)))
                if sgt(value, most) { value := most }
                if slt(value, sub(0, most)) { value := sub(0, most) }
                mstore(add(start, shl(5, i)), value)
            }
        }
    }

    /// @dev One layer with ReLU, shift and clamp. Eight answers are written per group, those of absent neurons too (0).
    function _hidden(
        uint256 activations,
        uint256 cursor,
        uint256 inputs,
        uint256 neurons,
        uint256 shift,
        uint256 activationMax
    ) private pure returns (uint256 start, uint256 next) {
        uint256 target;
        assembly ("memory-safe") {
            start := mload(0x40)
            target := start
            mstore(0x40, add(start, and(add(shl(5, neurons), 255), not(255))))
        }
        uint256 end = target + 32 * neurons;
        while (target < end) {
            uint256 sum;
            (sum, cursor) = _sums(activations, cursor, inputs);
            assembly ("memory-safe") {
                // 2^31 stands for zero: less than that is negative.
                function activation(word, right, most) -> answer {
                    answer := and(word, 0xffffffff)
                    answer := shr(right, mul(sub(answer, 0x80000000), gt(answer, 0x80000000)))
                    answer := xor(answer, mul(xor(answer, most), gt(answer, most)))
                }
                mstore(target, activation(sum, shift, activationMax))
                mstore(add(target, 32), activation(shr(32, sum), shift, activationMax))
                mstore(add(target, 64), activation(shr(64, sum), shift, activationMax))
                mstore(add(target, 96), activation(shr(96, sum), shift, activationMax))
                mstore(add(target, 128), activation(shr(128, sum), shift, activationMax))
                mstore(add(target, 160), activation(shr(160, sum), shift, activationMax))
                mstore(add(target, 192), activation(shr(192, sum), shift, activationMax))
                mstore(add(target, 224), activation(shr(224, sum), shift, activationMax))
                target := add(target, 256)
            }
        }
        next = cursor;
    }

    function _output(uint256 activations, uint256 cursor, uint256 inputs, uint256 neurons)
        private
        pure
        returns (int256[] memory outputs)
    {
        outputs = new int256[](neurons);
        for (uint256 first; first < neurons; first += LANES) {
            uint256 sum;
            (sum, cursor) = _sums(activations, cursor, inputs);
            for (uint256 i = first; i < neurons && i < first + LANES; ++i) {
                // A lane is below 2^32.
                outputs[i] = int256(uint256(uint32(sum))) - 2 ** 31;
                sum >>= 32;
            }
        }
    }

    /// @dev The eight finished lanes of one group: its bias word plus Σ activation × weight word. Eight inputs a round.
    function _sums(uint256 activations, uint256 cursor, uint256 inputs)
        private
        pure
        returns (uint256 sum, uint256 next)
    {
        assembly ("memory-safe") {
            sum := mload(cursor)
            let w := add(cursor, 32)
            next := add(w, shl(5, inputs))
            let a := activations
            for { let odd := add(w, shl(5, and(inputs, 7))) } lt(w, odd) {} {
                sum := add(sum, mul(mload(a), mload(w)))
                a := add(a, 32)
                w := add(w, 32)
            }
            for {} lt(w, next) {} {
                sum := add(sum, mul(mload(a), mload(w)))
                sum := add(sum, mul(mload(add(a, 32)), mload(add(w, 32))))
                sum := add(sum, mul(mload(add(a, 64)), mload(add(w, 64))))
                sum := add(sum, mul(mload(add(a, 96)), mload(add(w, 96))))
                sum := add(sum, mul(mload(add(a, 128)), mload(add(w, 128))))
                sum := add(sum, mul(mload(add(a, 160)), mload(add(w, 160))))
                sum := add(sum, mul(mload(add(a, 192)), mload(add(w, 192))))
                sum := add(sum, mul(mload(add(a, 224)), mload(add(w, 224))))
                a := add(a, 256)
                w := add(w, 256)
            }
        }
    }
}
