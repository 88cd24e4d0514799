// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEntryGate} from "./interfaces/IEntryGate.sol";
import {IPriceOracle, ReferencePrices} from "./interfaces/IPriceOracle.sol";
import {IRangeVault, Position, RebalanceOrder, RebalanceReport} from "./interfaces/IRangeVault.sol";
import {IUniswapV3Pool} from "./interfaces/IUniswapV3Pool.sol";
import {ErrorsLib} from "./libraries/ErrorsLib.sol";
import {EventsLib} from "./libraries/EventsLib.sol";
import {ExitLib, ExitTerms} from "./libraries/ExitLib.sol";
import {LossBudgetLib} from "./libraries/LossBudgetLib.sol";
import {PositionsLib} from "./libraries/PositionsLib.sol";
import {SettingsLib} from "./libraries/SettingsLib.sol";
import {
    BPS,
    Limits,
    PendingSetting,
    SHARE_DECIMALS_OFFSET,
    VIRTUAL_SHARES,
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
    /// Receives management fee shares; may be zero while the fee is zero.
    address feeRecipient;
    Limits limits;
}

/// @notice An exit in both tokens.
struct InKindExit {
    uint256 shares;
    address receiver0;
    address receiver1;
    address owner;
    uint256 min0;
    uint256 min1;
    /// A waived leg stays with those who stay: the way out when one token cannot move.
    bool waive0;
    bool waive1;
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
/// `totalAssets` and `convertTo*` go on with the last calm price. Share prices count the management fee shares that
/// are due but not minted, plus 1e6 virtual shares against one virtual unit of the asset.
///
/// WAYS OUT. `withdraw`/`redeem`: idle asset, then burns and their asset leg, never a swap; `max*` is exactly what
/// succeeds. The overloads with a limit may sell the leaver's own slice in this pool, at the leaver's cost, inside the
/// reference band. `redeemInKind` pays the slice of both tokens leg by leg; it needs no price and no permission, and
/// nothing here can close it.
///
/// ROUNDING. Always against the one who moves: shares minted down, assets taken up; a leaver who makes the vault burn
/// positions also pays two units of each token per position, which is what floors can take.
///
/// THE STRATEGY may rebalance: inside the minimum width, cooldown, moves per day, share of the pool, drawdown breaker,
/// loss per move and a leaky bucket of losses, and only when calm before and after. De-risking to idle is never
/// blocked. THE GUARDIAN may pause entry and moves for a limited time, de-risk, and cancel what the curator announced; a
/// de-risk holds moves until THE CURATOR lifts it. The curator sets bounded numbers, those that raise risk only after
/// notice; THE OWNER the strategy, the gate and the receivers of fees and skims.
/// Nobody can send the shareholders' tokens anywhere but to a leaver pro rata or into the pool.
contract RangeVault is ERC4626, ERC20Permit, AccessManaged, ReentrancyGuardTransient, IRangeVault {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    address public immutable pool;
    address public immutable oracle;
    address public immutable token0;
    address public immutable token1;
    bool public immutable assetIsToken0;

    VaultState private state;

    address public strategy;
    /// @notice Asked on entry when not zero.
    address public gate;
    address public feeRecipient;
    address public skimReceiver;

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
            parameters.feeRecipient != address(0) || parameters.limits.managementFeeBps == 0, ErrorsLib.ZeroAddress()
        );
        feeRecipient = parameters.feeRecipient;
        state.feeAccruedAt = uint64(block.timestamp);
        SettingsLib.configureAll(_context(), state, parameters.limits);
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

