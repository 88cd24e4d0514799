// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IPriceOracle} from "./interfaces/IPriceOracle.sol";
import {IRangeVault, InKindExit, Position, RebalanceOrder, RebalanceReport} from "./interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "./interfaces/IUniswapV3Pool.sol";
import {EntryLib} from "./libraries/EntryLib.sol";
import {ErrorsLib} from "./libraries/ErrorsLib.sol";
import {EventsLib} from "./libraries/EventsLib.sol";
import {ExitLib} from "./libraries/ExitLib.sol";
import {FeeLib} from "./libraries/FeeLib.sol";
import {HeldLib} from "./libraries/HeldLib.sol";
import {LossBudget, LossBudgetLib} from "./libraries/LossBudgetLib.sol";
import {PositionsLib} from "./libraries/PositionsLib.sol";
import {PricingLib} from "./libraries/PricingLib.sol";
import {SettingsLib} from "./libraries/SettingsLib.sol";
import {
    BPS,
    Limits,
    PendingSetting,
    SHARE_DECIMALS_OFFSET,
    VaultContext,
    VaultState,
    WAD
} from "./libraries/VaultState.sol";

uint256 constant MAX_PAUSE_SECONDS = 7 days;

// Between the end of one guardian's pause and the start of the next.
uint256 constant PAUSE_GAP_SECONDS = 1 days;

/// @notice How a vault is set up.
struct VaultParameters {
    string name;
    string symbol;
    IERC20 asset;
    IPriceOracle oracle;
    address authority;
    /// Receives fee shares; may be zero while both fees are zero.
    address feeRecipient;
    Limits limits;
}

