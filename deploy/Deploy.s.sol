// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BaseStrategy} from "../strategies/BaseStrategy.sol";
import {ModelStrategy} from "../strategies/ModelStrategy.sol";
import {ModelParameters, Stage} from "../strategies/interfaces/IModelRegistry.sol";
import {ModelRegistry} from "../strategies/models/ModelRegistry.sol";
import {StrategyDeployer} from "../strategies/StrategyDeployer.sol";
import {AllowListGate} from "../vaults/gates/AllowListGate.sol";
import {IUniswapV3Pool} from "../vaults/interfaces/IUniswapV3Pool.sol";
import {EntryLib} from "../vaults/libraries/EntryLib.sol";
import {ExitLib} from "../vaults/libraries/ExitLib.sol";
import {FeeLib} from "../vaults/libraries/FeeLib.sol";
import {PositionsLib} from "../vaults/libraries/PositionsLib.sol";
import {PricingLib} from "../vaults/libraries/PricingLib.sol";
import {SettingsLib} from "../vaults/libraries/SettingsLib.sol";
import {Limits} from "../vaults/libraries/VaultState.sol";
import {LendingAdapter} from "../vaults/oracles/LendingAdapter.sol";
import {OracleParameters, ReferencePriceOracle} from "../vaults/oracles/ReferencePriceOracle.sol";
import {RangeVault} from "../vaults/RangeVault.sol";
import {CreationCodes, IUniswapV3Factory, RangeVaultFactory, SetParameters} from "../vaults/RangeVaultFactory.sol";
import {VaultLens} from "../vaults/VaultLens.sol";
import {CURATOR_ROLE, Config, GUARDIAN_ROLE, OWNER_ROLE, STRATEGY_SETTER_ROLE} from "./Config.sol";
import {DataContracts} from "./DataContracts.sol";

/// @notice A pool says who made it; whether that is true is Uniswap's factory's to say.
interface IPoolFactory {
    function factory() external view returns (address);
}

/// @notice Who is who.
struct Roles {
    address owner;
    address curator;
    address guardian;
    address modelSigner;
}

/// @notice What was deployed for one vault.
struct Deployment {
    RangeVault vault;
    ReferencePriceOracle oracle;
    ModelStrategy strategy;
    LendingAdapter lendingAdapter;
    /// Zero = nobody is kept out.
    AllowListGate gate;
}

