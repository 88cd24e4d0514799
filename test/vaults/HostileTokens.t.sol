// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {InKindExit} from "../../vaults/RangeVault.sol";
import {Market, MarketTest} from "../support/MarketTest.sol";
import {Trader} from "../support/Trader.sol";
import {HostileToken, Mood} from "../support/mocks/HostileToken.sol";
import {MockToken} from "../support/mocks/MockToken.sol";

/// @title A vault of tokens that behave badly
/// @notice What a token does to its own transfers hurts exits in that token and nothing else: the other leg always
/// leaves, nobody gains, and all is well again when the token is. Tokens that return nothing just work.
abstract contract HostileTokensTest is MarketTest {
    /// How the tokens of the next market are born.
    Mood internal born;

    function _newToken(bool, uint8 decimals) internal override returns (MockToken) {
        return new HostileToken(decimals, born);
    }

    function _market() private pure returns (Market memory) {
        return Market(18, 6, 500, _tickOf(1600e6, 1e18), 1e14);
    }

    /// @dev Two holders, a live range with fees, something idle of both tokens.
    function _liveVault() private {
        _deployMarket(_market());
        _deployVault(_marketLimits());
        _enterAs(alice, stake);
        _enterAs(bob, stake / 2);
        _rebalance(_centredOrder(halfWidth, 0.8e18));
        _earn();
    }

    function _token(uint256 side) private view returns (HostileToken) {
        return HostileToken(address(side == 0 ? token0 : token1));
    }

    function _exit(uint256 shares, uint256 waived) private view returns (InKindExit memory) {
        return InKindExit(shares, alice, alice, alice, 0, 0, waived == 0, waived == 1);
    }

    /* RETURNS NOTHING */

    function test_hostileTokens_thatReturnNothingWork() public {
        born = Mood.Silent;
        _deployMarket(_market());
        _live();
    }

    /* DOES NOT MOVE: LIES, REVERTS, BURNS ALL GAS */

    function test_hostileTokens_thatDoNotMoveHoldOnlyTheirOwnLeg() public {
        Mood[3] memory moods = [Mood.False, Mood.Reverting, Mood.Burning];
        _liveVault();
        for (uint256 side; side < 2; ++side) {
            for (uint256 m; m < 3; ++m) {
                uint256 snapshot = vm.snapshotState();
                _token(side).setMood(moods[m]);
                _stuck(side, moods[m]);
                vm.revertToState(snapshot);
            }
        }
    }

    function _stuck(uint256 side, Mood mood) private {
        (uint256 sum0, uint256 sum1) = _holdings();
        uint256 shares = vault.balanceOf(alice);
        bool isAsset = address(_token(side)) == address(assetToken);
        if (isAsset) {
            assetToken.mint(alice, 2e6);
            vm.startPrank(alice);
            assetToken.approve(address(vault), 2e6);
            if (mood == Mood.False) {
                vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, assetToken));
            } else {
                vm.expectRevert();
            }
            vault.deposit{gas: 3e6}(2e6, alice);
            vm.stopPrank();
        }
        vm.startPrank(alice);
        vm.expectRevert();
        vault.redeemInKind{gas: 3e6}(_exit(shares, 2));
        // Nothing of it stands.
        assertEq(vault.balanceOf(alice), shares);
        (uint256 left0, uint256 left1) = _holdings();
        assertEq(left0, sum0);
        assertEq(left1, sum1);
        // The other leg leaves, whatever this one does.
        (uint256 got0, uint256 got1) = vault.redeemInKind{gas: 3e6}(_exit(shares / 2, side));
        assertEq(side == 0 ? got0 : got1, 0);
        assertGt(side == 0 ? got1 : got0, 0);
        vm.stopPrank();
        if (mood != Mood.Burning) {
            vm.prank(guardian);
            vault.deRisk();
        }
        _token(side).setMood(Mood.Plain);
        _inKind(alice, vault.balanceOf(alice));
        _inKind(bob, vault.balanceOf(bob));
        assertEq(vault.totalSupply(), 0);
        // What alice waived is bob's: nothing but dust is left.
        _nothingIsLeft();
    }

    /// What `max*` says is paid in the asset whether the other token moves or not, to the last share.
    function test_hostileTokens_otherTokenStuckTheAssetStillLeavesByPrice() public {
        _liveVault();
        HostileToken other = HostileToken(address(otherToken));
        for (uint256 way; way < 3; ++way) {
            uint256 snapshot = vm.snapshotState();
            if (way == 0) other.setFrozen(address(vault), true);
            if (way == 1) other.setFrozen(address(pool), true);
            if (way == 2) other.setMood(Mood.False);
            (,, uint256 nav,,) = vault.navStatus();
            uint256 supply = vault.effectiveSupply();
            vm.startPrank(alice);
            uint256 part = vault.maxWithdraw(alice) / 2;
            vault.withdraw(part, alice, alice);
            uint256 most = vault.maxRedeem(alice);
            assertGt(vault.previewRedeem(most), 0);
            assertEq(vault.redeem(most, alice, alice), assetToken.balanceOf(alice) - part);
            vm.stopPrank();
            // What is owed counts: nobody who stays is poorer.
            (,, uint256 later,,) = vault.navStatus();
            assertGe(later * supply + supply, nav * vault.effectiveSupply());
            other.setMood(Mood.Plain);
            other.setFrozen(address(vault), false);
            other.setFrozen(address(pool), false);
            if (vault.balanceOf(alice) > 0) _inKind(alice, vault.balanceOf(alice));
            _inKind(bob, vault.balanceOf(bob));
            _nothingIsLeft();
            vm.revertToState(snapshot);
        }
    }

    /* TAKES A FEE */

    function test_hostileTokens_thatTakeAFeeAreRefusedAtTheDoorAndCostOnlyTheirLeg() public {
        _liveVault();
        for (uint256 side; side < 2; ++side) {
            uint256 snapshot = vm.snapshotState();
            _token(side).setTransferFee(100);
            if (address(_token(side)) == address(assetToken)) {
                assetToken.mint(alice, 2e6);
                vm.startPrank(alice);
                assetToken.approve(address(vault), 2e6);
                vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AssetReceivedNotSent.selector, 2e6, 2e6 - 2e4));
                vault.deposit(2e6, alice);
                vm.stopPrank();
            }
            (uint256 sum0, uint256 sum1) = _holdings();
            uint256 supply = vault.totalSupply();
            uint256 shares = vault.balanceOf(alice);
            vm.prank(alice);
            (uint256 got0, uint256 got1) = vault.redeemInKind(_exit(shares, side));
            // The honest leg is whole, to the rounding of liquidity.
            if (side == 0) assertApproxEqAbs(got1, (sum1 * shares) / supply, 10);
            else assertApproxEqRel(got0, (sum0 * shares) / supply, 1e6);
            vm.revertToState(snapshot);
        }
    }

    /* BLACKLISTS */

    function test_hostileTokens_thatBlacklistALeaverPayAnotherReceiver() public {
        _liveVault();
        uint256 shares = vault.balanceOf(alice);
        assetToken.setFrozen(alice, true);
        vm.startPrank(alice);
        vm.expectRevert();
        vault.redeem(shares / 10, alice, alice);
        vault.redeem(shares / 10, carol, alice);
        assertGt(assetToken.balanceOf(carol), 0);
        (uint256 amount0, uint256 amount1) =
            vault.redeemInKind(InKindExit(shares / 10, carol, carol, alice, 0, 0, false, false));
        assertGt(amount0, 0);
        assertGt(amount1, 0);
        // Who is blacklisted can still pass his shares on: a transfer moves no token.
        vault.transfer(carol, shares / 10);
        vm.stopPrank();
        _inKind(carol, shares / 10);
    }

    /* CALLS BACK, BEFORE AND AFTER IT MOVES */

    function test_hostileTokens_thatCallBackAreShutOut() public {
        _liveVault();
        uint256 shares = vault.balanceOf(alice);
        vm.startPrank(alice);
        vault.transfer(address(token0), shares / 10);
        vault.transfer(address(token1), shares / 10);
        vm.stopPrank();
        bytes[3] memory back = [
            abi.encodeWithSignature("redeemInKind((uint256,address,address,address,uint256,uint256,bool,bool))"),
            abi.encodeWithSignature("deposit(uint256,address)", 1e6, alice),
            abi.encodeWithSignature("redeem(uint256,address,address,uint256)", 1e12, alice, alice, 0)
        ];
        for (uint256 side; side < 2; ++side) {
            HostileToken token = _token(side);
            InKindExit memory own = InKindExit(1e12, alice, alice, address(token), 0, 0, false, false);
            back[0] = abi.encodeCall(vault.redeemInKind, (own));
            back[2] = abi.encodeWithSignature(
                "redeem(uint256,address,address,uint256)", 1e12, alice, address(token), uint256(0)
            );
            for (uint256 b; b < 3; ++b) {
                for (uint256 way; way < 3; ++way) {
                    uint256 snapshot = vm.snapshotState();
                    _callBack(token, back[b], way, shares / 10);
                    vm.revertToState(snapshot);
                }
            }
        }
    }

    /// @dev The callback is refused by name, and what was under way ends as if there had been none.
    function _callBack(HostileToken token, bytes memory data, uint256 way, uint256 shares) private {
        uint256 snapshot = vm.snapshotState();
        (uint256 plain0, uint256 plain1) = _under(way, shares);
        vm.revertToState(snapshot);
        token.setCall(address(vault), data);
        (uint256 got0, uint256 got1) = _under(way, shares);
        if (token.called() == 1) {
            assertFalse(token.callSucceeded());
            assertEq(bytes4(token.answer()), ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        } else {
            // Only an exit by price in the other token never touches it.
            assertEq(way, 1);
        }
        assertEq(got0, plain0);
        assertEq(got1, plain1);
    }

    function _under(uint256 way, uint256 shares) private returns (uint256 got0, uint256 got1) {
        if (way == 0) return _inKind(alice, shares);
        if (way == 1) {
            vm.prank(alice);
            return (vault.redeem(shares, alice, alice), 0);
        }
        RebalanceOrder memory order;
        order.ranges = _around(2 * halfWidth, 0.5e18);
        _rebalance(order);
        return vault.idle();
    }
}

