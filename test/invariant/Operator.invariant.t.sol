// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Position, RangeOrder, RebalanceOrder, RebalanceReport} from "../../vaults/interfaces/IRangeVault.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {Keeper, World} from "./World.sol";

/// @notice What a move took from the shareholders at the true price.
struct Loss {
    uint256 at;
    uint256 lossWad;
}

/// @notice V5 and S1 with a strategy that is nothing but hostile, hand in hand with the raider: it orders anything, at
/// prices that he has just made.
contract OperatorInvariantTest is World {
    Loss[] private losses;
    uint256 private budgetWad;
    uint256 private refillSeconds;

    /// Moves that the vault let through.
    uint256 public moves;

    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](5);
        selectors[0] = this.strike.selector;
        selectors[1] = this.order.selector;
        selectors[2] = this.squeeze.selector;
        selectors[3] = this.deRisk.selector;
        selectors[4] = this.nextBlock.selector;
        targetSelector(FuzzSelector(address(this), selectors));
    }

    function _drawLimits() internal override returns (Limits memory limits) {
        limits = super._drawLimits();
        // Moves that only make ranges wider draw on a reserve of their own.
        budgetWad = (uint256(limits.lossBudgetBps) + limits.reservedBudgetBps) * 1e14;
        refillSeconds = limits.lossBudgetRefillSeconds;
    }

    /// @dev A feed that lies is for the outsider's campaign: here the true price is one of the references.
    function _drawKeeper() internal override returns (Keeper) {
        return Keeper(_draw(2));
    }

    function strike(uint256 seed) external inWorld(seed) {
        _strike(uint256(keccak256(abi.encode(seed))));
    }

    function nextBlock(uint256 seed) external inWorld(seed) {
        _nextBlock(uint256(keccak256(abi.encode(seed))));
    }

    function order(uint256 seed) external inWorld(seed) {
        _order(uint256(keccak256(abi.encode(seed))));
    }

    /// The price is made, the vault is made to trade there, and the price goes home.
    function squeeze(uint256 seed) external inWorld(seed) {
        seed = uint256(keccak256(abi.encode(seed)));
        _push(seed | 1);
        _order(seed >> 8);
        raider.moveToPrice(trueX96);
    }

    function deRisk(uint256 seed) external inWorld(seed) {
        if (seed % 8 != 0) return;
        RebalanceOrder memory nothing;
        _move(nothing);
    }

    function _order(uint256 seed) private {
        RebalanceOrder memory wanted;
        uint256 count = seed % 4;
        wanted.ranges = new RangeOrder[](count);
        int24 lower = _floorTick(_spotTick()) - int24(int256((seed >> 8) % 80)) * poolSpacing;
        for (uint256 i; i < count; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            int24 width = int24(int256(2 + (seed % 120))) * poolSpacing;
            wanted.ranges[i] = RangeOrder(lower, lower + width, uint64(1e18 / count));
            lower += int24(int256(1 + ((seed >> 32) % 40))) * poolSpacing;
        }
        if (seed & (1 << 100) != 0) {
            (uint256 sum0, uint256 sum1) = _holdings();
            wanted.swap.zeroForOne = seed & (1 << 101) != 0;
            wanted.swap.amountIn = ((wanted.swap.zeroForOne ? sum0 : sum1) * ((seed >> 104) % 101)) / 100;
        }
        _move(wanted);
    }

    function _move(RebalanceOrder memory wanted) private {
        uint160 priceX96 = _nearestReferenceX96();
        uint256 before = _perShareAtPrice(priceX96);
        uint256 slack = _slack();
        vm.prank(operator);
        try vault.rebalance(wanted) returns (RebalanceReport memory) {
            ++moves;
            slack += _slack();
            uint256 later = _perShareAtPrice(priceX96) + (slack * 1e36) / (vault.effectiveSupply() + 1e6) + 1;
            if (later < before) losses.push(Loss(block.timestamp, ((before - later) * 1e18) / before));
            _checkWindows();
        } catch (bytes memory refusal) {
            _assertNamed(refusal);
        }
    }

    /// @dev V5 for every window that ends now. A loss is a fraction of the NAV at low or at high, here of that at the
    /// true price between them: these differ by the band at most.
    function _checkWindows() private view {
        uint256 sum;
        for (uint256 i = losses.length; i > 0; --i) {
            sum += losses[i - 1].lossWad;
            uint256 window = block.timestamp - losses[i - 1].at;
            uint256 bound = budgetWad + (budgetWad * window) / refillSeconds;
            assertLe(sum, bound, "V5");
        }
    }

    function invariant_V5_S1_theOperatorTakesHisBudgetAtMost() public view {
        if (!built) return;
        (uint256 idle0, uint256 idle1) = vault.idle();
        assertGe(token0.balanceOf(address(vault)), idle0, "V4");
        assertGe(token1.balanceOf(address(vault)), idle1, "V4");
    }
}
