// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IPriceOracle} from "../../vaults/interfaces/IPriceOracle.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {MockGate} from "../support/mocks/MockGate.sol";

/// @title What EIP-4626 asks of every vault, in every state a fuzzer reaches
/// @notice The state is drawn: how much is idle, where spot stands inside and outside of the band, fees, management fee
/// and its age, a gate, caps, a pause, a dead oracle, an empty vault, one whose holders have all left. Where the EIP
/// says MUST, a test says so; `preview*` and `max*` are held to be exact, which is more than it asks.
abstract contract Erc4626Properties is BaseTest {
    struct State {
        uint256 alices;
        uint256 bobs;
        uint64 deployedWad;
        int16 drift;
        uint16 feeBps;
        uint32 ageSeconds;
        uint16 inflowCapBps;
        uint8 mood;
        bool allLeft;
        bool gated;
    }

    MockGate private gate;
    address internal mallory = makeAddr("mallory");

    /* THE STATE */

    /// @dev `mood`: of eight, one each for paused, dead oracle, not calm, de-risked; else calm and open.
    function _draw(State memory drawn) internal {
        vm.prank(curator);
        vault.configure("managementFeeBps", drawn.feeBps % 501);
        _configureAnywhere("inflowCapBps", 1 + (drawn.inflowCapBps % 10_000));
        drawn.alices = bound(drawn.alices, 0, _assets(2_000_000));
        if (drawn.alices > _assets(1)) {
            _deposit(alice, drawn.alices);
            if (drawn.mood % 8 != 0) {
                _rebalance(_centredOrder(600, uint64(bound(drawn.deployedWad, 0.05e18, 1e18))));
                skip(12);
            }
            uint256 bobs = Math.min(bound(drawn.bobs, 0, _assets(1_000_000)), vault.maxDeposit(bob));
            if (bobs > _assets(1)) _deposit(bob, bobs);
            skip(bound(drawn.ageSeconds, 0, 30 days));
            _calmDown();
            if (drawn.allLeft) {
                _inKind(alice, vault.balanceOf(alice));
                if (vault.balanceOf(bob) > 0) _inKind(bob, vault.balanceOf(bob));
            }
            trader.moveTo(_spotTick() + int24(bound(drawn.drift, -280, 280)));
        }
        if (drawn.gated) {
            gate = new MockGate();
            vm.prank(owner);
            vault.setGate(address(gate));
            gate.allow(alice);
        }
        if (drawn.mood % 8 == 1) {
            vm.prank(guardian);
            vault.pause(1 days);
        }
        if (drawn.mood % 8 == 2) {
            vm.mockCallRevert(address(oracle), abi.encodeCall(IPriceOracle.referencePrices, ()), "dead");
        }
        if (drawn.mood % 8 == 3) trader.moveTo(_spotTick() + 700);
        if (drawn.mood % 8 == 4) {
            vm.prank(guardian);
            vault.deRisk();
        }
    }

    function _calm() internal view returns (bool calm) {
        (,,,, calm) = vault.navStatus();
    }

    function _give(address who, uint256 assets) internal {
        assetToken.mint(who, assets);
        vm.prank(who);
        assetToken.approve(address(vault), assets);
    }

    /* MUST NOT REVERT */

    /// asset, totalAssets, convertTo* and max* never revert, whoever asks.
    function testFuzz_4626_whatMustNotRevertDoesNot(State memory drawn, address who, uint128 amount) public {
        _draw(drawn);
        vm.startPrank(who);
        assertEq(vault.asset(), address(assetToken));
        vault.totalAssets();
        vault.convertToShares(amount);
        vault.convertToAssets(amount);
        vault.maxDeposit(who);
        vault.maxMint(who);
        vault.maxWithdraw(who);
        vault.maxRedeem(who);
        if (!_calm()) {
            assertEq(vault.maxDeposit(alice), 0);
            assertEq(vault.maxMint(alice), 0);
            assertEq(vault.maxWithdraw(alice), 0);
            assertEq(vault.maxRedeem(alice), 0);
        }
    }

    /* CONVERSIONS */

    /// The same for every caller, monotone, and no gain by going to and fro.
    function testFuzz_4626_conversions(State memory drawn, address a, address b, uint128 x, uint128 y) public {
        _draw(drawn);
        vm.prank(a);
        uint256 shares = vault.convertToShares(x);
        vm.prank(b);
        assertEq(vault.convertToShares(x), shares);
        vm.prank(a);
        uint256 assets = vault.convertToAssets(x);
        vm.prank(b);
        assertEq(vault.convertToAssets(x), assets);
        assertLe(vault.convertToAssets(shares), x);
        assertLe(vault.convertToShares(assets), x);
        (uint256 less, uint256 more) = x < y ? (x, y) : (y, x);
        assertLe(vault.convertToShares(less), vault.convertToShares(more));
        assertLe(vault.convertToAssets(less), vault.convertToAssets(more));
    }

    /* PREVIEW = ACTUAL, MAX = WHAT SUCCEEDS */

    function testFuzz_4626_deposit(State memory drawn, uint256 assets) public {
        _draw(drawn);
        vm.prank(alice);
        uint256 most = vault.maxDeposit(alice);
        if (most == 0) {
            _give(alice, 1e6);
            vm.startPrank(alice);
            vm.expectRevert();
            vault.deposit(1e6, alice);
            return;
        }
        // Without a limit, more than anybody has.
        uint256 least = most < type(uint128).max ? most : _assets(10_000_000);
        assets = bound(assets, 1, least);
        uint256 expected = vault.previewDeposit(assets);
        assertLe(expected, vault.convertToShares(assets) + 1, "preview pays more than the mid price");
        _give(alice, assets);
        (uint256 had, uint256 hadAssets) = (vault.balanceOf(alice), assetToken.balanceOf(alice));
        uint256 supply = vault.effectiveSupply();
        vm.startPrank(alice);
        if (expected == 0) {
            vm.expectRevert();
            vault.deposit(assets, alice);
            return;
        }
        assertEq(vault.deposit(assets, alice), expected, "preview is not what it does");
        assertEq(vault.balanceOf(alice) - had, expected);
        assertEq(vault.effectiveSupply() - supply, expected);
        assertEq(hadAssets - assetToken.balanceOf(alice), assets);
    }

    function testFuzz_4626_depositAtAndAboveTheMax(State memory drawn) public {
        _draw(drawn);
        vm.prank(alice);
        uint256 most = vault.maxDeposit(alice);
        if (most == 0 || most > _assets(1e12)) return;
        _give(alice, most + 1);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxDeposit.selector, alice, most + 1, most));
        vault.deposit(most + 1, alice);
        if (vault.previewDeposit(most) > 0) vault.deposit(most, alice);
    }

    function testFuzz_4626_mint(State memory drawn, uint256 shares) public {
        _draw(drawn);
        vm.startPrank(alice);
        uint256 most = vault.maxMint(alice);
        if (most == 0) {
            vm.expectRevert();
            vault.mint(1, alice);
            return;
        }
        if (most > vault.convertToShares(_assets(10_000_000))) most = vault.convertToShares(_assets(10_000_000));
        vm.stopPrank();
        shares = bound(shares, 1, most);
        uint256 expected = vault.previewMint(shares);
        assertGe(expected + 1, vault.convertToAssets(shares), "preview takes less than the mid price");
        _give(alice, expected);
        (uint256 hadAssets, uint256 hadShares) = (assetToken.balanceOf(alice), vault.balanceOf(alice));
        vm.startPrank(alice);
        assertEq(vault.mint(shares, alice), expected, "preview is not what it does");
        assertEq(vault.balanceOf(alice) - hadShares, shares);
        assertEq(hadAssets - assetToken.balanceOf(alice), expected);
        most = vault.maxMint(alice);
        if (most > type(uint192).max) return;
        vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxMint.selector, alice, most + 1, most));
        vault.mint(most + 1, alice);
    }

    function testFuzz_4626_withdraw(State memory drawn, uint256 assets) public {
        _draw(drawn);
        uint256 most = vault.maxWithdraw(alice);
        vm.startPrank(alice);
        if (_calm()) {
            vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxWithdraw.selector, alice, most + 1, most));
        } else {
            vm.expectRevert();
        }
        vault.withdraw(most + 1, alice, alice);
        if (most == 0) return;
        assets = bound(assets, 0, most);
        uint256 expected = vault.previewWithdraw(assets);
        assertGe(expected + 1, vault.convertToShares(assets), "preview burns less than the mid price");
        (uint256 hadAssets, uint256 hadShares) = (assetToken.balanceOf(mallory), vault.balanceOf(alice));
        assertEq(vault.withdraw(assets, mallory, alice), expected, "preview is not what it does");
        assertEq(assetToken.balanceOf(mallory) - hadAssets, assets);
        assertEq(hadShares - vault.balanceOf(alice), expected);
        // What is left can be taken too.
        vault.withdraw(vault.maxWithdraw(alice), mallory, alice);
    }

    function testFuzz_4626_redeem(State memory drawn, uint256 shares) public {
        _draw(drawn);
        uint256 most = vault.maxRedeem(alice);
        vm.startPrank(alice);
        if (_calm()) {
            vm.expectRevert(abi.encodeWithSelector(ERC4626.ERC4626ExceededMaxRedeem.selector, alice, most + 1, most));
        } else {
            vm.expectRevert();
        }
        vault.redeem(most + 1, alice, alice);
        if (most == 0) return;
        shares = bound(shares, 0, most);
        uint256 expected = vault.previewRedeem(shares);
        assertLe(expected, vault.convertToAssets(shares) + 1, "preview pays more than the mid price");
        (uint256 hadAssets, uint256 hadShares) = (assetToken.balanceOf(mallory), vault.balanceOf(alice));
        assertEq(vault.redeem(shares, mallory, alice), expected, "preview is not what it does");
        assertEq(assetToken.balanceOf(mallory) - hadAssets, expected);
        assertEq(hadShares - vault.balanceOf(alice), shares);
        vault.redeem(vault.maxRedeem(alice), mallory, alice);
    }

    /* ROUND TRIPS */

    function testFuzz_4626_depositThenOut(State memory drawn, uint256 assets, bool byShares) public {
        _draw(drawn);
        vm.prank(alice);
        uint256 most = Math.min(vault.maxDeposit(alice), _assets(10_000_000));
        if (most == 0) return;
        assets = bound(assets, 1, most);
        if (vault.previewDeposit(assets) == 0) return;
        _give(alice, assets);
        vm.startPrank(alice);
        uint256 shares = vault.deposit(assets, alice);
        if (byShares) {
            // EIP: redeem(deposit(a)) <= a.
            uint256 redeemable = Math.min(shares, vault.maxRedeem(alice));
            assertLe(vault.redeem(redeemable, alice, alice), assets);
        } else {
            // withdraw(a) takes no fewer shares than deposit(a) gave.
            if (assets > vault.maxWithdraw(alice)) return;
            assertGe(vault.withdraw(assets, alice, alice), shares);
        }
    }

    function testFuzz_4626_mintThenOut(State memory drawn, uint256 shares, bool byShares) public {
        _draw(drawn);
        vm.prank(alice);
        uint256 most = Math.min(vault.maxMint(alice), vault.convertToShares(_assets(10_000_000)));
        if (most == 0) return;
        shares = bound(shares, 1, most);
        _give(alice, vault.previewMint(shares));
        vm.startPrank(alice);
        uint256 assets = vault.mint(shares, alice);
        if (byShares) {
            uint256 redeemable = Math.min(shares, vault.maxRedeem(alice));
            assertLe(vault.redeem(redeemable, alice, alice), assets);
        } else {
            if (assets > vault.maxWithdraw(alice)) return;
            assertGe(vault.withdraw(assets, alice, alice), shares);
        }
    }

    /// In the other order: out, and in again for the same, never leaves more than before.
    function testFuzz_4626_outThenIn(State memory drawn, uint256 shares, bool byShares) public {
        _draw(drawn);
        uint256 most = vault.maxRedeem(alice);
        if (most == 0) return;
        shares = bound(shares, 1, most);
        vm.startPrank(alice);
        uint256 assets = vault.redeem(shares, alice, alice);
        assetToken.approve(address(vault), type(uint256).max);
        if (byShares) {
            if (shares > vault.maxMint(alice)) return;
            assetToken.mint(alice, vault.previewMint(shares));
            assertGe(vault.mint(shares, alice), assets);
        } else {
            if (assets > vault.maxDeposit(alice) || vault.previewDeposit(assets) == 0) return;
            assertLe(vault.deposit(assets, alice), shares);
        }
    }

    /* APPROVALS */

    function testFuzz_4626_exitOnBehalfSpendsExactlyTheAllowance(State memory drawn, uint256 shares, uint256 extra)
        public
    {
        _draw(drawn);
        uint256 most = vault.maxRedeem(alice);
        if (most == 0) return;
        shares = bound(shares, 1, most);
        extra = bound(extra, 0, type(uint128).max);
        vm.prank(alice);
        vault.approve(mallory, shares - 1);
        vm.startPrank(mallory);
        vm.expectRevert();
        vault.redeem(shares, mallory, alice);
        vm.stopPrank();
        vm.prank(alice);
        vault.approve(mallory, shares + extra);
        vm.startPrank(mallory);
        vault.redeem(shares, mallory, alice);
        assertEq(vault.allowance(alice, mallory), extra);
        // And by assets.
        vm.stopPrank();
        uint256 assets = vault.maxWithdraw(alice) / 2;
        if (assets == 0) return;
        uint256 burned = vault.previewWithdraw(assets);
        vm.prank(alice);
        vault.approve(mallory, burned);
        vm.prank(mallory);
        vault.withdraw(assets, mallory, alice);
        assertEq(vault.allowance(alice, mallory), 0);
    }

    /// Entry needs the caller's own approval of the asset, whoever receives.
    function testFuzz_4626_entryNeedsApproval(State memory drawn, uint256 assets) public {
        _draw(drawn);
        assets = bound(assets, 1e6, _assets(1000));
        vm.startPrank(alice);
        if (vault.maxDeposit(alice) < assets || vault.previewDeposit(assets) == 0) return;
        assetToken.mint(alice, assets);
        assetToken.approve(address(vault), assets - 1);
        vm.expectRevert();
        vault.deposit(assets, alice);
        assetToken.approve(address(vault), assets);
        vault.deposit(assets, alice);
        assertEq(assetToken.allowance(alice, address(vault)), 0);
    }

    /* EIP-2612 */

    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function _sign(uint256 key, address spender, uint256 value, uint256 nonce, uint256 deadline)
        private
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 message = keccak256(abi.encode(PERMIT, vm.addr(key), spender, value, nonce, deadline));
        return vm.sign(key, keccak256(abi.encodePacked(hex"1901", vault.DOMAIN_SEPARATOR(), message)));
    }

    function testFuzz_permit_onceAndBeforeItsDeadline(uint256 key, address spender, uint256 value, uint32 life) public {
        key = bound(key, 1, 1e60);
        vm.assume(spender != address(0));
        address signer = vm.addr(key);
        uint256 deadline = block.timestamp + life;
        (uint8 v, bytes32 r, bytes32 s) = _sign(key, spender, value, 0, deadline);
        uint256 snapshot = vm.snapshotState();
        vm.warp(deadline + 1);
        vm.expectRevert();
        vault.permit(signer, spender, value, deadline, v, r, s);
        vm.revertToState(snapshot);
        vault.permit(signer, spender, value, deadline, v, r, s);
        assertEq(vault.allowance(signer, spender), value);
        assertEq(vault.nonces(signer), 1);
        vm.expectRevert();
        vault.permit(signer, spender, value, deadline, v, r, s);
    }

    /// Another value, spender, nonce, signer, chain or the other half of the curve: refused.
    function testFuzz_permit_nothingElseThanWasSigned(uint256 key, uint256 value, uint256 kind) public {
        key = bound(key, 1, 1e60);
        address signer = vm.addr(key);
        uint256 deadline = block.timestamp + 1 hours;
        (uint8 v, bytes32 r, bytes32 s) = _sign(key, mallory, value, 0, deadline);
        kind = bound(kind, 0, 5);
        if (kind == 0) value = value ^ 1;
        if (kind == 1) signer = alice;
        if (kind == 2) deadline += 1;
        if (kind == 3) vm.chainId(block.chainid + 1);
        if (kind == 4) (v, r, s) = _sign(key, mallory, value, 1, deadline);
        if (kind == 5) {
            // Malleable: the same signature on the other half.
            s = bytes32(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - uint256(s));
            v = v == 27 ? 28 : 27;
        }
        vm.expectRevert();
        vault.permit(signer, mallory, value, deadline, v, r, s);
        assertEq(vault.allowance(signer, mallory), 0);
    }

    /// Somebody sends the victim's permit first: the victim's plan goes on, for the allowance is there.
    function test_permit_frontRunningIsHarmless() public {
        uint256 key = 0xB0B;
        address victim = vm.addr(key);
        uint256 shares = _deposit(victim, _assets(1000));
        uint256 deadline = block.timestamp + 1 hours;
        (uint8 v, bytes32 r, bytes32 s) = _sign(key, alice, shares, 0, deadline);
        vm.prank(mallory);
        vault.permit(victim, alice, shares, deadline, v, r, s);
        vm.startPrank(alice);
        try vault.permit(victim, alice, shares, deadline, v, r, s) {
            fail();
        } catch {}
        assertEq(vault.redeem(shares, victim, victim), _assets(1000));
        vm.stopPrank();
        assertEq(vault.allowance(victim, alice), 0);
        assertEq(vault.allowance(victim, mallory), 0);
    }
}

contract Erc4626PropertiesAssetToken1Test is Erc4626Properties {}

contract Erc4626PropertiesAssetToken0Test is Erc4626Properties {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