contract HostileTokensAssetToken1Test is HostileTokensTest {}

contract HostileTokensAssetToken0Test is HostileTokensTest {
    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}

interface IWeth {
    function deposit() external payable;
    function balanceOf(address account) external view returns (uint256);
}

/// @notice Pays a pool out of its own purse.
contract PurseTrader is Trader {
    constructor(IUniswapV3Pool pool_) Trader(pool_) {}

    function _pay(uint256 amount0, uint256 amount1) internal override {
        if (amount0 > 0) token0.transfer(msg.sender, amount0);
        if (amount1 > 0) token1.transfer(msg.sender, amount1);
    }
}

/// @title The whole life of a vault with wrapped ether as asset, and as the other token
/// @notice The wrapper's real bytecode: any call that it does not know is a deposit, and nothing it answers has a reason.
abstract contract WethTest is MarketTest {
    address private weth;

    function wethIs0() internal pure virtual returns (bool);

    function _newToken(bool isToken0, uint8 decimals) internal override returns (MockToken) {
        if (isToken0 != wethIs0()) return new MockToken("Dollar", decimals);
        weth = deployCode("node_modules/canonical-weth/build/contracts/WETH9.json");
        return MockToken(weth);
    }

    function _fundWith(MockToken token, address who, uint256 amount) internal override {
        if (address(token) != weth) return token.mint(who, amount);
        vm.deal(who, amount);
        vm.prank(who);
        IWeth(weth).deposit{value: amount}();
    }

    function _newTrader() internal override returns (Trader result) {
        result = new PurseTrader(pool);
        _fundWith(token0, address(result), 1e32);
        _fundWith(token1, address(result), 1e32);
    }

    function test_weth_wholeLife() public {
        // Ether at 1,600 dollars, whichever comes first.
        int24 tick = wethIs0() ? _tickOf(1600e6, 1e18) : _tickOf(1e18, 1600e6);
        _deployMarket(Market(wethIs0() ? 18 : 6, wethIs0() ? 6 : 18, 500, tick, wethIs0() ? 1e14 : 1e23));
        _live();
        assertGt(IWeth(weth).balanceOf(alice) + IWeth(weth).balanceOf(bob), 0);
    }
}

contract WethOtherToken0Test is WethTest {
    function wethIs0() internal pure override returns (bool) {
        return true;
    }
}

contract WethAssetToken0Test is WethTest {
    function wethIs0() internal pure override returns (bool) {
        return true;
    }

    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}

contract WethAssetToken1Test is WethTest {
    function wethIs0() internal pure override returns (bool) {
        return false;
    }
}

contract WethOtherToken1Test is WethTest {
    function wethIs0() internal pure override returns (bool) {
        return false;
    }

    function assetIsToken0() internal pure override returns (bool) {
        return true;
    }
}
