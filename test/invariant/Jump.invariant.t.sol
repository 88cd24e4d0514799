// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {TickMath} from "@uniswap/v4-core/src/libraries/TickMath.sol";
import {Limits, VIRTUAL_SHARES} from "../../vaults/libraries/VaultState.sol";
import {Keeper, World} from "./World.sol";

/// @notice V1 while the true price has jumped and neither pool nor feed has seen it: the raider knows, and enters at the
/// stale price. What he takes is bounded by what may enter: the cap on inflow, refilled, times the jump.
contract JumpInvariantTest is World {
    uint256 private inflowCapWad;
    uint256 private inflowWindowSeconds;
    /// Of the jump that nobody has seen: since when, and how far off the stale price is at most (1e18 = 100%).
    uint256 private jumpedAt;
    uint256 private jumpWad;
    bool private seen = true;
    /// The pool stands at the true price since an earlier block; the mean and the feed may not.
    bool private poolSaw = true;
    /// What a share lost to the raider since, net.
    int256 private lostWad;

    uint256 public jumps;

    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](5);
        selectors[0] = this.jump.selector;
        selectors[1] = this.enterStale.selector;
        selectors[2] = this.raid.selector;
        selectors[3] = this.wait.selector;
        selectors[4] = this.see.selector;
        targetSelector(FuzzSelector(address(this), selectors));
    }

    function _drawLimits() internal override returns (Limits memory limits) {
        limits = super._drawLimits();
        limits.inflowCapBps = 10 + uint16(_draw(1000));
        inflowCapWad = uint256(limits.inflowCapBps) * 1e14;
        inflowWindowSeconds = limits.inflowWindowSeconds;
    }

    /// @dev A feed that says anything says nothing about a jump.
    function _drawKeeper() internal override returns (Keeper) {
        return Keeper(_draw(2));
    }

    /// The raider is outside when it comes: he does not know beforehand.
    function jump(uint256 seed) external inWorld(seed) {
        if (!seen) return;
        seed = uint256(keccak256(abi.encode(seed)));
        uint256 shares = vault.balanceOf(address(raider));
        if (shares > 0) raider.redeemInKind(shares, false, false);
        uint256 before = uint256(trueX96);
        (, int24 tick,,,,,) = pool.slot0();
        int24 by = int24(int256(50 + (seed % 1500)));
        // A walk that stays where the others have liquidity.
        if (tick > startTick + 2000 || (tick > startTick - 2000 && seed & (1 << 64) != 0)) by = -by;
        trueX96 = TickMath.getSqrtPriceAtTick(tick + by);
        uint256 ratio = before > trueX96
            ? Math.mulDiv(Math.mulDiv(before, 1e18, trueX96), before, trueX96)
            : Math.mulDiv(Math.mulDiv(trueX96, 1e18, before), trueX96, before);
        // The share of a share's value that the stale price overlooks is at most that of the dearer token.
        jumpWad = 1e18 - 1e36 / ratio;
        (seen, poolSaw, jumpedAt, lostWad) = (false, false, block.timestamp, 0);
        ++jumps;
    }

    /// All that may come in, at once.
    function enterStale(uint256 seed) external inWorld(seed) {
        uint256 most = Math.min(vault.maxDeposit(address(raider)), wealth * 1000);
        if (most == 0 || vault.previewDeposit(most) == 0) return;
        uint160 priceX96 = _price();
        uint256 before = _perShareAtPrice(priceX96);
        raider.deposit(most);
        ++entries;
        _took(priceX96, before);
    }

    /// A push within the block, an entry or an exit, and home.
    function raid(uint256 seed) external inWorld(seed) {
        seed = uint256(keccak256(abi.encode(seed)));
        (uint160 fromX96,,,,,,) = pool.slot0();
        uint160 priceX96 = _price();
        uint256 before = _perShareAtPrice(priceX96);
        _act(0, seed);
        _act(4 + (seed % 9), seed >> 64);
        raider.moveToPrice(fromX96);
        _took(priceX96, before);
    }

    /// Time goes by and still nobody sees it.
    function wait(uint256 seed) external inWorld(seed) {
        skip(12 + (seed % 5 == 0 ? (seed >> 8) % 1800 : 0));
        _tradeAround();
        skip(12);
        if (address(feed) != address(0)) feed.set(feed.answer(), block.timestamp);
    }

    /// The market learns of it; the mean follows, and the feed.
    function see(uint256 seed) external inWorld(seed) {
        if (seed % 2 == 0) return;
        trader.moveToPrice(trueX96);
        if (address(feed) != address(0)) {
            feed.set(seed % 8 < 4 ? _trueAnswer() : feed.answer(), block.timestamp);
        }
        skip(12);
        poolSaw = true;
        if (seed % 4 == 1) {
            skip(WINDOW_SECONDS + 60);
            _tradeAround();
            skip(12);
            if (address(feed) != address(0)) feed.set(_trueAnswer(), block.timestamp);
            (seen, jumpWad, lostWad) = (true, 0, 0);
        }
    }

    /// @dev From when the pool has seen it, spot and the pre-block tick are among the references.
    function _price() private view returns (uint160) {
        return poolSaw ? _nearestReferenceX96() : trueX96;
    }

    /// @dev What he paid too much on the way in he may take back on the way out.
    function _took(uint160 priceX96, uint256 before) private {
        uint256 later =
            _perShareAtPrice(priceX96) + Math.mulDiv(2 * _slack(), 1e36, vault.effectiveSupply() + VIRTUAL_SHARES) + 1;
        if (poolSaw) {
            assertGe(later, before, "V1: the pool had seen it");
            return;
        }
        if (seen) return;
        lostWad += ((int256(before) - int256(later)) * 1e18) / int256(before);
        // The bucket may have been empty when it came: the cap, and what flowed off since.
        uint256 window = block.timestamp - jumpedAt;
        uint256 inflowWad = inflowCapWad + (inflowCapWad * window) / inflowWindowSeconds;
        assertLe(lostWad, int256((inflowWad * jumpWad) / 1e18), "V1: more than the inflow cap allows");
    }

    function invariant_V1_aJumpCostsTheInflowCapAtMost() public view {
        if (built) assertLe(vault.balanceOf(address(raider)), vault.totalSupply());
    }
}
