// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Deploy} from "../../deploy/Deploy.s.sol";
import {BaseTest} from "./BaseTest.sol";

/// @notice What the deploy script makes of the local example's settings with everything that is optional.
abstract contract DeployedTest is BaseTest {
    uint256 internal constant DEPLOYER_KEY = 0xD0;
    uint256 internal constant OWNER_KEY = 0xA1;
    address internal constant GUARDIAN = 0x70997970C51812dc3A010C7d01b50e0d17dc79C8;

    string internal addresses;

    /// @dev A folder of its own for each test: they run side by side.
    function folder() internal pure virtual returns (string memory);

    /// @dev Files too, for scripts that read them by the environment.
    function _run(address owner_, uint256 delaySeconds) internal {
        vm.createDir(folder(), true);
        vm.writeFile(string.concat(folder(), "/config.toml"), _deploy(owner_, delaySeconds));
        vm.writeFile(string.concat(folder(), "/addresses.json"), addresses);
    }

    /// @dev The example's file with this pool, these roles, one delay for roles and settings, and what is optional.
    function _deploy(address owner_, uint256 delaySeconds) internal returns (string memory config) {
        config = vm.readFile("deploy/config/local.toml");
        config = vm.replace(config, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", vm.toString(owner_));
        config =
            vm.replace(config, "delaySeconds = 0 ", string.concat("delaySeconds = ", vm.toString(delaySeconds), " "));
        config =
            vm.replace(config, "noticeSeconds = 0 ", string.concat("noticeSeconds = ", vm.toString(delaySeconds), " "));
        // The example's pool takes 30 bp, this one 5.
        config = vm.replace(config, "maxPoolShareBps = 550 ", "maxPoolShareBps = 90 ");
        config =
            vm.replace(config, "[[vaults]]", string.concat("[[vaults]]\nallowList = [\"", vm.toString(alice), "\"]"));
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
        addresses = new Deploy().deploy(config, DEPLOYER_KEY);
    }

    function _at(string memory name) internal view returns (address) {
        return vm.parseJsonAddress(addresses, string.concat(".", name));
    }
}
