// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {RangeOrder, RebalanceOrder} from "../../vaults/interfaces/IRangeVault.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {BaseTest} from "../support/BaseTest.sol";
import {DeployedTest} from "../support/DeployedTest.sol";
import {MockToken} from "../support/mocks/MockToken.sol";

/// @notice Who may call what, as deployed. Every function that changes anything must have a row, or the test is red.
contract RoleMatrixTest is DeployedTest {
    string[] private actors = ["stranger", "depositor", "strategy", "curator", "guardian", "owner", "authority"];

    /// By contract and function: who is let in. `nobody`: the pool alone, and only within an operation.
    string[] private rows = [
        "RangeVault approve anybody",
        "RangeVault transfer anybody",
        "RangeVault transferFrom anybody",
        "RangeVault permit anybody",
        "RangeVault deposit anybody",
        "RangeVault mint anybody",
        "RangeVault withdraw anybody",
        "RangeVault redeem anybody",
        "RangeVault redeemInKind anybody",
        "RangeVault depositInKind anybody",
        "RangeVault collectFees anybody",
        "RangeVault claimRewards anybody",
        "RangeVault rebalance strategy",
        "RangeVault deRisk strategy,guardian,curator",
        "RangeVault pause guardian,curator",
        "RangeVault cancelSetting guardian,curator",
        "RangeVault configure curator",
        "RangeVault liftHold curator",
        "RangeVault unpause curator",
        "RangeVault extendPause owner",
        "RangeVault setStrategy owner",
        "RangeVault setGate owner",
        "RangeVault setFeeRecipient owner",
        "RangeVault setSkimReceiver owner",
        "RangeVault skim owner",
        "RangeVault skimPosition owner",
        "RangeVault setStrategist owner",
        "RangeVault windDown owner",
        "RangeVault setRewardClaimer curator",
        "RangeVault setAuthority authority",
        "RangeVault uniswapV3MintCallback nobody",
        "RangeVault uniswapV3SwapCallback nobody",
        "ModelStrategy rebalance anybody",
        "ModelStrategy heartbeat anybody",
        "ModelStrategy retreat anybody",
        "ModelStrategy setBounds curator",
        "ModelStrategy setModel curator",
        "ModelStrategy invalidateNonce guardian,curator",
        "ModelStrategy cancelAnnouncement guardian,curator",
        "ModelStrategy setAuthority authority",
        "ModelRegistry register curator",
        "ModelRegistry raiseStage curator",
        "ModelRegistry setNotice curator",
        "ModelRegistry lowerStage guardian,curator",
        "ModelRegistry setAuthority authority",
        "AllowListGate setAllowed curator",
        "AllowListGate setAuthority authority",
        "RangeVaultFactory create anybody",
        "StrategyDeployer deploy anybody"
    ];

    mapping(bytes32 => string) private allowed;
    mapping(string => address) private accounts;
    uint256 private calls;

    function folder() internal pure override returns (string memory) {
        return "./.rangekeeper/roles-test";
    }

    function test_V4_everyFunctionLetsInWhoHasARowAndNobodyElse() public {
        vm.pauseGasMetering();
        _run(vm.addr(OWNER_KEY), 0);
        for (uint256 i; i < rows.length; ++i) {
            string[] memory words = vm.split(rows[i], " ");
            allowed[keccak256(bytes(string.concat(words[0], " ", words[1])))] = words[2];
        }
        accounts["stranger"] = makeAddr("stranger");
        accounts["depositor"] = alice;
        accounts["strategy"] = _at("strategy");
        accounts["curator"] = makeAddr("curatorAlone");
        accounts["guardian"] = GUARDIAN;
        accounts["owner"] = vm.addr(OWNER_KEY);
        accounts["authority"] = _at("accessManager");
        // In the example owner and curator are one; here they are two.
        AccessManager authority = AccessManager(_at("accessManager"));
        vm.startPrank(accounts["owner"]);
        authority.grantRole(2, accounts["curator"], 0);
        authority.grantRole(3, accounts["curator"], 0);
        authority.revokeRole(2, accounts["owner"]);
        authority.revokeRole(3, accounts["owner"]);
        vm.stopPrank();

        this.check("RangeVault", _at("vault"));
        this.check("ModelStrategy", _at("strategy"));
        this.check("ModelRegistry", _at("registry"));
        this.check("AllowListGate", _at("gate"));
        this.check("RangeVaultFactory", _at("factory"));
        this.check("StrategyDeployer", _at("strategyDeployer"));
        this.check("ReferencePriceOracle", _at("oracle"));
        this.check("LendingAdapter", _at("lendingAdapter"));
        this.check("VaultLens", _at("lens"));
        assertGt(calls, 300, "the table was not walked");
        vm.removeDir(folder(), true);
    }

    /// @dev A frame of its own for each: an artifact is large, and so would be the memory.
    function check(string memory name, address target) external {
        string memory json = vm.readFile(string.concat("out/", name, ".sol/", name, ".json"));
        string[] memory signatures = vm.parseJsonKeys(json, ".methodIdentifiers");
        // Pieces of the ABI that begin with a function's name; the rest of the artifact is large.
        string[] memory pieces = vm.split(vm.split(json, "\"bytecode\":")[0], "{\"type\":\"function\",\"name\":\"");
        assertEq(pieces.length - 1, signatures.length, "the ABI was misread");
        for (uint256 i; i < signatures.length; ++i) {
            string memory short = vm.split(signatures[i], "(")[0];
            string memory who = allowed[keccak256(bytes(string.concat(name, " ", short)))];
            if (bytes(who).length == 0) {
                assertTrue(_reads(short, pieces), string.concat(name, ".", signatures[i], " has no row"));
            } else {
                _checkRow(target, string.concat(name, ".", signatures[i]), bytes4(keccak256(bytes(signatures[i]))), who);
            }
        }
    }

    function _reads(string memory short, string[] memory pieces) private pure returns (bool) {
        for (uint256 i = 1; i < pieces.length; ++i) {
            if (keccak256(bytes(vm.split(pieces[i], "\"")[0])) != keccak256(bytes(short))) continue;
            bytes32 kind = keccak256(bytes(vm.split(vm.split(pieces[i], "\"stateMutability\":\"")[1], "\"")[0]));
            return kind == keccak256("view") || kind == keccak256("pure");
        }
        return false;
    }

    function _checkRow(address target, string memory what, bytes4 selector, string memory who) private {
        for (uint256 i; i < actors.length; ++i) {
            bool expected = _names(who, actors[i]) || _names(who, "anybody");
            uint256 snapshot = vm.snapshotState();
            // Sixteen words of zero read as any arguments, and as empty arrays.
            bytes memory data = abi.encodePacked(selector, new bytes(512));
            vm.prank(accounts[actors[i]]);
            (bool done, bytes memory answer) = target.call(data);
            vm.revertToStateAndDelete(snapshot);
            calls += 1;
            assertEq(!_refused(done, bytes4(answer)), expected, string.concat(what, " by ", actors[i]));
        }
    }

    function _names(string memory list, string memory word) private pure returns (bool) {
        string[] memory words = vm.split(list, ",");
        for (uint256 i; i < words.length; ++i) {
            if (keccak256(bytes(words[i])) == keccak256(bytes(word))) return true;
        }
        return false;
    }

    function _refused(bool done, bytes4 reason) private pure returns (bool) {
        return !done
            && (reason == IAccessManaged.AccessManagedUnauthorized.selector
                || reason == ErrorsLib.NotStrategy.selector
                || reason == ErrorsLib.NotPool.selector);
    }
}

