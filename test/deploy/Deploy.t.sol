// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {AddStrategy} from "../../deploy/AddStrategy.s.sol";
import {Deploy} from "../../deploy/Deploy.s.sol";
import {FixedWidthStrategy} from "../../strategies/FixedWidthStrategy.sol";
import {ModelStrategy} from "../../strategies/ModelStrategy.sol";
import {ModelRegistry} from "../../strategies/models/ModelRegistry.sol";
import {AllowListGate} from "../../vaults/gates/AllowListGate.sol";
import {LendingAdapter} from "../../vaults/oracles/LendingAdapter.sol";
import {RangeVault} from "../../vaults/RangeVault.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {Mlp} from "../support/Mlp.sol";

/// @notice The scripts with everything that a configuration may ask for, on the local example's settings.
contract DeployTest is BaseTest {
    uint256 private constant DEPLOYER_KEY = 0xD0;
    string private constant FOLDER = "./.rangekeeper/deploy-test";

    string private addresses;

    /// @dev The example's file with this pool, these roles, and what is optional.
    function _run() private {
        vm.createDir(FOLDER, true);
        string memory config = vm.readFile("deploy/config/local.toml");
        config = vm.replace(config, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", vm.toString(vm.addr(DEPLOYER_KEY)));
        config = vm.replace(
            config,
            "[[vaults]]",
            string.concat(
                "headFile = \"", FOLDER, "/head.hex\"\n\n[[vaults]]\nallowList = [\"", vm.toString(alice), "\"]"
            )
        );
        // The last two zero addresses but the feed's are asset and pool.
        config = vm.replace(
            config,
            "asset = \"0x0000000000000000000000000000000000000000\"",
            string.concat("asset = \"", vm.toString(address(assetToken)), "\"")
        );
        config = vm.replace(
            config,
            "pool = \"0x0000000000000000000000000000000000000000\"",
            string.concat("pool = \"", vm.toString(address(pool)), "\"")
        );
        config = string.concat(
            config,
            "\n[vaults.fixedWidth]\nhalfWidthTicks = 600\ntriggerTicks = 200\nrefreshSeconds = 86400\nshareBps = 9500\nmaxCostBps = 10\n"
        );
        vm.writeFile(string.concat(FOLDER, "/config.toml"), config);
        uint256[] memory dims = new uint256[](3);
        (dims[0], dims[1], dims[2]) = (8, 16, 3);
        bytes memory blob = Mlp.encode(Mlp.random(1, dims, 8, 127, 20));
        vm.writeFile(string.concat(FOLDER, "/head.hex"), vm.toString(blob));
        vm.setEnv("RANGEKEEPER_CONFIG", string.concat(FOLDER, "/config.toml"));
        vm.setEnv("RANGEKEEPER_ADDRESSES", string.concat(FOLDER, "/addresses.json"));
        vm.setEnv("RANGEKEEPER_DEPLOYER_KEY", vm.toString(DEPLOYER_KEY));
        new Deploy().run();
        addresses = vm.readFile(string.concat(FOLDER, "/addresses.json"));
    }

    function _at(string memory name) private view returns (address) {
        return vm.parseJsonAddress(addresses, string.concat(".", name));
    }

    function test_deploy_givesAllThatTheConfigurationAsksFor() public {
        _run();
        RangeVault deployed = RangeVault(_at("vault"));
        ModelStrategy strategy = ModelStrategy(_at("strategy"));
        ModelRegistry models = ModelRegistry(_at("registry"));
        assertEq(deployed.strategy(), address(strategy));
        assertEq(deployed.gate(), _at("gate"));
        assertTrue(AllowListGate(_at("gate")).allowed(alice));
        assertFalse(AllowListGate(_at("gate")).allowed(bob));
        assertEq(address(LendingAdapter(_at("lendingAdapter")).vault()), address(deployed));
        address[] memory head = models.headOf(strategy.modelId());
        assertEq(head.length, 1);
        assertEq(head[0].code.length, 1 + 32 + 2 * 9 * 32 + 17 * 32);
        assertEq(deployed.limits().noticeSeconds, 0, "none on a local chain");
        AccessManager authority = AccessManager(_at("accessManager"));
        (bool guards,) = authority.hasRole(3, 0x70997970C51812dc3A010C7d01b50e0d17dc79C8);
        assertTrue(guards);

        FixedWidthStrategy fixedWidth = new AddStrategy().run();
        assertEq(deployed.strategy(), address(fixedWidth));
        (uint24 halfWidthTicks,,, uint64 shareWad, uint64 maxCostWad) = fixedWidth.rule();
        assertEq(halfWidthTicks, 600);
        assertEq(shareWad, 0.95e18);
        assertEq(maxCostWad, 0.001e18);
        assertEq(fixedWidth.bounds().maxWidthTicks, 4200);
        vm.removeDir(FOLDER, true);
    }
}
