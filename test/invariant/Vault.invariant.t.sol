// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bounds} from "../../strategies/libraries/BoundsLib.sol";
import {Position} from "../../vaults/interfaces/IRangeVault.sol";
import {ExitLib} from "../../vaults/libraries/ExitLib.sol";
import {NavLib} from "../../vaults/libraries/NavLib.sol";
import {PositionsLib} from "../../vaults/libraries/PositionsLib.sol";
import {InKindExit} from "../../vaults/RangeVault.sol";
import {StrategyTest} from "../support/StrategyTest.sol";
import {VaultHandler} from "./handlers/VaultHandler.sol";

/// @notice The numbers are those of INVARIANTS.md.
abstract contract VaultInvariants is StrategyTest {
    VaultHandler internal handler;

    function setUp() public override {
        super.setUp();
        Bounds memory bounds = _defaultBounds();
        bounds.cooldownSeconds = 0;
        bounds.maxMovesPerDay = 1000;
        bounds.maxSwapShareWad = 1e18;
        vm.startPrank(curator);
        modelStrategy.setBounds(bounds);
        vault.configure("cooldownSeconds", 0);
        vault.configure("maxMovesPerDay", 1000);
        vault.configure("drawdownBps", 5000);
        vm.stopPrank();
        _configureAnywhere("inflowCapBps", 10_000);
        _deposit(alice, _assets(1_000_000));
        _deposit(bob, _assets(300_000));
        handler = new VaultHandler(vault, modelStrategy, trader, [alice, bob], guardian, curator);
        handler.move(uint256(keccak256("first")));
        assertEq(handler.moves(), 1, "the operator's first move is refused");
        targetContract(address(handler));
        bytes4[] memory selectors = new bytes4[](14);
        selectors[0] = VaultHandler.deposit.selector;
        selectors[1] = VaultHandler.redeem.selector;
        selectors[2] = VaultHandler.withdraw.selector;
        selectors[3] = VaultHandler.redeemWithSwap.selector;
        selectors[4] = VaultHandler.withdrawWithSwap.selector;
        selectors[5] = VaultHandler.redeemInKind.selector;
        selectors[6] = VaultHandler.transfer.selector;
        selectors[7] = VaultHandler.trade.selector;
        selectors[8] = VaultHandler.donateTokens.selector;
        selectors[9] = VaultHandler.donateLiquidity.selector;
        selectors[10] = VaultHandler.wait.selector;
        selectors[11] = VaultHandler.move.selector;
        selectors[12] = VaultHandler.squeeze.selector;
        selectors[13] = VaultHandler.stepAside.selector;
        targetSelector(FuzzSelector(address(handler), selectors));
    }

    /// V2 nobody outside lowers what a share is worth; V3 the exit in kind never fails; V4 what the vault holds is exactly
    /// what it tracks and what was given to it, and what it counts is there; V5 and S1 what all moves lost since the first
    /// one, whatever was signed; V7 what `max*` allows succeeds; V9 transfers change no total; V10 nobody may spend what
    /// the vault holds; S2 nothing blocks a step aside; S3 no proposal executes twice.
    /// @dev One function, for forge runs a campaign for each.
    function invariant_V2_V3_V4_V5_V7_V9_V10_S1_S2_S3_rulesAreKept() public view {
        assertEq(handler.worstFall(), 0, handler.worstAction());
        assertEq(handler.inKindFailures(), 0, "V3");
        assertEq(handler.maxExitFailures(), 0, "V7");
        assertEq(handler.transferChanges(), 0, "V9");
        assertEq(handler.replays(), 0, "S3");
        uint256 window = block.timestamp - handler.firstMoveAt();
        assertLe(handler.operatorLossWad(), 0.03e18 + (0.03e18 * window) / 1 days, "V5, S1");
        assertLe(handler.reservedLossWad(), 0.01e18 + (0.01e18 * window) / 1 days, "V5, S1, the reserve");
        assertLe(handler.measuredLossWad(), 0.04e18 + (0.04e18 * window) / 1 days, "V5, S1 as measured");
        assertEq(handler.deRisksBlocked(), 0, "S2");
        (uint256 idle0, uint256 idle1) = vault.idle();
        assertEq(token0.balanceOf(address(vault)), idle0 + handler.donated0(), "V4");
        assertEq(token1.balanceOf(address(vault)), idle1 + handler.donated1(), "V4");
        _checkPositions();
        _checkBacking();
        address[6] memory spenders = [
            address(pool),
            address(modelStrategy),
            address(oracle),
            address(PositionsLib),
            address(ExitLib),
            address(handler)
        ];
        for (uint256 i; i < spenders.length; ++i) {
            assertEq(token0.allowance(address(vault), spenders[i]), 0, "V10");
            assertEq(token1.allowance(address(vault), spenders[i]), 0, "V10");
        }
    }

    /// The campaign is one: what it is about happens.
    function test_campaign_reachesWhatItIsAbout() public {
        uint256 seed = 1;
        for (uint256 i; i < 600; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 kind = seed % 14;
            uint256 first = uint256(keccak256(abi.encode(seed, "first")));
            uint256 second = uint256(keccak256(abi.encode(seed, "second")));
            if (kind == 0) handler.deposit(first, second);
            else if (kind == 1) handler.redeem(first, second);
            else if (kind == 2) handler.withdraw(first, second);
            else if (kind == 3) handler.redeemWithSwap(first, second);
            else if (kind == 4) handler.withdrawWithSwap(first, second);
            else if (kind == 5) handler.redeemInKind(first, second, seed >> 8);
            else if (kind == 6) handler.transfer(first, second);
            else if (kind == 7) handler.trade(int256(first));
            else if (kind == 8) handler.donateTokens(first, second);
            else if (kind == 9) handler.donateLiquidity(first, second);
            else if (kind == 10) handler.wait(first);
            else if (kind == 11) handler.move(first);
            else if (kind == 12) handler.squeeze(first, int256(second));
            else handler.stepAside(first);
            if (i % 8 == 0) invariant_V2_V3_V4_V5_V7_V9_V10_S1_S2_S3_rulesAreKept();
        }
        assertGt(handler.deposits(), 2, "deposits");
        assertGt(handler.exits(), 20, "exits");
        assertGt(handler.moves(), 20, "moves");
        assertGt(handler.deRisks(), 20, "steps aside");
        assertGt(handler.measuredLossWad(), 0.01e18, "the operator takes what he can");
    }

    /// @dev The pool holds at least the liquidity that the vault tracks, and nothing is tracked twice.
    function _checkPositions() private view {
        Position[] memory held = vault.positions();
        assertLe(held.length, 8);
        for (uint256 i; i < held.length; ++i) {
            (uint128 liquidity,,,,) =
                pool.positions(NavLib.positionKey(address(vault), held[i].lowerTick, held[i].upperTick));
            assertGe(liquidity, held[i].liquidity);
            for (uint256 j; j < i; ++j) {
                assertTrue(held[i].lowerTick != held[j].lowerTick || held[i].upperTick != held[j].upperTick);
            }
        }
    }

    /// @dev Holding what a position is at spot is worth at least the position at any other price; floors apart.
    function _checkBacking() private view {
        (uint256 low, uint256 mid, uint256 high,,) = vault.navStatus();
        assertLe(low, mid + _dust());
        assertLe(mid, high + _dust());
        (uint256 sum0, uint256 sum1) = _holdings();
        uint160 midX96 = oracle.referencePrices().midSqrtPriceX96;
        assertLe(mid, NavLib.toAssetDown(sum0, sum1, midX96, assetIsToken0()) + _dust());
    }

    /// V3 again: at the end everyone leaves in kind, and only dust remains.
    function afterInvariant() public {
        for (uint256 i; i < 2; ++i) {
            address depositor = handler.depositors(i);
            uint256 shares = vault.balanceOf(depositor);
            if (shares == 0) continue;
            vm.prank(depositor);
            vault.redeemInKind(InKindExit(shares, depositor, depositor, depositor, 0, 0, false, false));
        }
        assertEq(vault.totalSupply(), 0);
    }

    function _dust() private view returns (uint256) {
        uint256 count = vault.positions().length;
        return _value(4 * count, 4 * count, startTick) + 4;
    }
}

contract VaultAssetToken1InvariantTest is VaultInvariants {}

contract VaultAssetToken0InvariantTest is VaultInvariants {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