/// @title Deploys everything that RANGEKEEPER_CONFIG (TOML) describes and writes RANGEKEEPER_ADDRESSES (JSON)
/// @notice The broadcaster is administrator only until the end: then the owner is, and the broadcaster nothing.
contract Deploy is Config {
    AccessManager private manager;
    ModelRegistry private registry;
    VaultLens private lens;
    RangeVaultFactory private factory;
    StrategyDeployer private strategyDeployer;
    /// Whose functions the roles are over.
    address[] private targets;
    bytes32 private modelId;

    function run() external {
        string memory json =
            deploy(vm.readFile(vm.envString("RANGEKEEPER_CONFIG")), vm.envOr("RANGEKEEPER_DEPLOYER_KEY", uint256(0)));
        vm.writeFile(vm.envString("RANGEKEEPER_ADDRESSES"), json);
    }

    /// @notice Deploys what `text` describes. `key` 0: forge's own flags say who broadcasts.
    /// @return The addresses of the first vault and of what all share, as JSON.
    function deploy(string memory text, uint256 key) public returns (string memory) {
        config = text;
        require(vm.parseTomlUint(config, ".chainId") == block.chainid, "chainId of the config is not this chain's");
        Roles memory roles = Roles({
            owner: vm.parseTomlAddress(config, ".roles.owner"),
            curator: vm.parseTomlAddress(config, ".roles.curator"),
            guardian: vm.parseTomlAddress(config, ".roles.guardian"),
            modelSigner: vm.parseTomlAddress(config, ".roles.modelSigner")
        });

        if (key == 0) vm.startBroadcast();
        else vm.startBroadcast(key);
        (, address deployer,) = vm.readCallers();
        manager = new AccessManager(deployer);
        lens = new VaultLens();
        factory = new RangeVaultFactory(
            IUniswapV3Factory(_poolFactory()),
            keccak256(type(ReferencePriceOracle).creationCode),
            keccak256(type(RangeVault).creationCode)
        );
        strategyDeployer = new StrategyDeployer(keccak256(type(ModelStrategy).creationCode));
        registry = new ModelRegistry(address(manager), uint32(_uintOr(".registry.noticeSeconds", _defaultNotice())));
        targets.push(address(registry));
        _grantRoles(roles, deployer);
        _assignRegistry();
        modelId = keccak256(bytes(_stringOr(".registry.decisionModel", "rangekeeper-default")));
        _registerModels(roles);

        Deployment memory first;
        for (uint256 i; vm.keyExistsToml(config, string.concat(".vaults[", vm.toString(i), "]")); ++i) {
            Deployment memory deployed = _deployVault(string.concat(".vaults[", vm.toString(i), "]"), roles);
            if (i == 0) first = deployed;
        }
        require(address(first.vault) != address(0), "the config has no [[vaults]]");
        _handOver(roles, deployer);
        vm.stopBroadcast();
        return _json(first);
    }

    function _grantRoles(Roles memory roles, address deployer) private {
        manager.labelRole(OWNER_ROLE, "OWNER");
        manager.labelRole(CURATOR_ROLE, "CURATOR");
        manager.labelRole(GUARDIAN_ROLE, "GUARDIAN");
        manager.labelRole(STRATEGY_SETTER_ROLE, "STRATEGY_SETTER");
        // The guardian can cancel a strategy that was announced.
        manager.setRoleGuardian(STRATEGY_SETTER_ROLE, GUARDIAN_ROLE);
        manager.grantRole(OWNER_ROLE, roles.owner, 0);
        manager.grantRole(CURATOR_ROLE, roles.curator, 0);
        manager.grantRole(GUARDIAN_ROLE, roles.guardian, 0);
        // The curator can stop what the guardian can stop.
        manager.grantRole(GUARDIAN_ROLE, roles.curator, 0);
        manager.grantRole(OWNER_ROLE, deployer, 0);
        manager.grantRole(STRATEGY_SETTER_ROLE, deployer, 0);
        manager.grantRole(CURATOR_ROLE, deployer, 0);
    }

    function _assignRegistry() private {
        bytes4[] memory curator = new bytes4[](3);
        curator[0] = ModelRegistry.register.selector;
        curator[1] = ModelRegistry.raiseStage.selector;
        curator[2] = ModelRegistry.setNotice.selector;
        manager.setTargetFunctionRole(address(registry), curator, CURATOR_ROLE);
        bytes4[] memory guardian = new bytes4[](1);
        guardian[0] = ModelRegistry.lowerStage.selector;
        manager.setTargetFunctionRole(address(registry), guardian, GUARDIAN_ROLE);
    }

    /// @dev Each package for the record, then the set of them under the decision model's id, with the right to sign.
    function _registerModels(Roles memory roles) private {
        bytes32 shaOfAll;
        bytes32 manifestOfAll;
        for (uint256 i; vm.keyExistsToml(config, string.concat(".models.packages[", vm.toString(i), "]")); ++i) {
            string memory key = string.concat(".models.packages[", vm.toString(i), "]");
            bytes32 id = keccak256(bytes(vm.parseTomlString(config, string.concat(key, ".id"))));
            bytes32 sha = vm.parseTomlBytes32(config, string.concat(key, ".sha256"));
            bytes32 manifest = vm.parseTomlBytes32(config, string.concat(key, ".manifestHash"));
            shaOfAll = keccak256(abi.encode(shaOfAll, id, sha));
            manifestOfAll = keccak256(abi.encode(manifestOfAll, id, manifest));
            if (id != modelId) _register(id, sha, manifest, new address[](0), roles);
        }
        address[] memory head;
        // The bytes that ml/runtime/quantizedMlp.ts writes, as hex; a path from the project's folder.
        if (vm.keyExistsToml(config, ".registry.headFile")) {
            head = DataContracts.create(
                vm.parseBytes(vm.trim(vm.readFile(vm.parseTomlString(config, ".registry.headFile"))))
            );
        }
        _register(modelId, shaOfAll, manifestOfAll, head, roles);
        // On a public network the rise takes effect after the notice.
        registry.raiseStage(modelId, Stage.Full, 0);
    }

    function _register(bytes32 id, bytes32 sha, bytes32 manifest, address[] memory head, Roles memory roles) private {
        registry.register(id, ModelParameters(sha, manifest, roles.modelSigner, address(0), 0, head));
    }

    function _deployVault(string memory key, Roles memory roles) private returns (Deployment memory deployed) {
        (address vault, address oracle, address strategy) = factory.create(
            _setParameters(key, roles),
            CreationCodes(
                type(ReferencePriceOracle).creationCode, type(RangeVault).creationCode, type(ModelStrategy).creationCode
            )
        );
        deployed.vault = RangeVault(vault);
        deployed.oracle = ReferencePriceOracle(oracle);
        deployed.strategy = ModelStrategy(strategy);
        targets.push(vault);
        targets.push(strategy);
        _assignVault(address(deployed.vault), address(deployed.strategy));
        deployed.vault.setStrategy(address(deployed.strategy));
        deployed.vault.setSkimReceiver(roles.owner);
        deployed.lendingAdapter = new LendingAdapter(deployed.vault);
        if (vm.keyExistsToml(config, string.concat(key, ".allowList"))) {
            deployed.gate = _deployGate(vm.parseTomlAddressArray(config, string.concat(key, ".allowList")));
            deployed.vault.setGate(address(deployed.gate));
        }
    }

    function _deployGate(address[] memory allowed) private returns (AllowListGate gate) {
        gate = new AllowListGate(address(manager));
        targets.push(address(gate));
        bytes4[] memory curator = new bytes4[](1);
        curator[0] = AllowListGate.setAllowed.selector;
        manager.setTargetFunctionRole(address(gate), curator, CURATOR_ROLE);
        gate.setAllowed(allowed, true);
    }

    function _setParameters(string memory key, Roles memory roles)
        private
        view
        returns (SetParameters memory parameters)
    {
        parameters.name = vm.parseTomlString(config, string.concat(key, ".name"));
        parameters.symbol = vm.parseTomlString(config, string.concat(key, ".symbol"));
        parameters.asset = IERC20(vm.parseTomlAddress(config, string.concat(key, ".asset")));
        parameters.authority = address(manager);
        parameters.feeRecipient = roles.owner;
        parameters.limits = _limits(string.concat(key, ".limits."));
        parameters.oracle = _oracleParameters(key);
        parameters.strategyDeployer = strategyDeployer;
        parameters.strategyArguments = abi.encode(registry, modelId, manager, _bounds(string.concat(key, ".strategy.")));
    }

    /// @dev Uniswap's, whose pools are genuine; by default that of the first vault's pool.
    function _poolFactory() private view returns (address given) {
        given = _addressOr(".poolFactory");
        if (given == address(0)) given = IPoolFactory(vm.parseTomlAddress(config, ".vaults[0].pool")).factory();
    }

    function _oracleParameters(string memory key) private view returns (OracleParameters memory) {
        string memory section = string.concat(key, ".oracle.");
        return OracleParameters({
            pool: IUniswapV3Pool(vm.parseTomlAddress(config, string.concat(key, ".pool"))),
            longWindowSeconds: uint32(_uint(section, "longWindowSeconds")),
            bandTicks: uint24(_uint(section, "bandTicks")),
            maxObservationAgeSeconds: uint32(_uint(section, "maxObservationAgeSeconds")),
            blockIntervalSeconds: uint32(_uintOr(string.concat(section, "blockIntervalSeconds"), 12)),
            feed: _addressOr(string.concat(section, "feed")),
            feedMaxAgeSeconds: uint32(_uintOr(string.concat(section, "feedMaxAgeSeconds"), 3600)),
            feedDeviationBps: uint16(_uintOr(string.concat(section, "feedDeviationBps"), 50)),
            feedInverted: vm.keyExistsToml(config, string.concat(section, "feedInverted"))
                && vm.parseTomlBool(config, string.concat(section, "feedInverted")),
            sequencerFeed: _addressOr(string.concat(section, "sequencerFeed")),
            sequencerGraceSeconds: uint32(
                _uintOr(
                    string.concat(section, "sequencerGraceSeconds"), Math.max(3600, _uint(section, "longWindowSeconds"))
                )
            )
        });
    }

    function _limits(string memory section) private view returns (Limits memory limits) {
        limits.depositCap = uint128(_uint(section, "depositCap"));
        limits.entryMarginBps = uint16(_uint(section, "entryMarginBps"));
        limits.inflowCapBps = uint16(_uint(section, "inflowCapBps"));
        limits.inflowWindowSeconds = uint32(_uint(section, "inflowWindowSeconds"));
        limits.maxLossPerMoveBps = uint16(_uint(section, "maxLossPerMoveBps"));
        limits.lossBudgetBps = uint16(_uint(section, "lossBudgetBps"));
        limits.lossBudgetRefillSeconds = uint32(_uint(section, "lossBudgetRefillSeconds"));
        limits.minWidthTicks = uint24(_uint(section, "minWidthTicks"));
        limits.maxWidthTicks = uint24(_uint(section, "maxWidthTicks"));
        limits.cooldownSeconds = uint32(_uint(section, "cooldownSeconds"));
        limits.maxMovesPerDay = uint16(_uint(section, "maxMovesPerDay"));
        limits.maxPoolShareBps = uint16(_uint(section, "maxPoolShareBps"));
        limits.drawdownBps = uint16(_uint(section, "drawdownBps"));
        limits.managementFeeBps = uint16(_uint(section, "managementFeeBps"));
        limits.performanceFeeBps = uint16(_uintOr(string.concat(section, "performanceFeeBps"), 0));
        limits.reservedBudgetBps = uint16(_uintOr(string.concat(section, "reservedBudgetBps"), 100));
        limits.noticeSeconds = uint32(_uintOr(string.concat(section, "noticeSeconds"), _defaultNotice()));
    }

    function _assignVault(address vault, address strategy) private {
        bytes4[] memory owner = new bytes4[](8);
        owner[0] = RangeVault.setGate.selector;
        owner[1] = RangeVault.setFeeRecipient.selector;
        owner[2] = RangeVault.setSkimReceiver.selector;
        owner[3] = RangeVault.skim.selector;
        owner[4] = RangeVault.skimPosition.selector;
        owner[5] = RangeVault.extendPause.selector;
        owner[6] = RangeVault.setStrategist.selector;
        owner[7] = RangeVault.windDown.selector;
        manager.setTargetFunctionRole(vault, owner, OWNER_ROLE);
        bytes4[] memory setter = new bytes4[](1);
        setter[0] = RangeVault.setStrategy.selector;
        manager.setTargetFunctionRole(vault, setter, STRATEGY_SETTER_ROLE);
        bytes4[] memory curator = new bytes4[](4);
        curator[3] = RangeVault.setRewardClaimer.selector;
        curator[0] = RangeVault.configure.selector;
        curator[1] = RangeVault.liftHold.selector;
        curator[2] = RangeVault.unpause.selector;
        manager.setTargetFunctionRole(vault, curator, CURATOR_ROLE);
        bytes4[] memory guardian = new bytes4[](3);
        guardian[0] = RangeVault.pause.selector;
        guardian[1] = RangeVault.deRisk.selector;
        guardian[2] = RangeVault.cancelSetting.selector;
        manager.setTargetFunctionRole(vault, guardian, GUARDIAN_ROLE);

        bytes4[] memory policy = new bytes4[](2);
        policy[0] = BaseStrategy.setBounds.selector;
        policy[1] = ModelStrategy.setModel.selector;
        manager.setTargetFunctionRole(strategy, policy, CURATOR_ROLE);
        bytes4[] memory stops = new bytes4[](2);
        stops[0] = BaseStrategy.invalidateNonce.selector;
        stops[1] = BaseStrategy.cancelAnnouncement.selector;
        manager.setTargetFunctionRole(strategy, stops, GUARDIAN_ROLE);
    }

    /// @dev With a delay, nothing that an administrator does is quicker than a raise is: whoever took that key could else
    /// give himself every role at once. The administrator's own delay holds from now on; the delays on targets and on
    /// grants, which hold also for administrators to come, take effect when AccessManager lets them (five days).
    function _handOver(Roles memory roles, address deployer) private {
        uint32 delay = _roleDelay();
        if (delay > 0) {
            manager.setGrantDelay(OWNER_ROLE, delay);
            manager.setGrantDelay(CURATOR_ROLE, delay);
            manager.setGrantDelay(STRATEGY_SETTER_ROLE, delay);
            for (uint256 i; i < targets.length; ++i) {
                manager.setTargetAdminDelay(targets[i], delay);
            }
        }
        manager.grantRole(STRATEGY_SETTER_ROLE, roles.owner, delay);
        manager.grantRole(manager.ADMIN_ROLE(), roles.owner, delay);
        if (roles.curator != deployer) manager.renounceRole(CURATOR_ROLE, deployer);
        if (roles.owner == deployer) return;
        manager.renounceRole(OWNER_ROLE, deployer);
        manager.renounceRole(STRATEGY_SETTER_ROLE, deployer);
        manager.renounceRole(manager.ADMIN_ROLE(), deployer);
    }

    function _json(Deployment memory deployed) private returns (string memory) {
        string memory object = "addresses";
        vm.serializeUint(object, "chainId", block.chainid);
        vm.serializeAddress(object, "pool", deployed.vault.pool());
        vm.serializeAddress(object, "token0", deployed.vault.token0());
        vm.serializeAddress(object, "token1", deployed.vault.token1());
        vm.serializeAddress(object, "asset", deployed.vault.asset());
        vm.serializeAddress(object, "accessManager", address(manager));
        vm.serializeAddress(object, "registry", address(registry));
        vm.serializeAddress(object, "lens", address(lens));
        vm.serializeAddress(object, "factory", address(factory));
        vm.serializeAddress(object, "strategyDeployer", address(strategyDeployer));
        vm.serializeAddress(object, "oracle", address(deployed.oracle));
        vm.serializeAddress(object, "vault", address(deployed.vault));
        vm.serializeAddress(object, "strategy", address(deployed.strategy));
        vm.serializeAddress(object, "lendingAdapter", address(deployed.lendingAdapter));
        vm.serializeAddress(object, "gate", address(deployed.gate));
        vm.serializeAddress(object, "positionsLib", address(PositionsLib));
        vm.serializeAddress(object, "entryLib", address(EntryLib));
        vm.serializeAddress(object, "exitLib", address(ExitLib));
        vm.serializeAddress(object, "feeLib", address(FeeLib));
        vm.serializeAddress(object, "pricingLib", address(PricingLib));
        vm.serializeAddress(object, "settingsLib", address(SettingsLib));
        return vm.serializeBytes32(object, "modelId", modelId);
    }
}