    /// @inheritdoc IRangeVault
    function positions() external view returns (Position[] memory) {
        return state.positions;
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
    function lastMoveAt() external view returns (uint64) {
        return state.lastMoveAt;
    }

    /// @notice Moves made in the current day of Unix time.
    function movesToday() external view returns (uint256) {
        return state.movesDay == uint32(block.timestamp / 1 days) ? state.movesToday : 0;
    }

    /// @notice Entry and moves are closed before this Unix time.
    function pausedUntil() external view returns (uint64) {
        return state.pausedUntil;
    }

    /// @notice Moves wait for the curator.
    function rebalanceHeld() external view returns (bool) {
        return state.rebalanceHeld;
    }

    /// @inheritdoc IRangeVault
    function lossBudgetLeftWad() external view returns (uint256) {
        return LossBudgetLib.leftWad(
            state.budget, (uint256(state.limits.lossBudgetBps) * WAD) / BPS, state.limits.lossBudgetRefillSeconds
        );
    }

    /// @notice Total supply plus the fee shares that are due, without virtual shares.
    function effectiveSupply() public view returns (uint256) {
        return totalSupply() + _pendingFeeShares();
    }

    /* PRICES */

    /// @inheritdoc IRangeVault
    function navStatus()
        external
        view
        nonReentrantView
        returns (uint256 lowNav, uint256 midNav, uint256 highNav, uint256 ageSeconds, bool calm)
    {
        return PositionsLib.navStatus(_context(), state, _reference());
    }

    /// @notice Net asset value at the mid reference when calm, else at the last calm one. Never a reason to revert.
    function totalAssets() public view override nonReentrantView returns (uint256) {
        return _totalAssets();
    }

    function convertToShares(uint256 assets) public view override nonReentrantView returns (uint256) {
        return Math.mulDiv(assets, _supply(), _totalAssets() + 1);
    }

    function convertToAssets(uint256 shares) public view override nonReentrantView returns (uint256) {
        return Math.mulDiv(shares, _totalAssets() + 1, _supply());
    }

    function maxDeposit(address receiver) public view override nonReentrantView returns (uint256 assets) {
        (assets,) = _maxDeposit(receiver, _reference());
    }

    function maxMint(address receiver) public view override nonReentrantView returns (uint256) {
        (uint256 assets, uint256 highNav) = _maxDeposit(receiver, _reference());
        return _toSharesDown(assets, highNav);
    }

    function maxWithdraw(address owner) public view override nonReentrantView returns (uint256) {
        ReferencePrices memory refs = _reference();
        if (!refs.calm) return 0;
        ExitTerms memory quote = _exitTerms(refs);
        return Math.min(ExitLib.assetsDown(quote, balanceOf(owner)), quote.available);
    }

    function maxRedeem(address owner) public view override nonReentrantView returns (uint256) {
        ReferencePrices memory refs = _reference();
        if (!refs.calm) return 0;
        return ExitLib.maxSharesDown(_exitTerms(refs), balanceOf(owner));
    }

    function previewDeposit(uint256 assets) public view override nonReentrantView returns (uint256) {
        return _toSharesDown(assets, _highNav(_calmReference()));
    }

    function previewMint(uint256 shares) public view override nonReentrantView returns (uint256) {
        return _toAssetsUp(shares, _highNav(_calmReference()));
    }

    function previewWithdraw(uint256 assets) public view override nonReentrantView returns (uint256) {
        return ExitLib.sharesUp(_exitTerms(_calmReference()), assets);
    }

    function previewRedeem(uint256 shares) public view override nonReentrantView returns (uint256) {
        return ExitLib.assetsDown(_exitTerms(_calmReference()), shares);
    }

    /* DEPOSITORS: IN */

    function deposit(uint256 assets, address receiver) public override nonReentrant returns (uint256) {
        return _depositAssets(assets, receiver, 0);
    }

    /// @notice Deposit that mints at least `minShares`.
    function deposit(uint256 assets, address receiver, uint256 minShares) external nonReentrant returns (uint256) {
        return _depositAssets(assets, receiver, minShares);
    }

    function mint(uint256 shares, address receiver) public override nonReentrant returns (uint256) {
        return _mintShares(shares, receiver, type(uint256).max);
    }

    /// @notice Mint that takes at most `maxAssets`.
    function mint(uint256 shares, address receiver, uint256 maxAssets) external nonReentrant returns (uint256) {
        return _mintShares(shares, receiver, maxAssets);
    }

    /* DEPOSITORS: OUT */

    function withdraw(uint256 assets, address receiver, address owner)
        public
        override
        nonReentrant
        returns (uint256 shares)
    {
        ExitTerms memory quote = _beginExit();
        uint256 most = Math.min(ExitLib.assetsDown(quote, balanceOf(owner)), quote.available);
        require(assets <= most, ERC4626ExceededMaxWithdraw(owner, assets, most));
        shares = ExitLib.sharesUp(quote, assets);
        _leave(quote, shares, assets, receiver, owner);
    }

    function redeem(uint256 shares, address receiver, address owner)
        public
        override
        nonReentrant
        returns (uint256 assets)
    {
        ExitTerms memory quote = _beginExit();
        uint256 most = ExitLib.maxSharesDown(quote, balanceOf(owner));
        require(shares <= most, ERC4626ExceededMaxRedeem(owner, shares, most));
        assets = ExitLib.assetsDown(quote, shares);
        _leave(quote, shares, assets, receiver, owner);
    }

    /// @notice Exactly `assets` for at most `maxShares`: from idle where that is enough, else from the leaver's own
    /// slice, whose other token is sold in this pool; what is left of the slice is given back for shares.
    function withdraw(uint256 assets, address receiver, address owner, uint256 maxShares)
        external
        nonReentrant
        returns (uint256 shares)
    {
        ExitTerms memory quote = _beginExit();
        shares = ExitLib.sharesUp(quote, assets);
        if (assets <= quote.idleAsset) {
            _limitShares(shares, maxShares);
            _leave(quote, shares, assets, receiver, owner);
        } else {
            // Enough for the pool's fee and half a percent of impact; the rest comes back.
            uint256 margin = 1e6 + IUniswapV3Pool(pool).fee() + 5000;
            uint256 taken = Math.min(Math.mulDiv(shares, margin, 1e6, Math.Rounding.Ceil), effectiveSupply());
            ReferencePrices memory refs = _calmReference();
            shares = ExitLib.sliceAndBuy(_context(), state, refs, quote, taken, assets);
            _limitShares(shares, maxShares);
            _payOut(quote.supply, shares, assets, receiver, owner);
        }
    }

    /// @notice At least `minAssets` for `shares`: from idle where that is enough, else the leaver's own slice, whose
    /// other token is sold in this pool.
    function redeem(uint256 shares, address receiver, address owner, uint256 minAssets)
        external
        nonReentrant
        returns (uint256 assets)
    {
        ExitTerms memory quote = _beginExit();
        require(shares <= balanceOf(owner), ERC4626ExceededMaxRedeem(owner, shares, balanceOf(owner)));
        assets = ExitLib.assetsDown(quote, shares);
        if (Math.mulDiv(shares, quote.lowNav + 1, quote.supply) <= quote.idleAsset) {
            _leave(quote, shares, assets, receiver, owner);
        } else {
            assets = ExitLib.sliceAndSell(_context(), state, _calmReference(), shares, quote.supply);
            _payOut(quote.supply, shares, assets, receiver, owner);
        }
        require(assets >= minAssets, ErrorsLib.AmountBelowMin(assets, minAssets));
    }

    /// @notice The slice of both tokens, leg by leg. Works paused, without a price, with one token frozen (waive its
    /// leg), for the last share.
    function redeemInKind(InKindExit calldata exit) external nonReentrant returns (uint256 amount0, uint256 amount1) {
        require(exit.shares > 0, ErrorsLib.ZeroShares());
        _accrueFee();
        uint256 supply = _supply();
        _burnFrom(exit.owner, exit.shares, supply);
        (amount0, amount1) = ExitLib.slice(_context(), state, exit.shares, supply, exit.waive0, exit.waive1);
        require(amount0 >= exit.min0, ErrorsLib.AmountBelowMin(amount0, exit.min0));
        require(amount1 >= exit.min1, ErrorsLib.AmountBelowMin(amount1, exit.min1));
        if (amount0 > 0) IERC20(token0).safeTransfer(exit.receiver0, amount0);
        if (amount1 > 0) IERC20(token1).safeTransfer(exit.receiver1, amount1);
        emit EventsLib.RedeemedInKind(
            msg.sender, exit.owner, exit.receiver0, exit.receiver1, exit.shares, amount0, amount1
        );
    }

    /* STRATEGY */

    /// @inheritdoc IRangeVault
    function rebalance(RebalanceOrder calldata order) external nonReentrant returns (RebalanceReport memory) {
        require(msg.sender == strategy, ErrorsLib.NotStrategy(msg.sender));
        if (order.ranges.length == 0 && order.swap.amountIn == 0) return _deRisk();
        _requireNotPaused();
        _accrueFee();
        return PositionsLib.rebalance(_context(), state, order, _goodReference(), _supply());
    }

    /* STRATEGY AND GUARDIAN */

    /// @inheritdoc IRangeVault
    function deRisk() external nonReentrant {
        if (msg.sender != strategy) {
            _checkCanCall(msg.sender, msg.data);
            _setHold(true);
        }
        _deRisk();
    }

    /* GUARDIAN */

    /// @notice Closes entry and moves for at most seven days; the next pause may start a day after this one lapsed.
    function pause(uint64 durationSeconds) external restricted {
        uint256 readyAt = state.pausedUntil == 0 ? 0 : state.pausedUntil + PAUSE_GAP_SECONDS;
        require(block.timestamp >= readyAt, ErrorsLib.PauseTooSoon(readyAt));
        _pause(durationSeconds);
    }

    /* CURATOR */

    /// @notice Sets a bounded number, or announces it where it raises risk; `key` is its name as bytes32 (SettingsLib).
    function configure(bytes32 key, uint256 value) external restricted nonReentrant {
        // Never retroactive: what is due at the old rate is minted first.
        _accrueFee();
        require(key != "managementFeeBps" || value == 0 || feeRecipient != address(0), ErrorsLib.ZeroAddress());
        SettingsLib.configure(_context(), state, key, value);
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
        state.pausedUntil = uint64(block.timestamp);
        emit EventsLib.PausedUntil(uint64(block.timestamp), msg.sender);
    }

    /* OWNER */

    /// @notice Confirms a pause: seven more days at most from now, without a gap.
    function extendPause(uint64 durationSeconds) external restricted {
        _pause(durationSeconds);
    }

    function setStrategy(address newStrategy) external restricted {
        emit EventsLib.StrategySet(strategy, newStrategy);
        strategy = newStrategy;
    }

    function setGate(address newGate) external restricted {
        emit EventsLib.GateSet(gate, newGate);
        gate = newGate;
    }

    function setFeeRecipient(address newRecipient) external restricted nonReentrant {
        require(newRecipient != address(0), ErrorsLib.ZeroAddress());
        _accrueFee();
        emit EventsLib.FeeRecipientSet(feeRecipient, newRecipient);
        feeRecipient = newRecipient;
    }

    function setSkimReceiver(address newReceiver) external restricted {
        emit EventsLib.SkimReceiverSet(skimReceiver, newReceiver);
        skimReceiver = newReceiver;
    }

    /// @notice Sends what the vault holds of `token` beyond its tracked idle to the skim receiver.
    function skim(address token) external restricted nonReentrant {
        SettingsLib.skim(_context(), state, token, skimReceiver);
    }

    /// @notice Burns liquidity that others minted to the vault and sends it to the skim receiver.
    function skimPosition(int24 lowerTick, int24 upperTick) external restricted nonReentrant {
        require(skimReceiver != address(0), ErrorsLib.SkimRefused());
        PositionsLib.skimPosition(_context(), state, lowerTick, upperTick, skimReceiver);
    }

    /* POOL */

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        _payPool(amount0, amount1);
    }

