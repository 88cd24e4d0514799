// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

// Hashing what was only just encoded anew was a part of every move.
// solhint-disable no-inline-assembly

import {RangeOrder, SwapOrder} from "../../vaults/interfaces/IRangeVault.sol";

/// @notice A signed wish of a model. Amounts in asset units, ratios in Wad (1e18 = 100%).
struct RebalanceProposal {
    address vault;
    /// Equal to the strategy's next nonce.
    uint256 nonce;
    /// Unix seconds; at most 15 minutes ahead.
    uint64 deadline;
    /// Who may relay it; zero = anyone.
    address executor;
    bytes32 modelId;
    /// Digest of the features and candidate table that led here.
    bytes32 inputsDigest;
    /// Expected gain over the model's horizon.
    uint256 declaredGain;
    /// NAV that the move may lose at the reference price by swap fee and impact; gas apart.
    uint256 declaredCost;
    /// How far the model believes the price may move over its horizon (upper quantile), 1e18 = 100%.
    uint256 declaredSpreadWad;
    /// Empty = de-risk to idle.
    RangeOrder[] ranges;
    SwapOrder swap;
    /// Asset units per 1e18 shares, after the move.
    uint256 minSharePrice;
}

/// @title EIP-712 hashing of proposals
library ProposalLib {
    bytes32 internal constant RANGE_ORDER_TYPEHASH =
        keccak256("RangeOrder(int24 lowerTick,int24 upperTick,uint64 weightWad)");

    bytes32 internal constant SWAP_ORDER_TYPEHASH =
        keccak256("SwapOrder(bool zeroForOne,uint256 amountIn,uint160 sqrtPriceLimitX96)");

    bytes32 internal constant REBALANCE_PROPOSAL_TYPEHASH = keccak256(
        "RebalanceProposal(address vault,uint256 nonce,uint64 deadline,address executor,bytes32 modelId,bytes32 inputsDigest,uint256 declaredGain,uint256 declaredCost,uint256 declaredSpreadWad,RangeOrder[] ranges,SwapOrder swap,uint256 minSharePrice)"
        "RangeOrder(int24 lowerTick,int24 upperTick,uint64 weightWad)"
        "SwapOrder(bool zeroForOne,uint256 amountIn,uint160 sqrtPriceLimitX96)"
    );

    /// @notice EIP-712 struct hash of a proposal, without the domain.
    /// @dev In assembly, because it was measured: the words lie in the calldata as the hash wants them, and encoding them
    /// anew cost four times as much. A word with dirty bits is another hash, which nobody signed.
    function structHash(RebalanceProposal calldata proposal) internal pure returns (bytes32 hash) {
        bytes32 rangesHash = _rangesHash(proposal.ranges);
        (bytes32 typehash, bytes32 swapTypehash) = (REBALANCE_PROPOSAL_TYPEHASH, SWAP_ORDER_TYPEHASH);
        assembly ("memory-safe") {
            let at := mload(0x40)
            // The swap's three words follow on the nine before the ranges and on their offset.
            mstore(at, swapTypehash)
            calldatacopy(add(at, 32), add(proposal, 320), 96)
            let swapHash := keccak256(at, 128)
            mstore(at, typehash)
            calldatacopy(add(at, 32), proposal, 288)
            mstore(add(at, 320), rangesHash)
            mstore(add(at, 352), swapHash)
            // The least share price comes last.
            calldatacopy(add(at, 384), add(proposal, 416), 32)
            hash := keccak256(at, 416)
        }
    }

    /// @dev Three words a range.
    function _rangesHash(RangeOrder[] calldata ranges) private pure returns (bytes32 hash) {
        bytes32 typehash = RANGE_ORDER_TYPEHASH;
        assembly ("memory-safe") {
            let at := mload(0x40)
            // Room for one range, then the hashes of all.
            let hashes := add(at, 128)
            mstore(at, typehash)
            for { let i := 0 } lt(i, ranges.length) { i := add(i, 1) } {
                calldatacopy(add(at, 32), add(ranges.offset, mul(i, 96)), 96)
                mstore(add(hashes, shl(5, i)), keccak256(at, 128))
            }
            hash := keccak256(hashes, shl(5, ranges.length))
        }
    }
}
