// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {Errors} from "@openzeppelin/contracts/utils/Errors.sol";
import {ModelStrategy} from "../../strategies/ModelStrategy.sol";
import {StrategyDeployer} from "../../strategies/StrategyDeployer.sol";
import {IStrategyDeployer} from "../../vaults/interfaces/IStrategyDeployer.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {ReferencePriceOracle} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {RangeVault} from "../../vaults/RangeVault.sol";
import {
    CreationCodes,
    IUniswapV3Factory,
    RangeVaultFactory,
    SetParameters,
    VaultSet
} from "../../vaults/RangeVaultFactory.sol";
import {IFactory, IPoolInitialize} from "../support/BaseTest.sol";
import {StrategyTest} from "../support/StrategyTest.sol";

interface IPoolFactory {
    function factory() external view returns (address);
}

contract RangeVaultFactoryTest is StrategyTest {
    RangeVaultFactory internal factory;
    StrategyDeployer internal deployer;
    CreationCodes internal codes;

    function setUp() public override {
        super.setUp();
        codes = CreationCodes(
            type(ReferencePriceOracle).creationCode, type(RangeVault).creationCode, type(ModelStrategy).creationCode
        );
        factory = new RangeVaultFactory(
            IUniswapV3Factory(IPoolFactory(address(pool)).factory()), keccak256(codes.oracle), keccak256(codes.vault)
        );
        deployer = new StrategyDeployer(keccak256(codes.strategy));
    }

    function _parameters() internal view returns (SetParameters memory parameters) {
        parameters.name = "Child";
        parameters.symbol = "rkC";
        parameters.asset = IERC20(address(assetToken));
        parameters.authority = address(manager);
        parameters.feeRecipient = feeRecipient;
        parameters.limits = _defaultLimits();
        parameters.limits.maxPoolShareBps = 200;
        parameters.limits.maxWidthTicks = 1200;
        parameters.oracle = _oracleParameters();
        parameters.strategyDeployer = deployer;
        parameters.strategyArguments = abi.encode(registry, MODEL_ID, manager, _defaultBounds());
        parameters.salt = "first";
    }

    function test_create_makesASetThatBelongsTogether() public {
        SetParameters memory parameters = _parameters();
        (address made, address madeOracle, address madeStrategy) = factory.create(parameters, codes);
        RangeVault child = RangeVault(made);
        assertEq(child.oracle(), madeOracle);
        assertEq(child.pool(), address(pool));
        assertEq(child.asset(), address(assetToken));
        assertEq(child.name(), "Child");
        assertEq(child.authority(), address(manager));
        assertEq(child.feeRecipient(), feeRecipient);
        assertEq(abi.encode(child.limits()), abi.encode(parameters.limits));
        assertEq(ReferencePriceOracle(madeOracle).longWindowSeconds(), WINDOW_SECONDS);
        assertEq(address(ModelStrategy(madeStrategy).vault()), made);
        assertEq(ModelStrategy(madeStrategy).modelId(), MODEL_ID);
        assertEq(child.strategy(), address(0), "to name it is the owner's");
        assertTrue(factory.isVault(made));
        assertFalse(factory.isVault(address(vault)));
        assertEq(factory.vaultCount(), 1);
        assertEq(factory.vaultAt(0), made);
        VaultSet memory set = factory.setOf(made);
        assertEq(set.oracle, madeOracle);
        assertEq(set.strategy, madeStrategy);
        assertEq(set.strategyDeployer, address(deployer));
        assertEq(set.creator, address(this));
        // The code is the very one: it differs from another deployment in its immutables alone.
        assertEq(made.code.length, address(vault).code.length);
    }

    function test_create_tellsTheWholeConfiguration() public {
        SetParameters memory parameters = _parameters();
        uint256 snapshot = vm.snapshotState();
        (address made, address madeOracle, address madeStrategy) = factory.create(parameters, codes);
        vm.revertToState(snapshot);
        vm.expectEmit(address(factory));
        emit RangeVaultFactory.VaultCreated(made, address(this), address(pool), madeOracle, madeStrategy, parameters);
        factory.create(parameters, codes);
    }

    function test_create_addressesFollowFromTheCreatorAndAllParameters() public {
        SetParameters memory parameters = _parameters();
        uint256 snapshot = vm.snapshotState();
        (address made,,) = factory.create(parameters, codes);
        parameters.salt = "second";
        (address second,,) = factory.create(parameters, codes);
        assertNotEq(second, made);
        assertEq(factory.vaultCount(), 2);
        vm.revertToState(snapshot);
        parameters.salt = "first";
        vm.prank(alice);
        (address hers,,) = factory.create(parameters, codes);
        assertNotEq(hers, made, "another creator, another address");
        (address again,,) = factory.create(parameters, codes);
        assertEq(again, made, "nobody can take it first");
        // The same again is taken; a collision burns what gas it is given.
        vm.expectRevert(Errors.FailedDeployment.selector);
        factory.create{gas: 50_000_000}(parameters, codes);
    }

    /// One byte of any code is enough.
    function testFuzz_create_refusesAnotherCode(uint256 at, uint256 which) public {
        CreationCodes memory changed = codes;
        which = which % 3;
        bytes memory code = which == 0 ? changed.oracle : which == 1 ? changed.vault : changed.strategy;
        bytes32 known = keccak256(code);
        code[at % code.length] ^= 0x01;
        SetParameters memory parameters = _parameters();
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.CreationCodeUnknown.selector, keccak256(code), known));
        factory.create(parameters, changed);
    }

    function test_create_refusesAPoolThatUniswapDoesNotKnow() public {
        address other =
            deployCode("node_modules/@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json");
        address fake = IFactory(other).createPool(address(token0), address(token1), POOL_FEE_PIPS);
        IPoolInitialize(fake).initialize(1 << 96);
        SetParameters memory parameters = _parameters();
        parameters.oracle.pool = IUniswapV3Pool(fake);
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.PoolNotGenuine.selector, fake));
        factory.create(parameters, codes);
    }

    function test_create_refusesToCallWhereNothingIs() public {
        address nobody = makeAddr("nobody");
        bytes memory refusal = abi.encodeWithSelector(ErrorsLib.NoContract.selector, nobody);
        SetParameters memory parameters = _parameters();
        parameters.oracle.pool = IUniswapV3Pool(nobody);
        vm.expectRevert(refusal);
        factory.create(parameters, codes);
        parameters = _parameters();
        parameters.asset = IERC20(nobody);
        vm.expectRevert(refusal);
        factory.create(parameters, codes);
        parameters = _parameters();
        parameters.strategyDeployer = IStrategyDeployer(nobody);
        vm.expectRevert(refusal);
        factory.create(parameters, codes);
    }

    function test_create_refusesAPoolThatForgets() public {
        SetParameters memory parameters = _parameters();
        parameters.oracle.blockIntervalSeconds = 1;
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.ObservationsTooFew.selector, 400, 2160));
        factory.create(parameters, codes);
        parameters.oracle = _oracleParameters();
        parameters.oracle.longWindowSeconds = 30 days;
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.LongWindowUnavailable.selector, 30 days));
        factory.create(parameters, codes);
    }

    function test_create_refusesWhereAStalePriceCanPay() public {
        SetParameters memory parameters = _parameters();
        parameters.limits.maxPoolShareBps = 1000;
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        factory.create(parameters, codes);
        parameters.limits.maxPoolShareBps = 200;
        parameters.limits.maxWidthTicks = 4000;
        vm.expectPartialRevert(ErrorsLib.MispricingPays.selector);
        factory.create(parameters, codes);
    }

    function test_create_refusesAnAssetWithoutDecimals() public {
        vm.mockCall(address(assetToken), abi.encodeWithSignature("decimals()"), abi.encode(uint8(0)));
        SetParameters memory parameters = _parameters();
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AssetWithoutDecimals.selector, address(assetToken)));
        factory.create(parameters, codes);
    }

    function test_create_takesATokenWithoutDecimalsBesideTheAsset() public {
        vm.mockCall(address(otherToken), abi.encodeWithSignature("decimals()"), abi.encode(uint8(0)));
        (address made,,) = factory.create(_parameters(), codes);
        assertTrue(factory.isVault(made));
    }
}