    function uniswapV3SwapCallback(int256 delta0, int256 delta1, bytes calldata) external {
        _payPool(delta0 > 0 ? uint256(delta0) : 0, delta1 > 0 ? uint256(delta1) : 0);
    }

    /* INTERNAL: PRICES */

    function _context() private view returns (VaultContext memory) {
        return VaultContext(IUniswapV3Pool(pool), IPriceOracle(oracle), token0, token1, assetIsToken0);
    }

    /// @dev A dead oracle is an oracle without an answer.
    function _reference() private view returns (ReferencePrices memory refs) {
        try IPriceOracle(oracle).referencePrices() returns (ReferencePrices memory answer) {
            return answer;
        } catch {
            return refs;
        }
    }

    function _calmReference() private view returns (ReferencePrices memory refs) {
        refs = _reference();
        require(refs.calm, ErrorsLib.NotCalm());
    }

    /// @dev Calm, and remembered as the last good price.
    function _goodReference() private returns (ReferencePrices memory refs) {
        refs = _calmReference();
        state.lastGoodSqrtPriceX96 = refs.midSqrtPriceX96;
        state.lastGoodAt = uint64(block.timestamp);
    }

    function _supply() private view returns (uint256) {
        return effectiveSupply() + VIRTUAL_SHARES;
    }

