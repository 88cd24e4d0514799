// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test, console} from "forge-std/Test.sol";
import {DataContracts} from "../../../deploy/DataContracts.sol";
import {StrategyErrorsLib} from "../../../strategies/libraries/StrategyErrorsLib.sol";
import {MlpShape, QuantizedMlp} from "../../../strategies/models/QuantizedMlp.sol";
import {makeCold} from "../../support/MakeCold.sol";
import {Mlp, Network} from "../../support/Mlp.sol";

/// @notice So that gas is that of a call.
contract Evaluator {
    function evaluate(address[] memory data, int256[] memory inputs) external view returns (int256[] memory) {
        return QuantizedMlp.evaluate(data, inputs);
    }

    function lastOutputWad(address[] memory data, int256[] memory inputs) external view returns (uint256) {
        return QuantizedMlp.lastOutputWad(data, inputs);
    }

    function shapeOf(address[] memory data) external view returns (MlpShape memory) {
        return QuantizedMlp.shapeOf(data);
    }

    function naive(Network memory network, int256[] memory inputs) external pure returns (int256[] memory) {
        return Mlp.evaluate(network, inputs);
    }
}

contract QuantizedMlpTest is Test {
    Evaluator private evaluator = new Evaluator();

    function _dims(uint256 a, uint256 b, uint256 c, uint256 d) private pure returns (uint256[] memory dims) {
        dims = new uint256[](4);
        (dims[0], dims[1], dims[2], dims[3]) = (a, b, c, d);
    }

    function _inputs(uint256 seed, uint256 count, uint256 most) private pure returns (int256[] memory inputs) {
        inputs = new int256[](count);
        for (uint256 i; i < count; ++i) {
            uint256 noise = Mlp.draw(seed, i);
            // A quarter of them at or beyond the extremes.
            inputs[i] = noise % 8 == 0
                ? int256(most)
                : noise % 8 == 1 ? -int256(noise >> 8) : int256((noise >> 8) % (2 * most + 1)) - int256(most);
        }
    }

    /// The integer reference in TypeScript writes these vectors and is held to them too.
    function test_evaluate_answersTheReferencesVectors() public {
        string memory json = vm.readFile("test/golden/quantizedMlp.json");
        uint256 cases;
        for (uint256 n; vm.keyExistsJson(json, string.concat(".networks[", vm.toString(n), "]")); ++n) {
            string memory key = string.concat(".networks[", vm.toString(n), "].");
            Network memory network = Mlp.random(
                vm.parseJsonUint(json, string.concat(key, "seed")),
                vm.parseJsonUintArray(json, string.concat(key, "dims")),
                vm.parseJsonUint(json, string.concat(key, "shift")),
                vm.parseJsonUint(json, string.concat(key, "activationMax")),
                vm.parseJsonUint(json, string.concat(key, "outputShift"))
            );
            bytes memory blob = Mlp.encode(network);
            assertEq(keccak256(blob), vm.parseJsonBytes32(json, string.concat(key, "blobHash")), "encoders differ");
            address[] memory data = DataContracts.create(blob);
            for (uint256 i; vm.keyExistsJson(json, _item(key, "inputs", i)); ++i) {
                int256[] memory answers = evaluator.evaluate(data, vm.parseJsonIntArray(json, _item(key, "inputs", i)));
                assertEq(answers, vm.parseJsonIntArray(json, _item(key, "outputs", i)));
                ++cases;
            }
        }
        assertEq(cases, 42);
    }

    function _item(string memory key, string memory name, uint256 i) private pure returns (string memory) {
        return string.concat(key, name, "[", vm.toString(i), "]");
    }

    function testFuzz_evaluate_equalsPlainArithmetic(uint256 seed, uint256 inputSeed) public {
        uint256[] memory dims = new uint256[](2 + (seed % 4));
        for (uint256 i; i < dims.length; ++i) {
            dims[i] = 1 + ((seed >> (8 + 8 * i)) % 20);
        }
        uint256 most = 1 + ((seed >> 200) % 65_535);
        Network memory network = Mlp.random(seed, dims, (seed >> 240) % 24, most, 0);
        int256[] memory inputs = _inputs(inputSeed, dims[0], most);
        assertEq(evaluator.evaluate(Mlp.store(network), inputs), Mlp.evaluate(network, inputs));
    }

    /// Every lane at the edge of what the exporter lets through, borrowing from its neighbour or not.
    function testFuzz_evaluate_holdsAtTheOverflowBound(uint256 signs) public {
        uint256[] memory dims = new uint256[](2);
        (dims[0], dims[1]) = (16, 16);
        Network memory network = Mlp.random(1, dims, 0, 65_535, 0);
        for (uint256 neuron; neuron < 16; ++neuron) {
            bool negative = signs & (1 << neuron) != 0;
            for (uint256 i; i < 16; ++i) {
                network.weights[0][neuron * 16 + i] = negative ? int256(-127) : int256(127);
            }
            int256 bias = 2 ** 31 - 1 - 16 * 127 * 65_535;
            network.biases[0][neuron] = negative ? -bias : bias;
        }
        int256[] memory inputs = new int256[](16);
        for (uint256 i; i < 16; ++i) {
            inputs[i] = signs & (1 << 32) != 0 ? int256(65_535) : int256(-65_535);
        }
        assertEq(evaluator.evaluate(Mlp.store(network), inputs), Mlp.evaluate(network, inputs));
    }

    function test_evaluate_readsSeveralDataContracts() public {
        Network memory network = Mlp.random(7, _dims(16, 128, 128, 3), 10, 1023, 16);
        address[] memory data = Mlp.store(network);
        assertEq(data.length, 4);
        int256[] memory inputs = _inputs(8, 16, 1023);
        assertEq(evaluator.evaluate(data, inputs), Mlp.evaluate(network, inputs));
        (data[0], data[1]) = (data[1], data[0]);
        vm.expectRevert(StrategyErrorsLib.HeadShapeInvalid.selector);
        evaluator.evaluate(data, inputs);
    }

    function test_lastOutputWad_isShiftedAndNeverNegative() public {
        uint256[] memory dims = new uint256[](2);
        (dims[0], dims[1]) = (1, 2);
        Network memory network = Mlp.random(1, dims, 0, 100, 10);
        (network.weights[0][0], network.weights[0][1]) = (int256(1), int256(3));
        (network.biases[0][0], network.biases[0][1]) = (int256(0), int256(24));
        address[] memory data = Mlp.store(network);
        int256[] memory inputs = new int256[](1);
        inputs[0] = 100;
        assertEq(evaluator.lastOutputWad(data, inputs), (uint256(324) * 1e18) / 1024);
        inputs[0] = -100;
        assertEq(evaluator.lastOutputWad(data, inputs), 0);
    }

    function test_shapeOf_refusesWhatIsMalformed() public {
        bytes memory good = Mlp.encode(Mlp.random(1, _dims(2, 9, 4, 3), 3, 127, 5));
        MlpShape memory shape = evaluator.shapeOf(DataContracts.create(good));
        assertEq(shape.layers, 3);
        assertEq(shape.dims[1], 9);
        assertEq(shape.shifts[1], 3);
        assertEq(shape.activationMax, 127);
        assertEq(shape.outputShift, 5);
        // Version, layers, each dimension, the largest activation, the reserved bytes, and the length.
        uint8[8] memory bytes_ = [0, 1, 3, 5, 7, 9, 26, 31];
        for (uint256 i; i < bytes_.length; ++i) {
            bytes memory bad = bytes.concat(good);
            bad[bytes_[i]] = bytes_[i] == 31 ? bytes1(0x01) : bytes1(0x00);
            _refuses(bad);
        }
        _refuses(bytes.concat(good, bytes32(0)));
        bytes memory many = bytes.concat(good);
        many[1] = 0x08;
        _refuses(many);
    }

    /// As long as its header says, but nothing would be answered.
    function test_shapeOf_refusesALayerWithoutOutputs() public {
        bytes memory blob = Mlp.encode(Mlp.random(1, _dims(2, 9, 4, 3), 3, 127, 5));
        MlpShape memory shape = evaluator.shapeOf(DataContracts.create(blob));
        // Bytes 8 and 9 of the header: the outputs of the last layer, which has one word for each input and the biases.
        (blob[8], blob[9]) = (0, 0);
        bytes memory shorter = new bytes(blob.length - 32 * (shape.dims[2] + 1));
        for (uint256 i; i < shorter.length; ++i) {
            shorter[i] = blob[i];
        }
        _refuses(shorter);
    }

    function _refuses(bytes memory blob) private {
        address[] memory data = DataContracts.create(blob);
        vm.expectRevert(StrategyErrorsLib.HeadShapeInvalid.selector);
        evaluator.shapeOf(data);
    }

    function test_load_refusesWhatIsNotADataContract() public {
        address[] memory data = new address[](1);
        data[0] = makeAddr("nobody");
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.HeadDataInvalid.selector, data[0]));
        evaluator.shapeOf(data);
        data[0] = address(evaluator);
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.HeadDataInvalid.selector, data[0]));
        evaluator.shapeOf(data);
        vm.expectRevert(StrategyErrorsLib.HeadShapeInvalid.selector);
        evaluator.shapeOf(new address[](0));
    }

    function test_evaluate_refusesAnotherNumberOfInputs() public {
        address[] memory data = Mlp.store(Mlp.random(1, _dims(2, 9, 4, 3), 3, 127, 5));
        vm.expectRevert(abi.encodeWithSelector(StrategyErrorsLib.HeadInputsMismatch.selector, 3, 2));
        evaluator.evaluate(data, new int256[](3));
    }

    /// What a call costs, cold, beside plain checked Solidity.
    function test_gas_ofTheMeasuredShapes() public {
        uint256[4][4] memory shapes =
            [[uint256(8), 16, 16, 3], [uint256(16), 32, 32, 3], [uint256(16), 64, 64, 3], [uint256(16), 128, 128, 3]];
        uint256[4] memory most = [uint256(20_000), 36_000, 75_000, 206_000];
        for (uint256 i; i < 4; ++i) {
            uint256[4] memory s = shapes[i];
            Network memory network = Mlp.random(i, _dims(s[0], s[1], s[2], s[3]), 9, 127, 0);
            address[] memory data = Mlp.store(network);
            int256[] memory inputs = _inputs(i, s[0], 127);
            for (uint256 k; k < data.length; ++k) {
                makeCold(vm, data[k]);
            }
            evaluator.evaluate(data, inputs);
            uint256 used = vm.lastCallGas().gasTotalUsed;
            evaluator.naive(network, inputs);
            console.log("%s neurons a layer: %s gas, plain %s", s[1], used, vm.lastCallGas().gasTotalUsed);
            assertLe(used, most[i]);
        }
    }
}
