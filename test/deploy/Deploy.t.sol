// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {AddStrategy} from "../../deploy/AddStrategy.s.sol";
import {Deploy} from "../../deploy/Deploy.s.sol";
import {FixedWidthStrategy} from "../../strategies/FixedWidthStrategy.sol";
import {ModelStrategy} from "../../strategies/ModelStrategy.sol";
import {ModelRegistry} from "../../strategies/models/ModelRegistry.sol";
import {AllowListGate} from "../../vaults/gates/AllowListGate.sol";
import {LendingAdapter} from "../../vaults/oracles/LendingAdapter.sol";
import {RangeVault} from "../../vaults/RangeVault.sol";
import {RangeVaultFactory} from "../../vaults/RangeVaultFactory.sol";
import {DeployedTest} from "../support/DeployedTest.sol";

contract DeployTest is DeployedTest {
    RangeVault private deployed;
    AccessManager private authority;

    function folder() internal pure override returns (string memory) {
        return "./.rangekeeper/deploy-test";
    }

    /// One test, for the scripts talk through the process's environment.
    function test_deploy_givesAllThatTheConfigurationAsksFor() public {
        vm.setEnv("RANGEKEEPER_CONFIG", string.concat(folder(), "/config.toml"));
        vm.setEnv("RANGEKEEPER_ADDRESSES", string.concat(folder(), "/addresses.json"));
        vm.setEnv("RANGEKEEPER_DEPLOYER_KEY", vm.toString(DEPLOYER_KEY));
        uint256 snapshot = vm.snapshotState();
        _run(vm.addr(DEPLOYER_KEY), 0);
        // The same from file to file: other addresses, for another deployment.
        string memory before = addresses;
        new Deploy().run();
        addresses = vm.readFile(string.concat(folder(), "/addresses.json"));
        assertNotEq(keccak256(bytes(addresses)), keccak256(bytes(before)));
        _checkEverythingIsThere();
        _checkAddedStrategy();
        vm.revertToState(snapshot);

        _run(vm.addr(OWNER_KEY), 2 days);
        deployed = RangeVault(_at("vault"));
        authority = AccessManager(_at("accessManager"));
        _checkNothingIsLeftToTheDeployer();
        _checkAdministratorsWait();
        _checkAStrategyWaits();
        vm.removeDir(folder(), true);
    }

    function _checkEverythingIsThere() private {
        deployed = RangeVault(_at("vault"));
        ModelStrategy strategy = ModelStrategy(_at("strategy"));
        ModelRegistry models = ModelRegistry(_at("registry"));
        assertEq(deployed.strategy(), address(strategy));
        assertEq(deployed.gate(), _at("gate"));
        assertTrue(AllowListGate(_at("gate")).allowed(alice));
        assertFalse(AllowListGate(_at("gate")).allowed(bob));
        assertEq(address(LendingAdapter(_at("lendingAdapter")).vault()), address(deployed));
        address[] memory head = models.headOf(strategy.modelId());
        assertEq(head.length, 1);
        bytes memory blob = vm.parseBytes(vm.trim(vm.readFile("deploy/heads/spread-head.hex")));
        assertEq(head[0].code, bytes.concat(hex"00", blob), "the head that ships");
        assertEq(deployed.limits().noticeSeconds, 0, "none on a local chain");
        (bool guards,) = AccessManager(_at("accessManager")).hasRole(3, GUARDIAN);
        assertTrue(guards);
        RangeVaultFactory factory = RangeVaultFactory(_at("factory"));
        assertTrue(factory.isVault(address(deployed)));
        assertEq(factory.setOf(address(deployed)).strategy, address(strategy));
        assertEq(factory.setOf(address(deployed)).oracle, _at("oracle"));
    }

    function _checkAddedStrategy() private {
        FixedWidthStrategy fixedWidth = new AddStrategy().run();
        assertEq(deployed.strategy(), address(fixedWidth));
        (uint24 halfWidthTicks,,, uint64 shareWad, uint64 maxCostWad) = fixedWidth.rule();
        assertEq(halfWidthTicks, 600);
        assertEq(shareWad, 0.95e18);
        assertEq(maxCostWad, 0.001e18);
        assertEq(fixedWidth.bounds().maxWidthTicks, 4200);
    }

    function _checkNothingIsLeftToTheDeployer() private view {
        for (uint64 role; role <= 4; ++role) {
            (bool has,) = authority.hasRole(role, vm.addr(DEPLOYER_KEY));
            assertFalse(has, vm.toString(role));
        }
    }

    /// Whatever an administrator wants is announced two days before, from the first second on.
    function _checkAdministratorsWait() private {
        address owner_ = vm.addr(OWNER_KEY);
        bytes[5] memory wishes = [
            abi.encodeCall(AccessManager.grantRole, (4, owner_, 0)),
            abi.encodeCall(AccessManager.updateAuthority, (address(deployed), address(new AccessManager(owner_)))),
            abi.encodeCall(AccessManager.setTargetFunctionRole, (address(deployed), new bytes4[](0), 0)),
            abi.encodeCall(AccessManager.setTargetClosed, (address(deployed), true)),
            abi.encodeCall(AccessManager.setTargetAdminDelay, (address(deployed), 0))
        ];
        for (uint256 i; i < wishes.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            vm.startPrank(owner_);
            bytes32 id = authority.hashOperation(owner_, address(authority), wishes[i]);
            (bool done, bytes memory answer) = address(authority).call(wishes[i]);
            assertFalse(done, vm.toString(i));
            assertEq(answer, abi.encodeWithSelector(IAccessManager.AccessManagerNotScheduled.selector, id));
            authority.schedule(address(authority), wishes[i], 0);
            skip(2 days - 1);
            vm.expectPartialRevert(IAccessManager.AccessManagerNotReady.selector);
            authority.execute(address(authority), wishes[i]);
            skip(1);
            authority.execute(address(authority), wishes[i]);
            vm.stopPrank();
            vm.revertToStateAndDelete(snapshot);
        }
        // For administrators to come: from when AccessManager lets the delays begin.
        assertEq(authority.getTargetAdminDelay(address(deployed)), 0);
        skip(5 days);
        string[4] memory targets = ["vault", "strategy", "registry", "gate"];
        for (uint256 i; i < targets.length; ++i) {
            assertEq(authority.getTargetAdminDelay(_at(targets[i])), 2 days, targets[i]);
        }
        assertEq(authority.getRoleGrantDelay(1), 2 days);
        assertEq(authority.getRoleGrantDelay(2), 2 days);
        assertEq(authority.getRoleGrantDelay(4), 2 days);
    }

    /// The owner announces a strategy; the guardian can cancel it.
    function _checkAStrategyWaits() private {
        address owner_ = vm.addr(OWNER_KEY);
        bytes memory wish = abi.encodeCall(RangeVault.setStrategy, (alice));
        vm.startPrank(owner_);
        vm.expectPartialRevert(IAccessManager.AccessManagerNotScheduled.selector);
        deployed.setStrategy(alice);
        authority.schedule(address(deployed), wish, 0);
        vm.stopPrank();
        vm.prank(GUARDIAN);
        authority.cancel(owner_, address(deployed), wish);
        skip(2 days);
        vm.startPrank(owner_);
        vm.expectPartialRevert(IAccessManager.AccessManagerNotScheduled.selector);
        deployed.setStrategy(alice);
        authority.schedule(address(deployed), wish, 0);
        skip(2 days);
        deployed.setStrategy(alice);
        vm.stopPrank();
        assertEq(deployed.strategy(), alice);
        // The script announces where it may not do.
        vm.setEnv("RANGEKEEPER_DEPLOYER_KEY", vm.toString(OWNER_KEY));
        FixedWidthStrategy fixedWidth = new AddStrategy().run();
        assertEq(deployed.strategy(), alice);
        skip(2 days);
        vm.prank(owner_);
        authority.execute(address(deployed), abi.encodeCall(RangeVault.setStrategy, (address(fixedWidth))));
        assertEq(deployed.strategy(), address(fixedWidth));
    }
}