    function _totalAssets() private view returns (uint256) {
        ReferencePrices memory refs = _reference();
        uint160 price = state.lastGoodSqrtPriceX96;
        if (refs.calm || price == 0) price = refs.midSqrtPriceX96;
        return PositionsLib.navs(_context(), state, [price, 0, 0])[0];
    }

    function _highNav(ReferencePrices memory refs) private view returns (uint256) {
        uint160 dearestX96 = assetIsToken0 ? refs.lowSqrtPriceX96 : refs.highSqrtPriceX96;
        return PositionsLib.navs(_context(), state, [dearestX96, 0, 0])[0];
    }

    /// @dev When no holder remains, nobody is there to be paid a margin.
    function _entryMarginBps() private view returns (uint256) {
        return effectiveSupply() == 0 ? 0 : state.limits.entryMarginBps;
    }

    function _toSharesDown(uint256 assets, uint256 highNav) private view returns (uint256) {
        uint256 net = Math.mulDiv(assets, BPS - _entryMarginBps(), BPS);
        return Math.mulDiv(net, _supply(), highNav + 1);
    }

    function _toAssetsUp(uint256 shares, uint256 highNav) private view returns (uint256) {
        uint256 net = Math.mulDiv(shares, highNav + 1, _supply(), Math.Rounding.Ceil);
        return Math.mulDiv(net, BPS, BPS - _entryMarginBps(), Math.Rounding.Ceil);
    }

