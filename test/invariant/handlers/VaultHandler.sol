// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Test} from "forge-std/Test.sol";
import {ModelStrategy} from "../../../strategies/ModelStrategy.sol";
import {RebalanceProposal} from "../../../strategies/libraries/ProposalLib.sol";
import {ReferencePrices} from "../../../vaults/interfaces/IPriceOracle.sol";
import {Position, RangeOrder, RebalanceReport} from "../../../vaults/interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "../../../vaults/interfaces/IUniswapV3Pool.sol";
import {NavLib} from "../../../vaults/libraries/NavLib.sol";
import {ReferencePriceOracle} from "../../../vaults/oracles/ReferencePriceOracle.sol";
import {InKindExit, RangeVault} from "../../../vaults/RangeVault.sol";
import {Trader} from "../../support/Trader.sol";
import {MockToken} from "../../support/mocks/MockToken.sol";

/// @notice Two depositors, an attacker who swaps and donates, an operator whose model signs anything, and time.
/// @dev Each action compares the value of a share, at the mid price from before it, with that after it.
contract VaultHandler is Test {
    int24 private constant SPACING = 10;
    uint256 private constant SIGNER_KEY = 0xA11CE;
    /// The bit of a proposal's seed that says which token its swap sells.
    uint256 private constant SELLS_TOKEN0 = 1 << 100;

    RangeVault public immutable vault;
    ModelStrategy public immutable strategy;
    ReferencePriceOracle public immutable oracle;
    IUniswapV3Pool public immutable pool;
    Trader public immutable trader;
    MockToken public immutable token0;
    MockToken public immutable token1;
    MockToken public immutable assetToken;
    int24 public immutable startTick;
    address[2] public depositors;
    address public immutable guardian;
    address public immutable curator;

    /// Tokens that lie in the vault without belonging to it.
    uint256 public donated0;
    uint256 public donated1;

    /// The worst fall of a share's value by an outsider's action, in units per 1e18 shares beyond rounding.
    uint256 public worstFall;
    string public worstAction;
    uint256 public inKindFailures;
    uint256 public maxExitFailures;
    uint256 public replays;
    uint256 public transferChanges;

    /// As the vault told it, by what its moves drew on, the ordinary bucket or the reserve; and as it is measured here at
    /// the mid reference from before.
    uint256 public operatorLossWad;
    uint256 public reservedLossWad;
    uint256 public measuredLossWad;
    uint256 public deRisksBlocked;
    uint256 public deRisks;
    uint256 public firstMoveAt;
    uint256 public moves;
    uint256 public exits;
    uint256 public deposits;

    constructor(
        RangeVault vault_,
        ModelStrategy strategy_,
        Trader trader_,
        address[2] memory depositors_,
        address guardian_,
        address curator_
    ) {
        vault = vault_;
        strategy = strategy_;
        oracle = ReferencePriceOracle(vault_.oracle());
        pool = IUniswapV3Pool(vault_.pool());
        trader = trader_;
        token0 = MockToken(vault_.token0());
        token1 = MockToken(vault_.token1());
        assetToken = MockToken(vault_.asset());
        depositors = depositors_;
        guardian = guardian_;
        curator = curator_;
        (, startTick,,,,,) = pool.slot0();
    }

    /// @dev Around every action of an outsider: at one price, a share is worth no less after it.
    modifier neverTakes(string memory action) {
        uint160 midX96 = oracle.referencePrices().midSqrtPriceX96;
        uint256 before = valuePerShare(midX96);
        uint256 floorBefore = _roundingPerShare(midX96);
        _;
        // Both measures floor: in a vault that all but the virtual shares have left, one unit is much per share.
        uint256 floorLater = _roundingPerShare(midX96);
        uint256 later = valuePerShare(midX96) + (floorBefore > floorLater ? floorBefore : floorLater);
        if (later < before && before - later > worstFall) {
            worstFall = before - later;
            worstAction = action;
        }
    }

    /* DEPOSITORS */

    function deposit(uint256 who, uint256 assets) external neverTakes("deposit") {
        address depositor = depositors[who % 2];
        uint256 most = vault.maxDeposit(depositor);
        if (most < 10_000) return;
        assets = bound(assets, 10_000, most > 1e30 ? 1e12 : most);
        // After everyone left and waived a leg, the rest belongs to the virtual shares: a small deposit buys none.
        if (vault.previewDeposit(assets) == 0) return;
        assetToken.mint(depositor, assets);
        vm.startPrank(depositor);
        assetToken.approve(address(vault), assets);
        vault.deposit(assets, depositor);
        vm.stopPrank();
        ++deposits;
    }

    function redeem(uint256 who, uint256 part) external neverTakes("redeem") {
        address depositor = depositors[who % 2];
        uint256 most = vault.maxRedeem(depositor);
        if (most == 0) return;
        uint256 shares = part % 4 == 0 ? most : bound(part, 1, most);
        vm.prank(depositor);
        try vault.redeem(shares, depositor, depositor) {
            ++exits;
        } catch {
            ++maxExitFailures;
        }
    }

    function withdraw(uint256 who, uint256 part) external neverTakes("withdraw") {
        address depositor = depositors[who % 2];
        uint256 most = vault.maxWithdraw(depositor);
        if (most == 0) return;
        uint256 assets = part % 4 == 0 ? most : bound(part, 1, most);
        vm.prank(depositor);
        try vault.withdraw(assets, depositor, depositor) {
            ++exits;
        } catch {
            ++maxExitFailures;
        }
    }

    function redeemWithSwap(uint256 who, uint256 part) external neverTakes("redeemWithSwap") {
        address depositor = depositors[who % 2];
        uint256 balance = vault.balanceOf(depositor);
        if (balance == 0) return;
        vm.prank(depositor);
        // Refused when not calm or when the band ends first: both are the rule.
        try vault.redeem(bound(part, 1, balance), depositor, depositor, 0) {
            ++exits;
        } catch {}
    }

    function withdrawWithSwap(uint256 who, uint256 part) external neverTakes("withdrawWithSwap") {
        address depositor = depositors[who % 2];
        uint256 worth = vault.convertToAssets(vault.balanceOf(depositor));
        if (worth == 0) return;
        vm.prank(depositor);
        try vault.withdraw(bound(part, 1, worth), depositor, depositor, type(uint256).max) {
            ++exits;
        } catch {}
    }

    function redeemInKind(uint256 who, uint256 part, uint256 waive) external neverTakes("redeemInKind") {
        address depositor = depositors[who % 2];
        uint256 balance = vault.balanceOf(depositor);
        if (balance == 0) return;
        uint256 shares = part % 8 == 0 ? balance : bound(part, 1, balance);
        vm.prank(depositor);
        try vault.redeemInKind(
            InKindExit(shares, depositor, depositor, depositor, 0, 0, waive % 8 == 1, waive % 8 == 2)
        ) {
            ++exits;
        } catch {
            ++inKindFailures;
        }
    }

    function transfer(uint256 who, uint256 part) external {
        address from = depositors[who % 2];
        address to = depositors[1 - (who % 2)];
        uint256 shares = bound(part, 0, vault.balanceOf(from));
        uint256 before = vault.totalAssets();
        uint256 supply = vault.totalSupply();
        vm.prank(from);
        vault.transfer(to, shares);
        if (vault.totalAssets() != before || vault.totalSupply() != supply) ++transferChanges;
    }

    /* THE ATTACKER AND THE MARKET */

    function trade(int256 ticks) external neverTakes("trade") {
        (, int24 tick,,,,,) = pool.slot0();
        int24 target = tick + int24(bound(ticks, -150, 150));
        if (target > startTick + 3000 || target < startTick - 3000) target = startTick;
        trader.moveTo(target);
    }

    function donateTokens(uint256 amount0, uint256 amount1) external neverTakes("donateTokens") {
        amount0 = bound(amount0, 0, 1e20);
        amount1 = bound(amount1, 0, 1e12);
        token0.mint(address(vault), amount0);
        token1.mint(address(vault), amount1);
        donated0 += amount0;
        donated1 += amount1;
    }

    function donateLiquidity(uint256 which, uint256 liquidity) external neverTakes("donateLiquidity") {
        Position[] memory held = vault.positions();
        if (held.length == 0) return;
        Position memory position = held[which % held.length];
        trader.provide(address(vault), position.lowerTick, position.upperTick, uint128(bound(liquidity, 1, 1e16)));
    }

    function wait(uint256 time) external {
        skip(bound(time, 1, 3 hours));
        (uint160 sqrtPriceX96,,,,,,) = pool.slot0();
        trader.moveToPrice(uint160((uint256(sqrtPriceX96) * 100_002) / 100_000));
        skip(12);
    }

    /* THE OPERATOR */

    function move(uint256 seed) external {
        _move(seed);
    }

    function _move(uint256 seed) private {
        uint160 midX96 = oracle.referencePrices().midSqrtPriceX96;
        uint256 worth = valuePerShare(midX96) + _roundingPerShare(midX96);
        RebalanceProposal memory proposal = _proposal(seed);
        bytes memory signature = _sign(proposal);
        uint256 lossBefore = vault.lossBudgetLeftWad();
        uint256 reserveBefore = vault.reservedBudgetLeftWad();
        (uint256 idle0, uint256 idle1) = (token0.balanceOf(address(vault)), token1.balanceOf(address(vault)));
        (uint256 tracked0, uint256 tracked1) = vault.idle();
        try strategy.rebalance(proposal, signature) returns (RebalanceReport memory report) {
            if (firstMoveAt == 0) firstMoveAt = block.timestamp;
            if (vault.reservedBudgetLeftWad() < reserveBefore) reservedLossWad += report.lossWad;
            else operatorLossWad += report.lossWad;
            uint256 later = valuePerShare(midX96) + 2 * _roundingPerShare(midX96);
            if (later < worth) measuredLossWad += ((worth - later) * 1e18) / worth;
            ++moves;
            assertLe(vault.lossBudgetLeftWad(), lossBefore);
            // Donations of liquidity that are swept into the balance on opening.
            (uint256 now0, uint256 now1) = vault.idle();
            donated0 = token0.balanceOf(address(vault)) - now0;
            donated1 = token1.balanceOf(address(vault)) - now1;
            assertGe(donated0, idle0 - tracked0);
            assertGe(donated1, idle1 - tracked1);
            try strategy.rebalance(proposal, signature) {
                ++replays;
            } catch {}
        } catch {}
    }

    /// Somebody makes the price for the operator, before his move and after it. Every eighth time again and again, always
    /// on the side on which his swap costs the vault.
    function squeeze(uint256 seed, int256 ticks) external {
        ticks = bound(ticks, -120, 120);
        bool frenzy = (seed >> 200) % 8 == 0;
        for (uint256 i; i < (frenzy ? 16 : 1); ++i) {
            if (frenzy) {
                seed = uint256(keccak256(abi.encode(seed)));
                ticks = seed & SELLS_TOKEN0 != 0 ? -int256(120) : int256(120);
            }
            (uint160 sqrtPriceX96, int24 tick,,,,,) = pool.slot0();
            trader.moveTo(tick + int24(ticks));
            _move(seed);
            trader.moveToPrice(sqrtPriceX96);
        }
    }

    /// S2: a signed step aside, and the guardian's, pass at any spread and at any time: paused, held, at a price that
    /// nobody believes, without an oracle. Three times of four it was only a question.
    function stepAside(uint256 seed) external {
        uint256 snapshot = vm.snapshotState();
        if (seed & 1 != 0) {
            vm.prank(guardian);
            try vault.pause(1 hours) {} catch {}
        }
        if (seed & 2 != 0) {
            (, int24 tick,,,,,) = pool.slot0();
            trader.moveTo(tick + (seed & 4 != 0 ? int24(700) : -700));
        }
        if (seed & 8 != 0) {
            vm.prank(guardian);
            try vault.deRisk() {}
            catch {
                ++deRisksBlocked;
            }
        }
        if (seed & 16 != 0) vm.mockCallRevert(address(oracle), abi.encodeCall(oracle.referencePrices, ()), "dead");
        bool passed = _stepAside(seed >> 8);
        vm.clearMockedCalls();
        // What is counted must outlive the question.
        uint256 blocked = deRisksBlocked + (passed ? 0 : 1);
        if (seed & 0x60 != 0) vm.revertToState(snapshot);
        deRisksBlocked = blocked;
        ++deRisks;
        if (!vault.rebalanceHeld()) return;
        vm.prank(curator);
        vault.liftHold();
    }

    function _stepAside(uint256 seed) private returns (bool) {
        RebalanceProposal memory proposal;
        proposal.vault = address(vault);
        proposal.nonce = strategy.nextNonce();
        proposal.deadline = uint64(block.timestamp + 60);
        proposal.modelId = strategy.modelId();
        proposal.declaredSpreadWad = seed % 8 == 0 ? type(uint256).max : seed % 2e18;
        bytes memory signature = _sign(proposal);
        try strategy.rebalance(proposal, signature) {
            Position[] memory held = vault.positions();
            for (uint256 i; i < held.length; ++i) {
                if (held[i].liquidity > 0) return false;
            }
            return true;
        } catch {
            return false;
        }
    }

    function _proposal(uint256 seed) private view returns (RebalanceProposal memory proposal) {
        (, int24 tick,,,,,) = pool.slot0();
        int24 centre = (tick / SPACING) * SPACING;
        proposal.vault = address(vault);
        proposal.nonce = strategy.nextNonce();
        proposal.deadline = uint64(block.timestamp + 60);
        proposal.modelId = strategy.modelId();
        proposal.declaredCost = vault.totalAssets();
        proposal.declaredGain = proposal.declaredCost * 2;
        proposal.declaredSpreadWad = 0.01e18;
        uint256 count = 1 + (seed % 2);
        proposal.ranges = new RangeOrder[](count);
        for (uint256 i; i < count; ++i) {
            int24 half = int24(int256(20 + ((seed >> (8 + 16 * i)) % 80))) * SPACING;
            int24 shift = int24(int256((seed >> (48 + 16 * i)) % 20) - 10) * SPACING;
            proposal.ranges[i] = RangeOrder(centre + shift - half, centre + shift + half, uint64(0.95e18 / count));
        }
        if (
            count == 2
                && (proposal.ranges[0].lowerTick > proposal.ranges[1].lowerTick
                    || (proposal.ranges[0].lowerTick == proposal.ranges[1].lowerTick
                        && proposal.ranges[0].upperTick > proposal.ranges[1].upperTick))
        ) (proposal.ranges[0], proposal.ranges[1]) = (proposal.ranges[1], proposal.ranges[0]);
        // Out of what the vault has after the burn; the other way round where there is nothing to sell.
        (uint256 sum0, uint256 sum1) = _holdingsAt(_spot());
        bool zeroForOne = seed & SELLS_TOKEN0 != 0;
        if ((zeroForOne ? sum0 : sum1) == 0) zeroForOne = !zeroForOne;
        proposal.swap.zeroForOne = zeroForOne;
        proposal.swap.amountIn = ((zeroForOne ? sum0 : sum1) * ((seed >> 104) % 60)) / 100;
    }

    function _spot() private view returns (uint160 sqrtPriceX96) {
        (sqrtPriceX96,,,,,,) = pool.slot0();
    }

    function _sign(RebalanceProposal memory proposal) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(SIGNER_KEY, strategy.proposalDigest(proposal));
        return abi.encodePacked(r, s, v);
    }

    /* MEASURES */

    /// @notice NAV at a price per 1e18 shares.
    function valuePerShare(uint160 sqrtPriceX96) public view returns (uint256) {
        (uint256 sum0, uint256 sum1) = _holdingsAt(sqrtPriceX96);
        uint256 nav = NavLib.toAssetDown(sum0, sum1, sqrtPriceX96, vault.assetIsToken0());
        return ((nav + 1) * 1e18) / (vault.effectiveSupply() + 1e6);
    }

    /// @dev Idle, uncollected fees, and what the positions would be at a price.
    function _holdingsAt(uint160 sqrtPriceX96) private view returns (uint256 sum0, uint256 sum1) {
        (sum0, sum1) = vault.idle();
        (, int24 tick,,,,,) = pool.slot0();
        Position[] memory held = vault.positions();
        for (uint256 i; i < held.length; ++i) {
            (uint256 amount0, uint256 amount1) = NavLib.principalDown(held[i], sqrtPriceX96);
            (uint256 owed0, uint256 owed1) = NavLib.owedDown(pool, address(vault), held[i], tick);
            sum0 += amount0 + owed0;
            sum1 += amount1 + owed1;
        }
    }

    /// @dev Floors: one unit of each token per position and one of liquidity, and one of the quotient.
    function _roundingPerShare(uint160 sqrtPriceX96) private view returns (uint256) {
        uint256 count = vault.positions().length + 1;
        uint256 units = NavLib.toAssetDown(count * 1e5, count * 4, sqrtPriceX96, vault.assetIsToken0()) + 2;
        return (units * 1e18) / (vault.effectiveSupply() + 1e6) + 2;
    }
}
