// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IPriceOracle} from "../../../vaults/interfaces/IPriceOracle.sol";
import {ErrorsLib} from "../../../vaults/libraries/ErrorsLib.sol";
import {Limits} from "../../../vaults/libraries/VaultState.sol";
import {OracleParameters} from "../../../vaults/oracles/ReferencePriceOracle.sol";
import {RangeVault, VaultParameters} from "../../../vaults/RangeVault.sol";
import {BaseTest} from "../../support/BaseTest.sol";
import {MockFeed} from "../../support/mocks/MockFeed.sol";

/// @notice Every setting has two ends, and neither `configure` nor the constructor goes beyond them. The table is what
/// the header of SettingsLib says.
contract SettingsLibTest is BaseTest {
    struct Row {
        bytes32 key;
        uint256 min;
        uint256 max;
        /// Of its field in `Limits`, whose order this table has.
        uint256 bits;
    }

    Row[17] private rows;
    address private feed;

    function setUp() public override {
        vm.warp(1_700_000_000);
        _deployPool();
        // With a feed every combination is in the region: here it is about the ends.
        feed = address(new MockFeed(8, 1605e8));
        _deployVault(_defaultLimits());
        rows[0] = Row("depositCap", 0, type(uint128).max, 128);
        rows[1] = Row("inflowWindowSeconds", 60, 86_400, 32);
        rows[2] = Row("lossBudgetRefillSeconds", 3600, 30 * 86_400, 32);
        rows[3] = Row("cooldownSeconds", 0, 7 * 86_400, 32);
        rows[4] = Row("maxMovesPerDay", 1, 1440, 16);
        rows[5] = Row("entryMarginBps", 7, 500, 16);
        rows[6] = Row("inflowCapBps", 1, 10_000, 16);
        rows[7] = Row("maxLossPerMoveBps", 0, 500, 16);
        rows[8] = Row("lossBudgetBps", 0, 1000, 16);
        rows[9] = Row("maxPoolShareBps", 1, 10_000, 16);
        rows[10] = Row("drawdownBps", 1, 5000, 16);
        rows[11] = Row("managementFeeBps", 0, 500, 16);
        rows[12] = Row("reservedBudgetBps", 0, 500, 16);
        rows[13] = Row("performanceFeeBps", 0, 2000, 16);
        rows[14] = Row("minWidthTicks", 2 * uint24(SPACING), 200_000, 24);
        rows[15] = Row("maxWidthTicks", 200, 2 * 887_272, 24);
        rows[16] = Row("noticeSeconds", 0, 30 * 86_400, 32);
    }

    function _oracleParameters() internal view override returns (OracleParameters memory parameters) {
        parameters = super._oracleParameters();
        (parameters.feed, parameters.feedMaxAgeSeconds, parameters.feedDeviationBps) = (feed, 1 days, 7);
    }

    function _refused(Row memory row, uint256 value) private pure returns (bytes memory) {
        return abi.encodeWithSelector(ErrorsLib.SettingOutOfBounds.selector, row.key, value, row.min, row.max);
    }

    /// @dev The default settings with one field changed.
    function _with(uint256 field, uint256 value) private pure returns (Limits memory) {
        bytes memory raw = abi.encode(_defaultLimits());
        assembly {
            mstore(add(add(raw, 32), mul(field, 32)), value)
        }
        return abi.decode(raw, (Limits));
    }

    function _field(Limits memory limits, uint256 field) private pure returns (uint256 value) {
        bytes memory raw = abi.encode(limits);
        assembly {
            value := mload(add(add(raw, 32), mul(field, 32)))
        }
    }

    function test_configure_keepsBothEndsOfEverySetting() public {
        vm.startPrank(curator);
        for (uint256 i; i < rows.length; ++i) {
            Row memory row = rows[i];
            uint256 snapshot = vm.snapshotState();
            if (row.min > 0) {
                vm.expectRevert(_refused(row, row.min - 1));
                vault.configure(row.key, row.min - 1);
            }
            vm.expectRevert(_refused(row, row.max + 1));
            vault.configure(row.key, row.max + 1);
            vm.expectRevert(_refused(row, type(uint256).max));
            vault.configure(row.key, type(uint256).max);
            vault.configure(row.key, row.min);
            assertEq(_field(vault.limits(), i), row.min, string(abi.encodePacked(row.key)));
            vault.configure(row.key, row.max);
            assertEq(_field(vault.limits(), i), row.max, string(abi.encodePacked(row.key)));
            vm.revertToStateAndDelete(snapshot);
        }
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.SettingUnknown.selector, bytes32("depositcap")));
        vault.configure("depositcap", 1);
        vm.stopPrank();
    }

    function test_constructor_keepsBothEndsOfEverySetting() public {
        for (uint256 i; i < rows.length; ++i) {
            Row memory row = rows[i];
            if (row.min > 0) {
                vm.expectRevert(_refused(row, row.min - 1));
                _construct(_with(i, row.min - 1));
            }
            if (row.max < (uint256(1) << row.bits) - 1) {
                vm.expectRevert(_refused(row, row.max + 1));
                _construct(_with(i, row.max + 1));
            }
            assertEq(_field(_construct(_with(i, row.min)).limits(), i), row.min);
            // A least width above the greatest is none.
            if (row.key != "minWidthTicks") assertEq(_field(_construct(_with(i, row.max)).limits(), i), row.max);
        }
    }

    /// All that was asked is what is in force, each in its own place.
    function testFuzz_constructor_setsWhatItIsGiven(uint256 seed) public {
        Limits memory limits = _defaultLimits();
        for (uint256 i; i < rows.length; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 value = bound(seed, rows[i].min, rows[i].key == "minWidthTicks" ? 400 : rows[i].max);
            if (rows[i].key == "maxWidthTicks") value = bound(seed, limits.minWidthTicks, rows[i].max);
            bytes memory raw = abi.encode(limits);
            assembly {
                mstore(add(add(raw, 32), mul(i, 32)), value)
            }
            limits = abi.decode(raw, (Limits));
        }
        assertEq(abi.encode(_construct(limits).limits()), abi.encode(limits));
    }

    function test_constructor_refusesAnAssetOfAnotherPoolAndFeesForNobody() public {
        VaultParameters memory parameters = VaultParameters(
            "Range",
            "rk",
            IERC20(address(this)),
            IPriceOracle(address(oracle)),
            address(manager),
            feeRecipient,
            _defaultLimits()
        );
        vm.expectRevert(abi.encodeWithSelector(ErrorsLib.AssetNotInPool.selector, address(this)));
        new RangeVault(parameters);
        parameters.asset = IERC20(address(assetToken));
        parameters.feeRecipient = address(0);
        new RangeVault(parameters);
        parameters.limits.managementFeeBps = 1;
        vm.expectRevert(ErrorsLib.ZeroAddress.selector);
        new RangeVault(parameters);
        (parameters.limits.managementFeeBps, parameters.limits.performanceFeeBps) = (0, 1);
        vm.expectRevert(ErrorsLib.ZeroAddress.selector);
        new RangeVault(parameters);
    }
}
