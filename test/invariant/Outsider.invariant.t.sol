// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {World} from "./World.sol";

/// @notice V1, V2 and V7 at a true price that stays: an outsider with unlimited capital, in one block and over many.
contract OutsiderInvariantTest is World {
    uint256 private raids;

    function setUp() public override {
        super.setUp();
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = this.strike.selector;
        selectors[1] = this.raid.selector;
        selectors[2] = this.raidAgain.selector;
        selectors[3] = this.hold.selector;
        selectors[4] = this.operate.selector;
        selectors[5] = this.nextBlock.selector;
        targetSelector(FuzzSelector(address(this), selectors));
    }

    function strike(uint256 seed) external inWorld(seed) {
        _strike(uint256(keccak256(abi.encode(seed))));
    }

    /// A whole robbery in one block: push, enter, push, leave by some way, home.
    function raid(uint256 seed) public inWorld(seed) {
        seed = uint256(keccak256(abi.encode(seed)));
        (uint160 fromX96,,,,,,) = pool.slot0();
        int256 before = _raiderWorth();
        uint256 dustBefore = dust;
        for (uint256 i; i < 2 + (seed % 3); ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            // Push, enter, push, leave: any of them may be left out.
            _strike((seed >> 8 << 8) | [uint256(0), 4, 0, 8 + (seed % 5)][i % 4]);
        }
        raider.moveToPrice(fromX96);
        // Out of a pool that was pushed away before he takes what he paid then: told at the end.
        if (fromX96 == trueX96) {
            assertLe(_raiderWorth(), before + int256(dust - dustBefore), "V1 a raid pays");
        }
        ++raids;
    }

    function raidAgain(uint256 seed) external {
        raid(seed);
    }

    function hold(uint256 seed) external inWorld(seed) {
        _hold(uint256(keccak256(abi.encode(seed))));
    }

    /// The operator means well: he moves while the pool is where it belongs.
    function operate(uint256 seed) external inWorld(seed) {
        if (seed % 4 != 0) return;
        if (seed % 512 == 0 && !vault.woundDown()) {
            vm.prank(owner);
            vault.windDown();
            return;
        }
        if (seed % 32 == 4) return _pauseOrNot();
        _arbitrage();
        RebalanceOrder memory order = _centredOrder(int24(int256(1 + ((seed >> 8) % 300))) * poolSpacing, 0.9e18);
        vm.prank(operator);
        try vault.rebalance(order) {}
        catch (bytes memory refusal) {
            _assertNamed(refusal);
        }
        _arbitrage();
    }

    function _pauseOrNot() private {
        if (block.timestamp < vault.pausedUntil()) {
            vm.prank(curator);
            vault.unpause();
            return;
        }
        vm.prank(guardian);
        try vault.pause(2 hours) {
            assertEq(vault.maxDeposit(address(raider)) + vault.maxMint(address(raider)), 0, "V7 paused");
        } catch (bytes memory refusal) {
            _assertNamed(refusal);
        }
    }

    function nextBlock(uint256 seed) external inWorld(seed) {
        _nextBlock(uint256(keccak256(abi.encode(seed))));
    }

    /// V1 at the end: he goes, and has gained no more than others paid.
    function afterInvariant() public {
        if (!built) return;
        uint256 shares = vault.balanceOf(address(raider));
        dust += _slack();
        if (shares > 0) raider.redeemInKind(shares, false, false);
        assertLe(_raiderWorth(), int256(credit + dust), "V1");
    }

    function invariant_V1_V2_V7_theOutsiderGainsNothing() public view {
        if (built) assertLe(vault.balanceOf(address(raider)), vault.totalSupply());
    }
}
