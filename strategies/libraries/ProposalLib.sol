// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

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
    function structHash(RebalanceProposal calldata proposal) internal pure returns (bytes32) {
        bytes32[] memory rangeHashes = new bytes32[](proposal.ranges.length);
        for (uint256 i; i < proposal.ranges.length; ++i) {
            RangeOrder calldata range = proposal.ranges[i];
            rangeHashes[i] =
                keccak256(abi.encode(RANGE_ORDER_TYPEHASH, range.lowerTick, range.upperTick, range.weightWad));
        }
        bytes32 swapHash = keccak256(
            abi.encode(
                SWAP_ORDER_TYPEHASH, proposal.swap.zeroForOne, proposal.swap.amountIn, proposal.swap.sqrtPriceLimitX96
            )
        );
        return keccak256(
            bytes.concat(
                abi.encode(
                    REBALANCE_PROPOSAL_TYPEHASH,
                    proposal.vault,
                    proposal.nonce,
                    proposal.deadline,
                    proposal.executor,
                    proposal.modelId,
                    proposal.inputsDigest
                ),
                abi.encode(
                    proposal.declaredGain,
                    proposal.declaredCost,
                    proposal.declaredSpreadWad,
                    keccak256(abi.encodePacked(rangeHashes)),
                    swapHash,
                    proposal.minSharePrice
                )
            )
        );
    }
}