/// @notice An administrator who wants the money: he gives himself every role, exchanges the authority, opens every
/// function to all, closes the vault, names himself strategy, and calls whatever there is. No notice is in his way here.
contract HostileAdminTest is BaseTest {
    address private mallory = makeAddr("mallory");
    bytes4[] private selectors;

    function setUp() public override {
        super.setUp();
        _seed();
        string memory json = vm.readFile("out/RangeVault.sol/RangeVault.json");
        string[] memory signatures = vm.parseJsonKeys(json, ".methodIdentifiers");
        for (uint256 i; i < signatures.length; ++i) {
            bytes32 short = keccak256(bytes(vm.split(signatures[i], "(")[0]));
            bytes4 selector = bytes4(keccak256(bytes(signatures[i])));
            // AccessManager exchanges it by a function of its own. Fee shares are his by then, and leaving is what shares are for.
            if (short == keccak256("setAuthority")) continue;
            if (short == keccak256("redeem") || short == keccak256("withdraw") || short == keccak256("redeemInKind")) {
                continue;
            }
            selectors.push(selector);
        }
    }

    /// @dev What the shareholders' tokens can be in, less what traders brought in or took out.
    function _kept(MockToken token, int256 traded) private view returns (int256) {
        uint256 sum = token.balanceOf(address(vault)) + token.balanceOf(address(pool)) + token.balanceOf(alice)
            + token.balanceOf(bob);
        return int256(sum) - traded;
    }

    /// forge-config: default.fuzz.runs = 128
    /// forge-config: deep.fuzz.runs = 1280
    function testFuzz_V4_noSequenceOfAHostileAdministratorMovesTokensOut(uint256 seed) public {
        (int256 kept0, int256 kept1) = (_kept(token0, trader.spent0()), _kept(token1, trader.spent1()));
        for (uint256 i; i < 48; ++i) {
            seed = uint256(keccak256(abi.encode(seed, i)));
            _step(seed);
        }
        assertGe(_kept(token0, trader.spent0()), kept0, "token0 left");
        assertGe(_kept(token1, trader.spent1()), kept1, "token1 left");
        // Whatever he did, the shareholders leave with all that is theirs.
        (uint256 alice0, uint256 alice1) = _inKind(alice, vault.balanceOf(alice));
        (uint256 bob0, uint256 bob1) = _inKind(bob, vault.balanceOf(bob));
        assertGt(alice0 + alice1, 0);
        assertGt(bob0 + bob1, 0);
        assertGe(_kept(token0, trader.spent0()), kept0, "token0 left with the shareholders' exit");
        assertGe(_kept(token1, trader.spent1()), kept1, "token1 left with the shareholders' exit");
    }

    function _step(uint256 seed) private {
        uint256 way = seed % 16;
        seed >>= 8;
        if (way == 0) manager.grantRole(uint64(1 + seed % 3), mallory, 0);
        else if (way == 1) _exchangeAuthority(seed);
        else if (way == 2) _open();
        else if (way == 3) _close(seed % 4 == 0);
        else if (way == 4) _call(abi.encodeWithSignature("setStrategy(address)", mallory));
        else if (way <= 6) _call(abi.encodeCall(vault.rebalance, (_randomOrder(seed))));
        else if (way == 7) skip(seed % 2 days);
        else if (way == 8) _calmDown();
        else if (way == 9) trader.moveTo(startTick + int24(int256(seed % 800)) - 400);
        else if (way == 10) _call(abi.encodeWithSignature("setSkimReceiver(address)", mallory));
        else if (way == 11) _call(abi.encodeWithSignature("skim(address)", seed % 2 == 0 ? token0 : token1));
        else if (way == 12) _skimPosition(seed);
        else _call(_random(seed));
    }

    function _call(bytes memory data) private {
        vm.prank(mallory);
        (bool done,) = address(vault).call(data);
        done;
    }

    function _exchangeAuthority(uint256 seed) private {
        if (vault.authority() != address(manager)) return;
        if (seed % 2 == 0) {
            manager.updateAuthority(address(vault), address(new AccessManager(mallory)));
        } else {
            _call(abi.encodeWithSignature("setAuthority(address)", mallory));
        }
    }

    function _open() private {
        if (vault.authority() == address(manager)) {
            manager.setTargetFunctionRole(address(vault), selectors, manager.PUBLIC_ROLE());
            return;
        }
        AccessManager his = AccessManager(vault.authority());
        vm.startPrank(mallory);
        his.setTargetFunctionRole(address(vault), selectors, his.PUBLIC_ROLE());
        vm.stopPrank();
    }

    function _close(bool closed) private {
        if (vault.authority() == address(manager)) manager.setTargetClosed(address(vault), closed);
    }

    function _skimPosition(uint256 seed) private {
        if (vault.positions().length == 0 || seed % 3 == 0) {
            _call(abi.encodeWithSignature("skimPosition(int24,int24)", startTick - 600, startTick + 600));
        } else {
            _call(
                abi.encodeWithSignature(
                    "skimPosition(int24,int24)", vault.positions()[0].lowerTick, vault.positions()[0].upperTick
                )
            );
        }
    }

    function _randomOrder(uint256 seed) private view returns (RebalanceOrder memory order) {
        order.ranges = new RangeOrder[](1 + seed % 2);
        int24 lower = _floorTick(_spotTick() + int24(int256((seed >> 8) % 1200)) - 900);
        for (uint256 i; i < order.ranges.length; ++i) {
            order.ranges[i] =
                RangeOrder(lower, lower + 200 + 10 * int24(int256((seed >> 24) % 100)) + int24(int256(i)) * 10, 0.4e18);
        }
        (uint256 idle0, uint256 idle1) = vault.idle();
        order.swap.zeroForOne = (seed >> 40) % 2 == 0;
        order.swap.amountIn = (order.swap.zeroForOne ? idle0 : idle1) * ((seed >> 48) % 100) / 100;
    }

    /// @dev Any function with any words: accounts, tokens, names of settings, small and large numbers.
    function _random(uint256 seed) private view returns (bytes memory data) {
        data = abi.encodePacked(selectors[seed % selectors.length]);
        bytes32[8] memory words = [
            bytes32(uint256(uint160(mallory))),
            bytes32(uint256(uint160(alice))),
            bytes32(uint256(uint160(address(token0)))),
            bytes32(uint256(uint160(address(token1)))),
            bytes32("lossBudgetBps"),
            bytes32("managementFeeBps"),
            bytes32((seed >> 128) % 1e12),
            bytes32(uint256(1))
        ];
        for (uint256 i; i < 16; ++i) {
            data = abi.encodePacked(data, words[(seed >> (16 + 4 * i)) % 8]);
        }
    }
}
