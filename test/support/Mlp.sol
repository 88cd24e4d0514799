// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {DataContracts} from "../../deploy/DataContracts.sol";

/// @notice A network as one would write it without tricks.
struct Network {
    uint256[] dims;
    /// Per layer, row-major [neuron][input].
    int256[][] weights;
    int256[][] biases;
    uint256 shift;
    uint256 activationMax;
    uint256 outputShift;
}

/// @notice Builds, encodes and evaluates networks the slow way: the contract's evaluator is held against it.
library Mlp {
    /// @notice Weights in [-127, 127] and biases in ±2^20, in the order that test/ml/runtime/quantizedMlp.test.ts draws.
    function random(uint256 seed, uint256[] memory dims, uint256 shift, uint256 activationMax, uint256 outputShift)
        internal
        pure
        returns (Network memory network)
    {
        network = Network({
            dims: dims,
            weights: new int256[][](dims.length - 1),
            biases: new int256[][](dims.length - 1),
            shift: shift,
            activationMax: activationMax,
            outputShift: outputShift
        });
        uint256 index;
        for (uint256 layer; layer + 1 < dims.length; ++layer) {
            int256[] memory weights = new int256[](dims[layer] * dims[layer + 1]);
            for (uint256 i; i < weights.length; ++i) {
                weights[i] = int256(draw(seed, index++) % 255) - 127;
            }
            int256[] memory biases = new int256[](dims[layer + 1]);
            for (uint256 i; i < biases.length; ++i) {
                biases[i] = int256(draw(seed, index++) % 2 ** 21) - 2 ** 20;
            }
            network.weights[layer] = weights;
            network.biases[layer] = biases;
        }
    }

    function draw(uint256 seed, uint256 index) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, index)));
    }

    function evaluate(Network memory network, int256[] memory inputs) internal pure returns (int256[] memory values) {
        int256 most = int256(network.activationMax);
        values = new int256[](inputs.length);
        for (uint256 i; i < inputs.length; ++i) {
            values[i] = inputs[i] > most ? most : inputs[i] < -most ? -most : inputs[i];
        }
        for (uint256 layer; layer < network.weights.length; ++layer) {
            bool last = layer + 1 == network.weights.length;
            int256[] memory next = new int256[](network.biases[layer].length);
            for (uint256 neuron; neuron < next.length; ++neuron) {
                int256 sum = network.biases[layer][neuron];
                for (uint256 i; i < values.length; ++i) {
                    sum += network.weights[layer][neuron * values.length + i] * values[i];
                }
                if (!last) {
                    sum = sum > 0 ? sum / int256(2 ** network.shift) : int256(0);
                    if (sum > most) sum = most;
                }
                next[neuron] = sum;
            }
            values = next;
        }
    }

    function encode(Network memory network) internal pure returns (bytes memory blob) {
        blob = abi.encodePacked(_header(network));
        for (uint256 layer; layer < network.weights.length; ++layer) {
            uint256 neurons = network.biases[layer].length;
            uint256 inputs = network.weights[layer].length / neurons;
            for (uint256 first; first < neurons; first += 8) {
                int256[8] memory lanes;
                for (uint256 lane; lane < 8; ++lane) {
                    lanes[lane] = 2 ** 31 + (first + lane < neurons ? network.biases[layer][first + lane] : int256(0));
                }
                uint256[] memory words = new uint256[](inputs + 1);
                words[0] = _word(lanes);
                for (uint256 i; i < inputs; ++i) {
                    for (uint256 lane; lane < 8; ++lane) {
                        lanes[lane] =
                            first + lane < neurons ? network.weights[layer][(first + lane) * inputs + i] : int256(0);
                    }
                    words[i + 1] = _word(lanes);
                }
                blob = bytes.concat(blob, abi.encodePacked(words));
            }
        }
    }

    /// @notice Encodes a network and stores it in data contracts.
    function store(Network memory network) internal returns (address[] memory) {
        return DataContracts.create(encode(network));
    }

    function _header(Network memory network) private pure returns (bytes memory header) {
        header = abi.encodePacked(uint8(1), uint8(network.weights.length));
        for (uint256 i; i < 8; ++i) {
            header = abi.encodePacked(header, uint16(i < network.dims.length ? network.dims[i] : 0));
        }
        for (uint256 i; i < 7; ++i) {
            header = abi.encodePacked(header, uint8(i + 1 < network.weights.length ? network.shift : 0));
        }
        header = abi.encodePacked(header, uint16(network.activationMax), uint8(network.outputShift), uint32(0));
    }

    function _word(int256[8] memory lanes) private pure returns (uint256 word) {
        unchecked {
            for (uint256 lane; lane < 8; ++lane) {
                word += uint256(lanes[lane]) << (32 * lane);
            }
        }
    }
}
