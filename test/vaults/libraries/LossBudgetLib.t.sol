// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {LossBudget, LossBudgetLib} from "../../../vaults/libraries/LossBudgetLib.sol";

contract LossBudgetLibTest is Test {
    LossBudget private budget;

    function draw(uint256 lossWad, uint256 capacityWad, uint256 refillSeconds) external {
        budget = LossBudgetLib.draw(budget, lossWad, capacityWad, refillSeconds);
    }

    /// V5: loss in any window w is at most B(1 + w/T), for every window between any two draws.
    function testFuzz_draw_boundsTheLossInEveryWindow(
        uint256 capacityWad,
        uint256 refillSeconds,
        uint256[16] memory losses,
        uint32[16] memory gaps
    ) public {
        vm.warp(1_700_000_000);
        capacityWad = bound(capacityWad, 1e12, 0.1e18);
        refillSeconds = bound(refillSeconds, 1 hours, 30 days);
        uint256[16] memory times;
        uint256 drawn;
        for (uint256 i; i < 16; ++i) {
            skip(bound(gaps[i], 0, refillSeconds / 4));
            times[i] = block.timestamp;
            losses[i] = bound(losses[i], 0, capacityWad);
            try this.draw(losses[i], capacityWad, refillSeconds) {
                ++drawn;
            } catch {
                losses[i] = 0;
            }
        }
        assertGt(drawn, 0);
        for (uint256 from; from < 16; ++from) {
            uint256 sum;
            for (uint256 to = from; to < 16; ++to) {
                sum += losses[to];
                uint256 window = times[to] - times[from];
                assertLe(sum, capacityWad + (capacityWad * window) / refillSeconds + 16);
            }
        }
    }

    function test_leftWad_refillsEvenly() public {
        vm.warp(1_700_000_000);
        budget = LossBudgetLib.draw(budget, 0.01e18, 0.01e18, 1 days);
        assertEq(LossBudgetLib.leftWad(budget, 0.01e18, 1 days), 0);
        skip(6 hours);
        assertEq(LossBudgetLib.leftWad(budget, 0.01e18, 1 days), 0.0025e18);
        skip(30 days);
        assertEq(LossBudgetLib.leftWad(budget, 0.01e18, 1 days), 0.01e18);
    }
}