    function _exitTerms(ReferencePrices memory refs) private view returns (ExitTerms memory) {
        return ExitLib.terms(_context(), state, refs, _supply());
    }

    /* INTERNAL: ENTRY */

    function _maxDeposit(address receiver, ReferencePrices memory refs)
        private
        view
        returns (uint256 assets, uint256 highNav)
    {
        if (!refs.calm || block.timestamp < state.pausedUntil) return (0, 0);
        if (gate != address(0) && !IEntryGate(gate).mayEnter(msg.sender, receiver)) return (0, 0);
        return PositionsLib.entryTerms(_context(), state, refs, effectiveSupply());
    }

    function _beginEntry(address receiver) private returns (uint256 most, uint256 highNav) {
        _requireNotPaused();
        require(
            gate == address(0) || IEntryGate(gate).mayEnter(msg.sender, receiver),
            ErrorsLib.EntryRefusedByGate(msg.sender, receiver)
        );
        _accrueFee();
        return _maxDeposit(receiver, _goodReference());
    }

    function _depositAssets(uint256 assets, address receiver, uint256 minShares) private returns (uint256 shares) {
        (uint256 most, uint256 highNav) = _beginEntry(receiver);
        require(assets <= most, ERC4626ExceededMaxDeposit(receiver, assets, most));
        shares = _toSharesDown(assets, highNav);
        require(shares >= minShares, ErrorsLib.AmountBelowMin(shares, minShares));
        _enter(assets, shares, highNav, receiver);
    }

    function _mintShares(uint256 shares, address receiver, uint256 maxAssets) private returns (uint256 assets) {
        (uint256 most, uint256 highNav) = _beginEntry(receiver);
        uint256 mostShares = _toSharesDown(most, highNav);
        require(shares <= mostShares, ERC4626ExceededMaxMint(receiver, shares, mostShares));
        assets = _toAssetsUp(shares, highNav);
        require(assets <= maxAssets, ErrorsLib.AmountAboveMax(assets, maxAssets));
        _enter(assets, shares, highNav, receiver);
    }

