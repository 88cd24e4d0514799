// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {CURATOR_ROLE, GUARDIAN_ROLE, OWNER_ROLE, STRATEGY_SETTER_ROLE} from "../../deploy/Config.sol";
import {BaseStrategy} from "../../strategies/BaseStrategy.sol";
import {ModelStrategy} from "../../strategies/ModelStrategy.sol";
import {ModelParameters, Stage} from "../../strategies/interfaces/IModelRegistry.sol";
import {Bounds} from "../../strategies/libraries/BoundsLib.sol";
import {ModelRegistry} from "../../strategies/models/ModelRegistry.sol";
import {AllowListGate} from "../../vaults/gates/AllowListGate.sol";
import {ErrorsLib} from "../../vaults/libraries/ErrorsLib.sol";
import {InKindExit, RangeVault} from "../../vaults/RangeVault.sol";
import {DeployedTest} from "../support/DeployedTest.sol";

/// @notice What somebody calls, or announces.
struct Wish {
    address caller;
    address target;
    bytes data;
}

/// @notice G1 where one hostile key is administrator, owner and curator of what the deploy script made, with an accomplice
/// to whom it may give anything. In half of the runs the accomplice is an administrator too, without a delay of his own,
/// once the delays on targets and on grants hold.
contract AdministratorInvariantTest is DeployedTest {
    uint32 private constant DELAY = 2 days;
    bytes32 private constant HIS_MODEL = "his model";

    RangeVault private deployed;
    ModelStrategy private modelStrategy;
    ModelRegistry private registry;
    AccessManager private authority;
    AccessManager private hisAuthority;
    address private hostile = vm.addr(OWNER_KEY);
    address private accomplice = makeAddr("accomplice");
    address[4] private targets;
    bytes4[] private selectors;

    bool private built;
    bool private isAccompliceAdmin;
    Wish[] private announced;
    mapping(bytes32 operation => uint256) private announcedAt;
    /// When anybody could see the first of it; 0 = nothing yet.
    uint256 private seenAt;
    bytes32 private atFirst;
    /// Delay plus one by role and account, 0 = no member.
    mapping(uint64 role => mapping(address account => uint256)) private rights;

    /// How often each thing happened: a campaign that does nothing proves nothing.
    uint256 public tooEarly;
    uint256 public strategiesSet;
    uint256 public administered;
    uint256 public settingsAnnounced;
    uint256 public vetoes;
    uint256 public guards;
    uint256 public exits;
    uint256 public lastSeconds;

    function folder() internal pure override returns (string memory) {
        return "";
    }

    function setUp() public override {
        super.setUp();
        _deploy(hostile, DELAY);
        deployed = RangeVault(_at("vault"));
        modelStrategy = ModelStrategy(_at("strategy"));
        registry = ModelRegistry(_at("registry"));
        authority = AccessManager(_at("accessManager"));
        hisAuthority = new AccessManager(accomplice);
        targets = [address(deployed), address(modelStrategy), address(registry), _at("gate")];
        selectors = [
            RangeVault.setStrategy.selector,
            RangeVault.configure.selector,
            RangeVault.setStrategist.selector,
            RangeVault.skim.selector,
            RangeVault.windDown.selector,
            RangeVault.pause.selector,
            RangeVault.deRisk.selector,
            RangeVault.cancelSetting.selector,
            BaseStrategy.setBounds.selector,
            BaseStrategy.cancelAnnouncement.selector,
            ModelStrategy.setModel.selector,
            ModelRegistry.register.selector,
            ModelRegistry.raiseStage.selector,
            ModelRegistry.lowerStage.selector,
            AllowListGate.setAllowed.selector
        ];
        assetToken.mint(alice, _assets(1_000_000));
        vm.startPrank(alice);
        assetToken.approve(address(deployed), type(uint256).max);
        deployed.deposit(_assets(1_000_000), alice);
        vm.stopPrank();

        // In shadow at once, where nothing it signs is executed.
        vm.prank(hostile);
        registry.register(HIS_MODEL, ModelParameters("", "", accomplice, address(0), 0, new address[](0)));

        bytes4[] memory actions = new bytes4[](6);
        actions[0] = this.announce.selector;
        actions[1] = this.carryOut.selector;
        actions[2] = this.callAtOnce.selector;
        actions[3] = this.veto.selector;
        actions[4] = this.guard.selector;
        actions[5] = this.leaveOrWait.selector;
        targetContract(address(this));
        targetSelector(FuzzSelector(address(this), actions));
    }

    modifier inWorld(uint256 seed) {
        if (!built) _build(uint256(keccak256(abi.encode(seed))) & 1 == 0);
        _;
    }

    function _build(bool withAccomplice) private {
        built = true;
        isAccompliceAdmin = withAccomplice;
        if (withAccomplice) {
            // AccessManager lets the delays on targets and on grants begin after five days.
            skip(5 days);
            bytes memory grant = abi.encodeCall(AccessManager.grantRole, (0, accomplice, 0));
            vm.startPrank(hostile);
            authority.schedule(address(authority), grant, 0);
            skip(DELAY);
            authority.execute(address(authority), grant);
            vm.stopPrank();
        }
        atFirst = _rules();
        for (uint64 role; role <= 4; ++role) {
            rights[role][hostile] = _right(role, hostile);
            rights[role][accomplice] = _right(role, accomplice);
        }
    }

    /* WHAT MUST NOT CHANGE */

    /// @dev Who moves the tokens, by which settings, and who may call what.
    function _rules() private view returns (bytes32 digest) {
        (address payout, uint16 shareBps) = deployed.strategist();
        digest = keccak256(
            abi.encode(
                deployed.strategy(),
                deployed.limits(),
                payout,
                shareBps,
                modelStrategy.bounds(),
                modelStrategy.modelId(),
                registry.stageOf(HIS_MODEL) > Stage.Shadow
            )
        );
        for (uint256 i; i < targets.length; ++i) {
            address target = targets[i];
            digest = keccak256(abi.encode(digest, AccessManaged(target).authority(), authority.isTargetClosed(target)));
            for (uint256 j; j < selectors.length; ++j) {
                digest = keccak256(abi.encode(digest, authority.getTargetFunctionRole(target, selectors[j])));
            }
        }
    }

    function _right(uint64 role, address account) private view returns (uint256) {
        (bool has, uint32 delay) = authority.hasRole(role, account);
        return has ? uint256(delay) + 1 : 0;
    }

    function _isFresh() private view returns (bool) {
        return seenAt == 0 || block.timestamp < seenAt + DELAY;
    }

    function _check() private view {
        if (!built || !_isFresh()) return;
        assertEq(_rules(), atFirst, "G1");
        for (uint64 role; role <= 4; ++role) {
            _checkRight(role, hostile);
            _checkRight(role, accomplice);
        }
        if (isAccompliceAdmin) return;
        assertEq(_right(GUARDIAN_ROLE, GUARDIAN), 1, "the guardian");
        assertEq(authority.getRoleGuardian(STRATEGY_SETTER_ROLE), GUARDIAN_ROLE, "the guardian's veto");
    }

    /// @dev Nobody has more than he had, or has it sooner.
    function _checkRight(uint64 role, address account) private view {
        // An administrator without a delay makes others, and guardians, at once: these can only stop.
        bool moves = role == OWNER_ROLE || role == CURATOR_ROLE || role == STRATEGY_SETTER_ROLE;
        uint256 right = _right(role, account);
        if (right == 0 || (isAccompliceAdmin && !moves)) return;
        assertGt(rights[role][account], 0, "a role");
        assertGe(right, rights[role][account], "a delay");
    }

    /* THE ADMINISTRATOR */

    function _wish(uint256 seed) private view returns (Wish memory wish) {
        wish.caller = seed & 1 == 0 ? hostile : accomplice;
        wish.target = address(authority);
        address account = seed & 2 == 0 ? hostile : accomplice;
        address target = targets[(seed >> 2) % 4];
        uint64 role = uint64((seed >> 8) % 6);
        uint256 kind = (seed >> 16) % 16;
        if (kind <= 5) {
            (wish.target, wish.data) = (address(deployed), abi.encodeCall(RangeVault.setStrategy, (accomplice)));
        } else if (kind == 6) {
            wish.data = abi.encodeCall(AccessManager.grantRole, (role, account, 0));
        } else if (kind == 7) {
            wish.data = abi.encodeCall(AccessManager.revokeRole, (GUARDIAN_ROLE, GUARDIAN));
        } else if (kind == 8) {
            wish.data = abi.encodeCall(AccessManager.updateAuthority, (target, address(hisAuthority)));
        } else if (kind == 9) {
            (wish.target, wish.data) = (target, abi.encodeCall(AccessManaged.setAuthority, (address(hisAuthority))));
        } else if (kind == 10) {
            uint64 to = role == 5 ? authority.PUBLIC_ROLE() : role;
            wish.data = abi.encodeCall(AccessManager.setTargetFunctionRole, (target, selectors, to));
        } else if (kind == 11) {
            wish.data = abi.encodeCall(AccessManager.setTargetClosed, (target, true));
        } else if (kind == 12) {
            wish.data = abi.encodeCall(AccessManager.setTargetAdminDelay, (target, 0));
        } else if (kind == 13) {
            wish.data = abi.encodeCall(AccessManager.setGrantDelay, (role, 0));
        } else if (kind == 14) {
            wish.data = abi.encodeCall(AccessManager.setRoleAdmin, (role, uint64((seed >> 32) % 6)));
        } else {
            wish.data = abi.encodeCall(AccessManager.setRoleGuardian, (role, uint64((seed >> 32) % 6)));
        }
    }

    /// @dev What a curator raises: all of it waits for its own notice.
    function _raise(uint256 seed) private view returns (Wish memory wish) {
        (wish.caller, wish.target) = (hostile, address(deployed));
        uint256 kind = (seed >> 8) % 12;
        if (kind == 0) {
            wish.target = address(modelStrategy);
            wish.data = abi.encodeCall(ModelStrategy.setModel, (HIS_MODEL));
        } else if (kind == 1) {
            Bounds memory raised = modelStrategy.bounds();
            raised.spreadCeilingWad = 1e18;
            wish.target = address(modelStrategy);
            wish.data = abi.encodeCall(BaseStrategy.setBounds, (raised));
        } else if (kind == 2) {
            wish.target = address(registry);
            wish.data = abi.encodeCall(ModelRegistry.raiseStage, (HIS_MODEL, Stage.Full, 0));
        } else if (kind == 3) {
            wish.target = address(registry);
            wish.data = abi.encodeCall(ModelRegistry.setNotice, (0));
        } else if (kind == 4) {
            wish.data = abi.encodeCall(RangeVault.setStrategist, (accomplice, 5000));
        } else {
            (bytes32 key, uint256 value) = _riskier(kind - 5);
            wish.data = abi.encodeCall(RangeVault.configure, (key, value));
        }
    }

    function _riskier(uint256 which) private pure returns (bytes32 key, uint256 value) {
        if (which == 0) return ("noticeSeconds", 0);
        if (which == 1) return ("lossBudgetBps", 1000);
        if (which == 2) return ("maxLossPerMoveBps", 500);
        if (which == 3) return ("drawdownBps", 5000);
        if (which == 4) return ("managementFeeBps", 500);
        if (which == 5) return ("cooldownSeconds", 0);
        return ("minWidthTicks", 20);
    }

    function _see() private {
        if (seenAt == 0) seenAt = block.timestamp;
    }

    function announce(uint256 seed) external inWorld(seed) {
        seed = uint256(keccak256(abi.encode(seed)));
        Wish memory wish = _wish(seed);
        uint48 when = seed & (1 << 64) == 0 ? 0 : uint48(block.timestamp + ((seed >> 65) % 4 days));
        vm.prank(wish.caller);
        try authority.schedule(wish.target, wish.data, when) returns (bytes32 operation, uint32) {
            announced.push(wish);
            announcedAt[operation] = block.timestamp;
            _see();
        } catch {}
    }

    /// By `execute`, or by calling itself what was announced; early, in time or late.
    function carryOut(uint256 seed) external inWorld(seed) {
        if (announced.length == 0) return;
        seed = uint256(keccak256(abi.encode(seed)));
        Wish memory wish = announced[seed % announced.length];
        bytes32 operation = authority.hashOperation(wish.caller, wish.target, wish.data);
        if (authority.getSchedule(operation) > block.timestamp) ++tooEarly;
        _try(wish, seed & (1 << 64) == 0);
    }

    /// Without a word before.
    function callAtOnce(uint256 seed) external inWorld(seed) {
        seed = uint256(keccak256(abi.encode(seed)));
        if (seed & (1 << 64) == 0) _try(_wish(seed), false);
        else if (_try(_raise(seed), false)) ++settingsAnnounced;
    }

    function _try(Wish memory wish, bool byExecute) private returns (bool done) {
        bytes32 operation = authority.hashOperation(wish.caller, wish.target, wish.data);
        vm.prank(wish.caller);
        if (byExecute) {
            (done,) = address(authority).call(abi.encodeCall(AccessManager.execute, (wish.target, wish.data)));
        } else {
            (done,) = wish.target.call(wish.data);
        }
        if (!done) return false;
        _see();
        if (wish.target == address(authority) || bytes4(wish.data) == AccessManaged.setAuthority.selector) {
            ++administered;
        } else if (bytes4(wish.data) == RangeVault.setStrategy.selector) {
            ++strategiesSet;
            // Until he has changed the rules, each strategy has its own two days.
            if (administered == 0) {
                assertGt(announcedAt[operation], 0, "a strategy that was not announced, or was vetoed");
                assertGe(block.timestamp, announcedAt[operation] + DELAY, "a strategy too early");
            }
        }
        delete announcedAt[operation];
    }

    /* EVERYBODY ELSE */

    /// While the administrator has changed nothing, whatever strategy he announced can be cancelled.
    function veto(uint256 seed) external inWorld(seed) {
        seed = uint256(keccak256(abi.encode(seed)));
        if (administered > 0 || announced.length == 0 || seed & (3 << 64) != 0) return;
        for (uint256 i; i < announced.length; ++i) {
            Wish memory wish = announced[(seed % announced.length + i) % announced.length];
            bytes32 operation = authority.hashOperation(wish.caller, wish.target, wish.data);
            if (bytes4(wish.data) != RangeVault.setStrategy.selector || announcedAt[operation] == 0) continue;
            vm.prank(GUARDIAN);
            authority.cancel(wish.caller, wish.target, wish.data);
            delete announcedAt[operation];
            ++vetoes;
            return;
        }
    }

    /// So can settings; and everything can be sent to idle, and entry and moves closed.
    function guard(uint256 seed) external inWorld(seed) {
        if (administered > 0) return;
        seed = uint256(keccak256(abi.encode(seed)));
        ++guards;
        (bytes32 key,) = _riskier(seed % 7);
        vm.startPrank(GUARDIAN);
        deployed.deRisk();
        assertTrue(deployed.rebalanceHeld());
        if (deployed.pendingSetting(key).readyAt != 0) {
            deployed.cancelSetting(key);
            assertEq(deployed.pendingSetting(key).readyAt, 0);
        }
        // A pause has a day's gap before the next one.
        bool mayPause = block.timestamp >= uint256(deployed.pausedUntil()) + 1 days;
        if (!mayPause) vm.expectPartialRevert(ErrorsLib.PauseTooSoon.selector);
        deployed.pause(1 hours);
        vm.stopPrank();
    }

    /// In any state, to the last share.
    function leaveOrWait(uint256 seed) external inWorld(seed) {
        seed = uint256(keccak256(abi.encode(seed)));
        if (seed & 1 == 0) {
            uint256 shares = deployed.balanceOf(alice) / 50 + 1;
            vm.prank(alice);
            deployed.redeemInKind(InKindExit(shares, alice, alice, alice, 0, 0, false, false));
            ++exits;
            return;
        }
        _check();
        if (seed & 6 == 0 && seenAt > 0 && _isFresh()) {
            // To the last second.
            vm.warp(seenAt + DELAY - 1);
            ++lastSeconds;
        } else {
            skip(1 + (seed >> 8) % 6 hours);
        }
        _check();
    }

    /* RULES */

    /// For two days after the first that anybody can see of it, no key, no setting, no strategy and no right is other than
    /// it was.
    function invariant_G1_nothingIsInForceBeforeItsNotice() public view {
        _check();
    }

    function afterInvariant() public {
        uint256 shares = deployed.balanceOf(alice);
        vm.prank(alice);
        deployed.redeemInKind(InKindExit(shares, alice, alice, alice, 0, 0, false, false));
        assertEq(deployed.balanceOf(alice), 0);
    }

    function _campaign(bool withAccomplice) private {
        _build(withAccomplice);
        uint256 seed = withAccomplice ? 2 : 1;
        for (uint256 i; i < 600; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 kind = seed % 6;
            if (kind == 0) this.announce(seed);
            else if (kind == 1) this.carryOut(seed);
            else if (kind == 2) this.callAtOnce(seed);
            else if (kind == 3) this.veto(seed);
            else if (kind == 4) this.guard(seed);
            else this.leaveOrWait(seed);
            _check();
        }
        assertGt(tooEarly, 5, "too early");
        assertGt(administered, 5, "administered");
        assertGt(settingsAnnounced, 5, "settings");
        assertGt(exits, 20, "exits");
        afterInvariant();
    }

    /// The campaign is one: what it is about happens.
    function test_campaign_reachesWhatItIsAbout() public {
        _campaign(false);
        assertGt(vetoes, 0, "vetoes");
        assertGt(guards, 5, "guards");
        assertGt(strategiesSet, 0, "strategies");
        assertGt(lastSeconds, 0, "the last second");
    }

    function test_campaign_reachesWhatItIsAboutWithAnAccomplice() public {
        _campaign(true);
    }
}
