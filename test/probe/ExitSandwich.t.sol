// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {console} from "forge-std/console.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Limits} from "../../vaults/libraries/VaultState.sol";
import {OracleParameters} from "../../vaults/oracles/ReferencePriceOracle.sol";
import {BaseTest} from "../support/BaseTest.sol";

/// @title What a sandwich of a standard exit costs the leaver
/// @notice `withdraw` and `redeem` of ERC-4626 have no minimum. Whoever first moves spot to the edge of the band makes
/// the leaver be paid at that price. The loss is at most the band's own price change, reached by a vault that is all in
/// the other token there; SECURITY.md states what is printed here.
contract ExitSandwichTest is BaseTest {
    uint24 private band;

    function setUp() public override {
        vm.warp(1_700_000_000);
    }

    function _oracleParameters() internal view override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        parameters.bandTicks = band;
    }

    /// @dev In bps of what an undisturbed exit pays; the whole vault is at work, `halfWidth` ticks each way.
    function _lossBps(uint24 bandTicks, int24 halfWidth) private returns (uint256 worst) {
        band = bandTicks;
        _deployPool();
        _deployVault(_defaultLimits());
        _deposit(alice, _assets(1_000_000));
        _deposit(bob, _assets(1000));
        _rebalance(_centredOrder(halfWidth, 1e18));
        _calmDown();
        int24 start = _spotTick();
        uint256 shares = vault.balanceOf(bob);
        uint256 fair = vault.previewRedeem(shares);
        for (int24 side = -1; side <= 1; side += 2) {
            trader.moveTo(start + side * (int24(bandTicks) - 3));
            // At the upper edge of a narrow range nothing is left to be undervalued, at the lower one all of it is.
            uint256 most = vault.maxRedeem(bob);
            uint256 paid = vault.previewRedeem(shares);
            if (most > 0 && paid < fair) worst = _max(worst, fair, paid);
            trader.moveTo(start);
        }
    }

    function _max(uint256 worst, uint256 fair, uint256 paid) private pure returns (uint256) {
        uint256 loss = ((fair - paid) * 10_000) / fair;
        return loss > worst ? loss : worst;
    }

    function test_exitSandwich_costsAtMostTheBand() public {
        uint24[3] memory bands = [uint24(50), 300, 1000];
        int24[3] memory halves = [int24(100), 600, 4000];
        for (uint256 b; b < 3; ++b) {
            // What the band is as a change of price, rounded up.
            uint256 root = TickMath.getSqrtPriceAtTick(-int24(bands[b]));
            uint256 mostBps = 10_001 - (((root * root) >> 96) * 10_000) / (1 << 96);
            for (uint256 h; h < 3; ++h) {
                uint256 loss = _lossBps(bands[b], halves[h]);
                console.log("band %d ticks, half width %d: leaver's loss %d bps", bands[b], uint24(halves[h]), loss);
                console.log("  at most", mostBps);
                assertLe(loss, mostBps);
                assertGt(loss, 0, "nothing was measured");
            }
        }
    }
}
