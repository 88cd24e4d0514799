// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {QuantizedMlp} from "../models/QuantizedMlp.sol";
import {RealisedVolatility, VolatilityLib} from "../models/VolatilityLib.sol";

/// @title How uncertain the chain itself is about a pool
/// @notice Linked library, for its size. The spread that counts is the worst of: the declared one; the pool's own
/// realised volatility, at most the ceiling (anyone can stir a pool, so this alone never stops a move), or the ceiling
/// while the pool remembers too little; and what the model's on-chain head answers to the pool's own observations.
library ConfidenceLib {
    function spreadWad(
        IUniswapV3Pool pool,
        IModelRegistry registry,
        bytes32 modelId,
        uint256 declaredWad,
        uint256 windowSeconds,
        uint256 ceilingWad
    ) external view returns (uint256) {
        RealisedVolatility memory realised = VolatilityLib.measure(pool, windowSeconds);
        if (!realised.known) return Math.max(declaredWad, ceilingWad);
        uint256 worstWad = Math.max(declaredWad, Math.min(realised.spreadWad, ceilingWad));
        address[] memory head = registry.headOf(modelId);
        if (head.length == 0) return worstWad;
        return Math.max(worstWad, QuantizedMlp.lastOutputWad(head, VolatilityLib.headInputs(realised)));
    }

    function realisedVolatility(IUniswapV3Pool pool, uint256 windowSeconds)
        external
        view
        returns (RealisedVolatility memory)
    {
        return VolatilityLib.measure(pool, windowSeconds);
    }
}
