// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ErrorsLib} from "../libraries/ErrorsLib.sol";
import {SHARE_DECIMALS_OFFSET, VIRTUAL_SHARES} from "../libraries/VaultState.sol";
import {RangeVault} from "../RangeVault.sol";

// Decimals of the answers in the AggregatorV3 shape.
uint8 constant ANSWER_DECIMALS = 18;

/// @title What a share is worth as collateral, in units of the vault's asset
/// @notice LOW. Always the NAV at the reference that makes the vault cheapest, over the supply with the fee shares that
/// are due: what a value-priced exit would pay, before rounding. Nobody can raise it within a block, for spot, the
/// pre-block tick, the mean and the feed all bound it; donations do not count.
///
/// NOT CALM. Every reading reverts `NotCalm`: when the sources disagree or a source is old there is no price to lend
/// against. A market should treat that as "no borrowing, no liquidation", and give itself time after it.
///
/// MAY FALL. This is no staking rate. It falls with the market of the pool, with the losses of moves, and within one
/// block as far as the band is wide, because it is the lowest of several references.
///
/// UNWINDING. A liquidator redeems in kind, which needs no price and is never closed; or by `redeem` with a minimum.
/// With eight ranges live, all cold, in kind takes 1.3 million gas.
///
/// SHAPES. `price()`: asset units per share unit, 1e36 = 1. `latestRoundData()`: whole assets per whole share, 18
/// decimals, as of this block.
contract LendingAdapter {
    RangeVault public immutable vault;

    constructor(RangeVault vault_) {
        vault = vault_;
    }

    /// @notice Asset units per share unit, scaled by 1e36.
    function price() public view returns (uint256) {
        (uint256 lowNav,,,, bool calm) = vault.navStatus();
        require(calm, ErrorsLib.NotCalm());
        return Math.mulDiv(lowNav + 1, 1e36, vault.effectiveSupply() + VIRTUAL_SHARES);
    }

    /// @notice Decimals of `latestRoundData`'s answer.
    function decimals() external pure returns (uint8) {
        return ANSWER_DECIMALS;
    }

    function description() external view returns (string memory) {
        return string.concat(vault.symbol(), " / asset, low");
    }

    function version() external pure returns (uint256) {
        return 1;
    }

    /// @notice Whole assets per whole share; the round is the block.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        // A share has six decimals more than the asset; NAV is below 2^128, so the price is below 2^248.
        answer = int256(price() / 10 ** (36 - ANSWER_DECIMALS - SHARE_DECIMALS_OFFSET));
        // A block number fits.
        roundId = uint80(block.number);
        return (roundId, answer, block.timestamp, block.timestamp, roundId);
    }
}