    function _enter(uint256 assets, uint256 shares, uint256 highNav, address receiver) private {
        require(shares > 0, ErrorsLib.ZeroShares());
        PositionsLib.recordInflow(_context(), state, highNav, assets, effectiveSupply());
        IERC20 token = IERC20(asset());
        uint256 balance = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), assets);
        uint256 received = token.balanceOf(address(this)) - balance;
        require(received == assets, ErrorsLib.AssetReceivedNotSent(assets, received));
        _setIdleAsset((_idleAsset() + assets).toUint128());
        if (assetIsToken0) state.held0 = (state.held0 + assets).toUint128();
        else state.held1 = (state.held1 + assets).toUint128();
        _mint(receiver, shares);
        emit Deposit(msg.sender, receiver, assets, shares);
    }

    /* INTERNAL: EXIT */

    function _beginExit() private returns (ExitTerms memory) {
        _accrueFee();
        return _exitTerms(_goodReference());
    }

    function _limitShares(uint256 shares, uint256 maxShares) private pure {
        require(shares <= maxShares, ErrorsLib.AmountAboveMax(shares, maxShares));
    }

    function _leave(ExitTerms memory quote, uint256 shares, uint256 assets, address receiver, address owner) private {
        if (assets > quote.idleAsset) ExitLib.raiseAsset(_context(), state, assets - quote.idleAsset);
        _payOut(quote.supply, shares, assets, receiver, owner);
    }

    /// @dev Burns `shares` and pays `assets` out of idle.
    function _payOut(uint256 supply, uint256 shares, uint256 assets, address receiver, address owner) private {
        _burnFrom(owner, shares, supply);
        _setIdleAsset((_idleAsset() - assets).toUint128());
        IERC20(asset()).safeTransfer(receiver, assets);
        emit Withdraw(msg.sender, receiver, owner, assets, shares);
    }

    /// @dev Also scales the drawdown mark down with the supply.
    function _burnFrom(address owner, uint256 shares, uint256 supply) private {
        if (msg.sender != owner) _spendAllowance(owner, msg.sender, shares);
        _burn(owner, shares);
        // Both marks shrink, so they still fit.
        state.held0 = uint128(Math.mulDiv(state.held0, supply - shares, supply));
        state.held1 = uint128(Math.mulDiv(state.held1, supply - shares, supply));
    }

    function _idleAsset() private view returns (uint128) {
        return assetIsToken0 ? state.idle0 : state.idle1;
    }

    function _setIdleAsset(uint128 value) private {
        if (assetIsToken0) state.idle0 = value;
        else state.idle1 = value;
    }

    /* INTERNAL: MOVES, FEES, PAUSE */

    function _deRisk() private returns (RebalanceReport memory) {
        _accrueFee();
        return PositionsLib.deRisk(_context(), state, _reference());
    }

    function _setHold(bool held) private {
        state.rebalanceHeld = held;
        emit EventsLib.HoldSet(held, msg.sender);
    }

    /// @dev Only tracked tokens can be paid: donations are out of reach.
    function _payPool(uint256 amount0, uint256 amount1) private {
        require(msg.sender == pool && _reentrancyGuardEntered(), ErrorsLib.NotPool(msg.sender));
        if (amount0 > 0) {
            state.idle0 = (state.idle0 - amount0).toUint128();
            IERC20(token0).safeTransfer(pool, amount0);
        }
        if (amount1 > 0) {
            state.idle1 = (state.idle1 - amount1).toUint128();
            IERC20(token1).safeTransfer(pool, amount1);
        }
    }

    /// @dev No fee for paused time.
    function _pendingFeeShares() private view returns (uint256) {
        uint256 rateBps = state.limits.managementFeeBps;
        uint256 since = Math.max(state.feeAccruedAt, state.pausedUntil);
        if (rateBps == 0 || block.timestamp <= since) return 0;
        return Math.mulDiv(totalSupply(), rateBps * (block.timestamp - since), BPS * 365 days);
    }

    function _accrueFee() private {
        uint256 shares = _pendingFeeShares();
        state.feeAccruedAt = uint64(block.timestamp);
        if (shares == 0) return;
        _mint(feeRecipient, shares);
        emit EventsLib.ManagementFeeAccrued(feeRecipient, shares);
    }

    function _pause(uint64 durationSeconds) private {
        require(
            durationSeconds > 0 && durationSeconds <= MAX_PAUSE_SECONDS,
            ErrorsLib.SettingOutOfBounds("pauseSeconds", durationSeconds, 1, MAX_PAUSE_SECONDS)
        );
        // What is due until now is due whatever follows.
        _accrueFee();
        state.pausedUntil = uint64(block.timestamp) + durationSeconds;
        emit EventsLib.PausedUntil(state.pausedUntil, msg.sender);
    }

    function _requireNotPaused() private view {
        require(block.timestamp >= state.pausedUntil, ErrorsLib.Paused(state.pausedUntil));
    }

    function _decimalsOffset() internal pure override returns (uint8) {
        return SHARE_DECIMALS_OFFSET;
    }
}