/// @title Shares of liquidity in one Uniswap v3 pool, entered with one token
///
/// @notice ASSUMPTIONS. The pool is a genuine Uniswap v3 pool. Both tokens are plain ERC-20: no fee on transfer (a
/// deposit that receives less than was sent is refused), no rebasing. A token that freezes or reenters can hurt exits
/// in that token only.
///
/// HOLDINGS. Idle tokens, and up to eight positions that the vault owns in the pool itself. Both are tracked: tokens
/// sent to the vault and liquidity minted to it by others change no price, and wait for `skim`. Uncollected fees count,
/// those of donated liquidity too.
///
/// PRICE. The oracle gives a low and a high reference. Entries price the vault at its dearest and pay the entry
/// margin; value-priced exits price it at its cheapest. When the sources disagree the vault is *not calm*:
/// value-priced entry and exit close (`max*` return 0, `preview*` and the functions revert `NotCalm`), while
/// `totalAssets` and `convertTo*` go on with the last calm price. Share prices count all fee shares that are due or
/// would be if charged now (`effectiveSupply`), plus 1e6 virtual shares against one virtual unit of the asset.
///
/// WAYS IN. With the asset, capped per window because a market may have jumped before the pool; or in kind, both tokens
/// in the vault's proportion, which no price can spoil (EntryLib). Both ask the gate and close when the vault is not calm,
/// paused or wound down.
///
/// WAYS OUT. `withdraw`/`redeem`: idle asset, then burns and their asset leg, never a swap; `max*` is exactly what
/// succeeds. The overloads with a limit may sell the leaver's own slice in this pool, at the leaver's cost, inside the
/// reference band. `redeemInKind` pays the slice of both tokens leg by leg; it needs no price and no permission, and
/// nothing here can close it.
///
/// FEES. Management by time; performance on what the vault earned above holding its tokens and above its high-water mark,
/// on everybody at most weekly, on a leaver for his part (FeeLib). Never for paused time, never retroactive.
///
/// ROUNDING. Always against the one who moves: shares minted down, assets taken up; a leaver who makes the vault burn
/// positions also pays two units of each token per position, which is what floors can take.
///
/// THE STRATEGY may rebalance: inside the minimum width, cooldown, moves per day, share of the pool, drawdown breaker,
/// loss per move and a leaky bucket of losses, and only when calm before and after. De-risking to idle is never
/// blocked; to wider ranges it has a budget of its own. THE GUARDIAN may pause entry and moves for a limited time, de-risk, and cancel what the curator announced; a
/// de-risk holds moves until THE CURATOR lifts it. The curator sets bounded numbers, those that raise risk only after
/// notice, and who fetches rewards; THE OWNER the strategy, the gate and the receivers of fees and skims, and he may wind
/// the vault down, which closes entry and moves for good.
/// Nobody can send the shareholders' tokens anywhere but to a leaver pro rata or into the pool.
contract RangeVault is ERC4626, ERC20Permit, AccessManaged, ReentrancyGuardTransient, IRangeVault {
    using SafeERC20 for IERC20;

    address public immutable pool;
    address public immutable oracle;
    address public immutable token0;
    address public immutable token1;
    bool public immutable assetIsToken0;

    VaultState private state;

    /// @dev Tells the digest of the configuration before and after.
    modifier reconfigures() {
        bytes32 before = configurationHash();
        _;
        SettingsLib.emitChange(state, before);
    }

    constructor(VaultParameters memory parameters)
        ERC20(parameters.name, parameters.symbol)
        ERC4626(parameters.asset)
        ERC20Permit(parameters.name)
        AccessManaged(parameters.authority)
    {
        oracle = address(parameters.oracle);
        pool = parameters.oracle.pool();
        token0 = IUniswapV3Pool(pool).token0();
        token1 = IUniswapV3Pool(pool).token1();
        address asset_ = address(parameters.asset);
        require(asset_ == token0 || asset_ == token1, ErrorsLib.AssetNotInPool(asset_));
        assetIsToken0 = asset_ == token0;
        require(
            parameters.feeRecipient != address(0)
                || (parameters.limits.managementFeeBps == 0 && parameters.limits.performanceFeeBps == 0),
            ErrorsLib.ZeroAddress()
        );
        state.feeRecipient = parameters.feeRecipient;
        (state.feeAccruedAt, state.inflowAt) = (uint32(block.timestamp), uint32(block.timestamp));
        SettingsLib.configureAll(_context(), state, parameters.limits);
        PricingLib.rememberIfCalm(_context(), state);
        emit EventsLib.FeeRecipientSet(address(0), parameters.feeRecipient);
    }

    /* GETTERS */

    /// @inheritdoc IRangeVault
    function asset() public view override(ERC4626, IRangeVault) returns (address) {
        return super.asset();
    }

    function decimals() public view override(ERC4626, ERC20) returns (uint8) {
        return super.decimals();
    }

    /// @inheritdoc IRangeVault
    function idle() external view returns (uint256 idle0, uint256 idle1) {
        return (state.idle0, state.idle1);
    }

    /// @notice Tokens held after the last move, scaled by flows since: the mark of the drawdown breaker.
    function heldMark() external view returns (uint256 held0, uint256 held1) {
        return (state.held0, state.held1);
    }

    /// @notice What the performance fee is measured against: tokens held instead, and asset units per 1e18 shares.
    function feeMarks()
        external
        view
        returns (uint256 benchmark0, uint256 benchmark1, uint256 highWaterMark, uint256 crystallisedAt)
    {
        return (state.benchmark0, state.benchmark1, state.highWaterMark, state.crystallisedAt);
    }

    /// @notice Fee shares that are due and not minted yet.
    function dueShares() external view returns (uint256 management, uint256 performance) {
        return (state.dueManagement, state.duePerformance);
    }

    /// @notice Who gets how much of the performance fee; the rest is the fee recipient's.
    function strategist() external view returns (address payout, uint16 shareBps) {
        return (state.payout, state.payoutShareBps);
    }

    /// @inheritdoc IRangeVault
    function strategy() external view returns (address) {
        return state.strategy;
    }

    /// @notice Asked on entry when not zero.
    function gate() external view returns (address) {
        return state.gate;
    }

    function feeRecipient() external view returns (address) {
        return state.feeRecipient;
    }

    function skimReceiver() external view returns (address) {
        return state.skimReceiver;
    }

    /// @inheritdoc IRangeVault
    function positions() external view returns (Position[] memory) {
        return HeldLib.list(state);
    }

    /// @inheritdoc IRangeVault
    function limits() external view returns (Limits memory) {
        return state.limits;
    }

    /// @notice What was announced for a setting; `readyAt` 0 = nothing.
    function pendingSetting(bytes32 key) external view returns (PendingSetting memory) {
        return state.pending[key];
    }

    /// @inheritdoc IRangeVault
    function lastCalmPrice() external view returns (uint160 sqrtPriceX96, uint64 at) {
        return (state.lastGoodSqrtPriceX96, state.lastGoodAt);
    }

    /// @inheritdoc IRangeVault
    function lastMoveAt() external view returns (uint64) {
        return state.lastMoveAt;
    }

    /// @notice Moves made in the current day of Unix time.
    function movesToday() external view returns (uint256) {
        return state.movesDay == uint16(block.timestamp / 1 days) ? state.movesToday : 0;
    }

    /// @notice Entry and moves are closed before this Unix time.
    function pausedUntil() external view returns (uint64) {
        return state.pausedUntil;
    }

    /// @notice Moves wait for the curator.
    function rebalanceHeld() external view returns (bool) {
        return state.rebalanceHeld;
    }

    /// @notice What is left now of the reserve for moves that only make ranges wider, as a fraction of NAV.
    function reservedBudgetLeftWad() external view returns (uint256) {
        return LossBudgetLib.leftWad(
            LossBudget(state.reservedUsedWad, state.reservedAt),
            (uint256(state.limits.reservedBudgetBps) * WAD) / BPS,
            state.limits.lossBudgetRefillSeconds
        );
    }

    /// @notice There is only the way out.
    function woundDown() external view returns (bool) {
        return state.woundDown;
    }

    function rewardClaimer() external view returns (address) {
        return state.rewardClaimer;
    }

    /// @notice Digest of every setting and of the parties; changes are told in `ConfigurationChanged`.
    function configurationHash() public view returns (bytes32) {
        return SettingsLib.configurationHash(state);
    }

    /// @inheritdoc IRangeVault
    function lossBudgetLeftWad() external view returns (uint256) {
        return LossBudgetLib.leftWad(
            LossBudget(state.budgetUsedWad, state.budgetAt),
            (uint256(state.limits.lossBudgetBps) * WAD) / BPS,
            state.limits.lossBudgetRefillSeconds
        );
    }

    /* PRICES */

    /// @notice Total supply plus the fee shares that are due or would be if charged now, without virtual shares.
    function effectiveSupply() external view nonReentrantView returns (uint256) {
        return PricingLib.effectiveSupply(_context(), state, totalSupply());
    }

    /// @inheritdoc IRangeVault
    function navStatus()
        external
        view
        nonReentrantView
        returns (uint256 lowNav, uint256 midNav, uint256 highNav, uint256 ageSeconds, bool calm)
    {
        return PricingLib.navStatus(_context(), state);
    }

    /// @notice Net asset value at the mid reference when calm, else at the last calm one. Never a reason to revert.
    function totalAssets() public view override nonReentrantView returns (uint256) {
        return PricingLib.totalAssets(_context(), state);
    }

    function convertToShares(uint256 assets) public view override nonReentrantView returns (uint256) {
        return PricingLib.convertToShares(_context(), state, totalSupply(), assets);
    }

    function convertToAssets(uint256 shares) public view override nonReentrantView returns (uint256) {
        return PricingLib.convertToAssets(_context(), state, totalSupply(), shares);
    }

    function maxDeposit(address receiver) public view override nonReentrantView returns (uint256) {
        return EntryLib.maxDeposit(_context(), state, totalSupply(), receiver);
    }

    function maxMint(address receiver) public view override nonReentrantView returns (uint256) {
        return EntryLib.maxMint(_context(), state, totalSupply(), receiver);
    }

    function maxWithdraw(address owner) public view override nonReentrantView returns (uint256) {
        return ExitLib.maxWithdraw(_context(), state, totalSupply(), balanceOf(owner));
    }

    function maxRedeem(address owner) public view override nonReentrantView returns (uint256) {
        return ExitLib.maxRedeem(_context(), state, totalSupply(), balanceOf(owner));
    }

    function previewDeposit(uint256 assets) public view override nonReentrantView returns (uint256) {
        return EntryLib.previewDeposit(_context(), state, totalSupply(), assets);
    }

    function previewMint(uint256 shares) public view override nonReentrantView returns (uint256) {
        return EntryLib.previewMint(_context(), state, totalSupply(), shares);
    }

    function previewWithdraw(uint256 assets) public view override nonReentrantView returns (uint256) {
        return ExitLib.previewWithdraw(_context(), state, totalSupply(), assets);
    }

    function previewRedeem(uint256 shares) public view override nonReentrantView returns (uint256) {
        return ExitLib.previewRedeem(_context(), state, totalSupply(), shares);
    }

    /* DEPOSITORS: IN */

    function deposit(uint256 assets, address receiver) public override returns (uint256) {
        return deposit(assets, receiver, 0);
    }

    /// @notice Deposit that mints at least `minShares`.
    function deposit(uint256 assets, address receiver, uint256 minShares) public nonReentrant returns (uint256 shares) {
        shares = EntryLib.deposit(_context(), state, totalSupply(), assets, receiver, minShares);
        _enter(assets, shares, receiver);
    }

    function mint(uint256 shares, address receiver) public override returns (uint256) {
        return mint(shares, receiver, type(uint256).max);
    }

    /// @notice Mint that takes at most `maxAssets`.
    function mint(uint256 shares, address receiver, uint256 maxAssets) public nonReentrant returns (uint256 assets) {
        assets = EntryLib.mint(_context(), state, totalSupply(), shares, receiver, maxAssets);
        _enter(assets, shares, receiver);
    }

    /// @notice Both tokens, at most `max0` and `max1`, in the proportion in which the vault holds them at spot.
    function depositInKind(uint256 max0, uint256 max1, address receiver, uint256 minShares)
        external
        nonReentrant
        returns (uint256 shares, uint256 amount0, uint256 amount1)
    {
        (shares, amount0, amount1) =
            EntryLib.depositInKind(_context(), state, totalSupply(), max0, max1, receiver, minShares);
        _mint(receiver, shares);
        emit EventsLib.DepositedInKind(msg.sender, receiver, shares, amount0, amount1);
    }

    /* DEPOSITORS: OUT */

    function withdraw(uint256 assets, address receiver, address owner)
        public
        override
        nonReentrant
        returns (uint256 shares)
    {
        shares = ExitLib.withdraw(_context(), state, totalSupply(), assets, owner, balanceOf(owner));
        _payOut(shares, assets, receiver, owner);
    }

    function redeem(uint256 shares, address receiver, address owner)
        public
        override
        nonReentrant
        returns (uint256 assets)
    {
        assets = ExitLib.redeem(_context(), state, totalSupply(), shares, owner, balanceOf(owner));
        _payOut(shares, assets, receiver, owner);
    }

    /// @notice Exactly `assets` for at most `maxShares`: from idle where that is enough, else from the leaver's own
    /// slice, whose other token is sold in this pool; what is left of the slice is given back for shares.
    function withdraw(uint256 assets, address receiver, address owner, uint256 maxShares)
        external
        nonReentrant
        returns (uint256 shares)
    {
        shares = ExitLib.withdrawBySwap(_context(), state, totalSupply(), assets, maxShares);
        _payOut(shares, assets, receiver, owner);
    }

    /// @notice At least `minAssets` for `shares`: from idle where that is enough, else the leaver's own slice, whose
    /// other token is sold in this pool.
    function redeem(uint256 shares, address receiver, address owner, uint256 minAssets)
        external
        nonReentrant
        returns (uint256 assets)
    {
        assets = ExitLib.redeemBySwap(_context(), state, totalSupply(), shares, owner, balanceOf(owner), minAssets);
        _payOut(shares, assets, receiver, owner);
    }

    /// @notice The slice of both tokens, leg by leg. Works paused, without a price, with one token frozen (waive its
    /// leg), for the last share.
    function redeemInKind(InKindExit calldata exit) external nonReentrant returns (uint256 amount0, uint256 amount1) {
        (amount0, amount1) = ExitLib.redeemInKind(_context(), state, totalSupply(), exit);
        _burnFrom(exit.owner, exit.shares);
        if (amount0 > 0) IERC20(token0).safeTransfer(exit.receiver0, amount0);
        if (amount1 > 0) IERC20(token1).safeTransfer(exit.receiver1, amount1);
        emit EventsLib.RedeemedInKind(
            msg.sender, exit.owner, exit.receiver0, exit.receiver1, exit.shares, amount0, amount1
        );
    }

    /* ANYONE */

    /// @notice Charges the performance fee where its epoch is over, the vault is calm and there is something to charge,
    /// and mints all fee shares that are due.
    function collectFees() external nonReentrant returns (uint256 toRecipient, uint256 toStrategist) {
        (toRecipient, toStrategist) = FeeLib.collect(_context(), state, totalSupply());
        require(toRecipient + toStrategist > 0, ErrorsLib.FeeNotDue());
        _mintFees(toRecipient, toStrategist);
    }

    /// @notice Lets the claimer fetch rewards; all of them go to the skim receiver.
    function claimRewards(address[] calldata tokens, bytes calldata data) external nonReentrant {
        SettingsLib.claimRewards(_context(), state, tokens, data);
    }

    /* STRATEGY */

    /// @inheritdoc IRangeVault
    function rebalance(RebalanceOrder calldata order) external nonReentrant returns (RebalanceReport memory) {
        require(msg.sender == state.strategy, ErrorsLib.NotStrategy(msg.sender));
        if (order.ranges.length == 0 && order.swap.amountIn == 0) return _deRisk();
        return PositionsLib.rebalance(_context(), state, order, totalSupply());
    }

    /* STRATEGY AND GUARDIAN */

    /// @inheritdoc IRangeVault
    function deRisk() external nonReentrant {
        if (msg.sender != state.strategy) {
            _checkCanCall(msg.sender, msg.data);
            _setHold(true);
        }
        _deRisk();
    }

    /* GUARDIAN */

    /// @notice Closes entry and moves for at most seven days; the next pause may start a day after this one lapsed.
    function pause(uint64 durationSeconds) external restricted {
        uint256 readyAt = state.pausedUntil == 0 ? 0 : uint256(state.pausedUntil) + PAUSE_GAP_SECONDS;
        require(block.timestamp >= readyAt, ErrorsLib.PauseTooSoon(readyAt));
        _pause(durationSeconds);
    }

    /* CURATOR */

    /// @notice Sets a bounded number, or announces it where it raises risk; `key` is its name as bytes32 (SettingsLib).
    function configure(bytes32 key, uint256 value) external restricted nonReentrant reconfigures {
        FeeLib.configure(_context(), state, totalSupply(), key, value);
    }

    /// @notice Who fetches rewards; he can deliver to nobody but the skim receiver.
    function setRewardClaimer(address newClaimer) external restricted reconfigures {
        emit EventsLib.RewardClaimerSet(state.rewardClaimer, newClaimer);
        state.rewardClaimer = newClaimer;
    }

    /// @notice Drops what was announced for a setting.
    function cancelSetting(bytes32 key) external restricted {
        SettingsLib.cancel(state, key);
    }

    /// @notice Lets moves happen again after the guardian's de-risk or a de-risk that found the drawdown limit passed.
    function liftHold() external restricted {
        _setHold(false);
    }

    /// @notice Ends a pause early.
    function unpause() external restricted {
        // Else the guardian, who must wait after each pause, would wait for nothing.
        require(FeeLib.paused(state), ErrorsLib.NotPaused());
        state.pausedUntil = uint32(block.timestamp);
        if (state.feeAccruedAt > block.timestamp) state.feeAccruedAt = uint32(block.timestamp);
        emit EventsLib.PausedUntil(uint64(block.timestamp), msg.sender);
    }

    /* OWNER */

    /// @notice Confirms a pause: seven more days at most from now, without a gap.
    function extendPause(uint64 durationSeconds) external restricted {
        _pause(durationSeconds);
    }

    function setStrategy(address newStrategy) external restricted reconfigures {
        emit EventsLib.StrategySet(state.strategy, newStrategy);
        state.strategy = newStrategy;
    }

    function setGate(address newGate) external restricted reconfigures {
        emit EventsLib.GateSet(state.gate, newGate);
        (state.gate, state.gated) = (newGate, newGate != address(0));
    }

    function setFeeRecipient(address newRecipient) external restricted nonReentrant reconfigures {
        require(newRecipient != address(0), ErrorsLib.ZeroAddress());
        _mintDue();
        emit EventsLib.FeeRecipientSet(state.feeRecipient, newRecipient);
        state.feeRecipient = newRecipient;
    }

    /// @notice Gives `payout` a share of the performance fee: announced by the first call, in force by the same call
    /// again after the notice; a smaller share at once. The registry's entry of a model says what was promised.
    function setStrategist(address payout, uint16 shareBps) external restricted nonReentrant reconfigures {
        _mintDue();
        SettingsLib.setStrategist(state, payout, shareBps);
    }

    function setSkimReceiver(address newReceiver) external restricted reconfigures {
        emit EventsLib.SkimReceiverSet(state.skimReceiver, newReceiver);
        state.skimReceiver = newReceiver;
    }

    /// @notice Everything to idle, entry and moves closed, no fee from now on; cannot be undone. What the performance fee
    /// might still have charged is waived; shares that are due are minted.
    function windDown() external restricted nonReentrant {
        require(!state.woundDown, ErrorsLib.WoundDown());
        _mintDue();
        state.woundDown = true;
        _deRisk();
        emit EventsLib.WindDown(msg.sender);
    }

    /// @notice Sends what the vault holds of `token` beyond its tracked idle to the skim receiver.
    function skim(address token) external restricted nonReentrant {
        SettingsLib.skim(_context(), state, token, state.skimReceiver);
    }

    /// @notice Burns liquidity that others minted to the vault and sends it to the skim receiver.
    function skimPosition(int24 lowerTick, int24 upperTick) external restricted nonReentrant {
        require(state.skimReceiver != address(0), ErrorsLib.SkimRefused());
        PositionsLib.skimPosition(_context(), state, lowerTick, upperTick, state.skimReceiver);
    }

    /* POOL */

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        _payPool(amount0, amount1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _payPool(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    /* INTERNAL: FLOWS */

    function _context() private view returns (VaultContext memory) {
        return VaultContext(IUniswapV3Pool(pool), IPriceOracle(oracle), token0, token1, assetIsToken0);
    }

    function _enter(uint256 assets, uint256 shares, address receiver) private {
        _mint(receiver, shares);
        emit Deposit(msg.sender, receiver, assets, shares);
    }

    function _payOut(uint256 shares, uint256 assets, address receiver, address owner) private {
        _burnFrom(owner, shares);
        IERC20(asset()).safeTransfer(receiver, assets);
        emit Withdraw(msg.sender, receiver, owner, assets, shares);
    }

    function _burnFrom(address owner, uint256 shares) private {
        if (msg.sender != owner) _spendAllowance(owner, msg.sender, shares);
        _burn(owner, shares);
    }

    /* INTERNAL: MOVES, FEES, PAUSE */

    function _deRisk() private returns (RebalanceReport memory) {
        return PositionsLib.deRisk(_context(), state);
    }

    function _setHold(bool held) private {
        state.rebalanceHeld = held;
        emit EventsLib.HoldSet(held, msg.sender);
    }

    /// @dev Only tracked tokens can be paid: donations are out of reach.
    function _payPool(uint256 amount0, uint256 amount1) private {
        require(msg.sender == pool && _reentrancyGuardEntered(), ErrorsLib.NotPool(msg.sender));
        (uint256 idle0, uint256 idle1) = (state.idle0, state.idle1);
        (idle0, idle1) = (idle0 - amount0, idle1 - amount1);
        // Less than there was, so they fit; one write of their slot.
        (state.idle0, state.idle1) = (uint128(idle0), uint128(idle1));
        if (amount0 > 0) IERC20(token0).safeTransfer(pool, amount0);
        if (amount1 > 0) IERC20(token1).safeTransfer(pool, amount1);
    }

    /// @dev Without charging anything new.
    function _mintDue() private {
        (uint256 toRecipient, uint256 toStrategist) = FeeLib.takeDue(state, totalSupply());
        _mintFees(toRecipient, toStrategist);
    }

    function _mintFees(uint256 toRecipient, uint256 toStrategist) private {
        if (toRecipient > 0) _mint(state.feeRecipient, toRecipient);
        if (toStrategist > 0) _mint(state.payout, toStrategist);
    }

    function _pause(uint64 durationSeconds) private {
        require(
            durationSeconds > 0 && durationSeconds <= MAX_PAUSE_SECONDS,
            ErrorsLib.SettingOutOfBounds("pauseSeconds", durationSeconds, 1, MAX_PAUSE_SECONDS)
        );
        // What is due until now is due whatever follows.
        _mintDue();
        // At most seven days ahead.
        state.pausedUntil = uint32(block.timestamp + durationSeconds);
        // Nothing accrues until then.
        state.feeAccruedAt = state.pausedUntil;
        emit EventsLib.PausedUntil(state.pausedUntil, msg.sender);
    }

    function _decimalsOffset() internal pure override returns (uint8) {
        return SHARE_DECIMALS_OFFSET;
    }
}
