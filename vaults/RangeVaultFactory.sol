// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/interfaces/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IPriceOracle} from "./interfaces/IPriceOracle.sol";
import {IStrategyDeployer} from "./interfaces/IStrategyDeployer.sol";
import {IUniswapV3Pool} from "./interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "./libraries/ErrorsLib.sol";
import {Limits} from "./libraries/VaultState.sol";
import {OracleParameters} from "./oracles/ReferencePriceOracle.sol";
import {VaultParameters} from "./RangeVault.sol";

/// @notice The part of Uniswap's factory that is asked here.
interface IUniswapV3Factory {
    function getPool(address token0, address token1, uint24 fee) external view returns (address);
}

/// @notice A vault, its oracle and its first strategy.
struct SetParameters {
    string name;
    string symbol;
    IERC20 asset;
    /// AccessManager of the vault; the strategy's is in its own arguments.
    address authority;
    address feeRecipient;
    Limits limits;
    OracleParameters oracle;
    IStrategyDeployer strategyDeployer;
    /// ABI-encoded, what the strategy's constructor takes after the vault.
    bytes strategyArguments;
    bytes32 salt;
}

/// @notice The creation codes of a set. They come with the call, for a factory that held them would be too large.
struct CreationCodes {
    bytes oracle;
    bytes vault;
    bytes strategy;
}

/// @notice What belongs together.
struct VaultSet {
    address oracle;
    address strategy;
    address strategyDeployer;
    address creator;
}

/// @title Deploys vaults with their oracles and strategies, and knows them
/// @notice WHAT A CHILD IS. A vault and an oracle whose creation codes have the hashes that this factory was made with,
/// so that their code is the audited one, on a pool of the genuine Uniswap factory. Deployed by CREATE2: the addresses
/// follow from the creator, the salt and all parameters.
///
/// REFUSED. A pool that Uniswap's factory does not know; one whose observations do not reach back over the long window
/// or soon would not (the oracle's constructor); an asset without decimals, because rounding takes units from those who
/// enter and leave, and there a unit is a whole coin (as the other token it is welcome, and the vault itself, deployed by
/// hand, takes it as its asset too); limits with which a stale price can pay (the vault's constructor).
///
/// NOT SAID. Nothing about the strategy: any deployer may be named. The event carries it, and the vault obeys a
/// strategy only when its owner names it (`setStrategy`), which this factory cannot.
///
/// Anybody may call. Nobody can change anything here.
contract RangeVaultFactory {
    IUniswapV3Factory public immutable poolFactory;
    bytes32 public immutable oracleCodeHash;
    bytes32 public immutable vaultCodeHash;

    address[] private vaults;
    mapping(address vault => VaultSet) private sets;

    event VaultCreated(
        address indexed vault,
        address indexed creator,
        address indexed pool,
        address oracle,
        address strategy,
        SetParameters parameters
    );

    constructor(IUniswapV3Factory poolFactory_, bytes32 oracleCodeHash_, bytes32 vaultCodeHash_) {
        poolFactory = poolFactory_;
        oracleCodeHash = oracleCodeHash_;
        vaultCodeHash = vaultCodeHash_;
    }

    /* GETTERS */

    /// @notice Whether this factory deployed it.
    function isVault(address vault) external view returns (bool) {
        return sets[vault].oracle != address(0);
    }

    /// @notice What was deployed with a vault; the strategy may have been exchanged since.
    function setOf(address vault) external view returns (VaultSet memory) {
        return sets[vault];
    }

    function vaultCount() external view returns (uint256) {
        return vaults.length;
    }

    /// @notice In the order of their creation.
    function vaultAt(uint256 index) external view returns (address) {
        require(index < vaults.length, ErrorsLib.AmountAboveMax(index, vaults.length));
        return vaults[index];
    }

    /* ANYBODY */

    function create(SetParameters calldata parameters, CreationCodes calldata codes)
        external
        returns (address vault, address oracle, address strategy)
    {
        _requireKnown(codes.oracle, oracleCodeHash);
        _requireKnown(codes.vault, vaultCodeHash);
        address pool = _requireSuitable(parameters);

        bytes32 salt = keccak256(abi.encode(msg.sender, parameters.salt));
        oracle = Create2.deploy(0, salt, abi.encodePacked(codes.oracle, abi.encode(parameters.oracle)));
        vault = Create2.deploy(0, salt, abi.encodePacked(codes.vault, abi.encode(_vaultParameters(parameters, oracle))));
        strategy = parameters.strategyDeployer.deploy(vault, salt, codes.strategy, parameters.strategyArguments);

        sets[vault] = VaultSet(oracle, strategy, address(parameters.strategyDeployer), msg.sender);
        vaults.push(vault);
        emit VaultCreated(vault, msg.sender, pool, oracle, strategy, parameters);
    }

    /* INTERNAL */

    function _requireKnown(bytes calldata code, bytes32 codeHash) private pure {
        require(keccak256(code) == codeHash, ErrorsLib.CreationCodeUnknown(keccak256(code), codeHash));
    }

    function _requireSuitable(SetParameters calldata parameters) private view returns (address) {
        IUniswapV3Pool pool = parameters.oracle.pool;
        _requireCode(address(pool));
        _requireCode(address(parameters.asset));
        _requireCode(address(parameters.strategyDeployer));
        address known = poolFactory.getPool(pool.token0(), pool.token1(), pool.fee());
        require(known == address(pool), ErrorsLib.PoolNotGenuine(address(pool)));
        require(
            IERC20Metadata(address(parameters.asset)).decimals() > 0,
            ErrorsLib.AssetWithoutDecimals(address(parameters.asset))
        );
        return known;
    }

    /// @dev A call to an address without code would fail without a name.
    function _requireCode(address contract_) private view {
        require(contract_.code.length > 0, ErrorsLib.NoContract(contract_));
    }

    function _vaultParameters(SetParameters calldata parameters, address oracle)
        private
        pure
        returns (VaultParameters memory)
    {
        return VaultParameters({
            name: parameters.name,
            symbol: parameters.symbol,
            asset: parameters.asset,
            oracle: IPriceOracle(oracle),
            authority: parameters.authority,
            feeRecipient: parameters.feeRecipient,
            limits: parameters.limits
        });
    }
}
