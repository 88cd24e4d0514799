// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IUniswapV3Pool} from "../../vaults/interfaces/IUniswapV3Pool.sol";
import {DemoToken} from "./DemoToken.sol";

uint160 constant LOWEST_LIMIT_X96 = 4_295_128_740; // one above the lowest sqrt price of v3
uint160 constant HIGHEST_LIMIT_X96 = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_341; // one below the highest
int256 constant UNLIMITED = type(int128).max;

/// @title The market of a local chain
///
/// What it is: the one trader and liquidity provider that stands for everybody outside the vault. It pays the pool's
/// callbacks with tokens that it mints for the purpose, so it never runs dry and must never leave a local chain.
///
/// Replaying: a recorded swap does not say how it was ordered. `replay` tries exact input, exact output and a bare
/// price limit, each in a call to itself that reverts unless the pool ends exactly as recorded; the first that holds
/// stays. Where none holds, the price is moved to the recorded one, and the event says so.
///
/// Benchmarks: a position minted for an owner of its own is a position of its own in the pool, so the demo mints each
/// benchmark for an address that does nothing else.
contract MarketActor {
    /// @notice How a swap was carried out; `Skipped` = its price limit was already passed.
    enum Mode {
        ExactIn,
        ExactOut,
        PriceLimit,
        Moved,
        Skipped
    }

    /// @notice Amounts are the pool's view (positive = paid into the pool); price and tick are those after the swap.
    struct Record {
        bool zeroForOne;
        int256 amount0;
        int256 amount1;
        uint160 sqrtPriceX96;
        int24 tick;
    }

    /// @notice `amountSpecified` is the pool's: positive = exact input, negative = exact output.
    struct Order {
        bool zeroForOne;
        int256 amountSpecified;
        uint160 sqrtPriceLimitX96;
    }

    struct Position {
        int24 tickLower;
        int24 tickUpper;
        uint128 liquidity;
    }

    /// @notice An order whose side is set by where the price is: towards the reference, as a router that compares pools
    /// chooses it, or away from it. `amount0` is paid when it sells token0, `amount1` when it sells token1.
    struct Flow {
        bool toward;
        uint128 amount0;
        uint128 amount1;
    }

    /// @notice A moment of a market: the price elsewhere, the band within which nobody can gain by arbitrage, how far
    /// the price must be for somebody to bother, and the orders that arrive after him.
    struct Moment {
        uint160 referenceX96;
        uint160 lowX96;
        uint160 highX96;
        uint160 lowTriggerX96;
        uint160 highTriggerX96;
        Flow[] flows;
    }

    /// @notice Follows the pool's own Swap event, which holds the outcome.
    event Played(Mode mode);

    error NotSelf();
    error NotPool();
    error Unlike(int256 amount0, int256 amount1, uint160 sqrtPriceX96, int24 tick);

    IUniswapV3Pool public immutable POOL;
    DemoToken public immutable TOKEN0;
    DemoToken public immutable TOKEN1;

    constructor(IUniswapV3Pool pool) {
        POOL = pool;
        TOKEN0 = DemoToken(pool.token0());
        TOKEN1 = DemoToken(pool.token1());
    }

    /* TRADING */

    /// @notice Carries out recorded swaps in order, finding out how each was ordered.
    function replay(Record[] calldata records) external {
        for (uint256 i; i < records.length; ++i) {
            emit Played(_replay(records[i]));
        }
    }

    /// @notice Carries out orders; one whose price limit is already passed is skipped.
    function play(Order[] calldata orders) external {
        for (uint256 i; i < orders.length; ++i) {
            emit Played(_play(orders[i]));
        }
    }

    /// @notice Lives through moments in order: arbitrage first (the only swaps with a price limit), then the flow.
    function live(Moment[] calldata moments) external {
        for (uint256 i; i < moments.length; ++i) {
            Moment calldata moment = moments[i];
            (uint160 price,,,,,,) = POOL.slot0();
            if (price < moment.lowTriggerX96) emit Played(_play(Order(false, UNLIMITED, moment.lowX96)));
            if (price > moment.highTriggerX96) emit Played(_play(Order(true, UNLIMITED, moment.highX96)));
            for (uint256 j; j < moment.flows.length; ++j) {
                emit Played(_play(_routed(moment.flows[j], moment.referenceX96)));
            }
        }
    }

    /// @notice One swap that reverts unless it ends as recorded. Only for this contract's own calls.
    function attempt(Record calldata record, int256 amountSpecified, uint160 sqrtPriceLimitX96) external {
        require(msg.sender == address(this), NotSelf());
        (int256 amount0, int256 amount1) = _swap(Order(record.zeroForOne, amountSpecified, sqrtPriceLimitX96));
        (uint160 price, int24 tick,,,,,) = POOL.slot0();
        bool alike = amount0 == record.amount0 && amount1 == record.amount1 && price == record.sqrtPriceX96
            && tick == record.tick;
        require(alike, Unlike(amount0, amount1, price, tick));
    }

    function _replay(Record calldata record) private returns (Mode) {
        (int256 amountIn, int256 amountOut) =
            record.zeroForOne ? (record.amount0, record.amount1) : (record.amount1, record.amount0);
        uint160 anyPrice = record.zeroForOne ? LOWEST_LIMIT_X96 : HIGHEST_LIMIT_X96;
        try this.attempt(record, amountIn, anyPrice) {
            return Mode.ExactIn;
        } catch {}
        try this.attempt(record, amountOut, anyPrice) {
            return Mode.ExactOut;
        } catch {}
        try this.attempt(record, UNLIMITED, record.sqrtPriceX96) {
            return Mode.PriceLimit;
        } catch {}
        (uint160 price,,,,,,) = POOL.slot0();
        if (price == record.sqrtPriceX96) return Mode.Skipped;
        // From where the price is now the way to the record may be the other one.
        _swap(Order(price > record.sqrtPriceX96, UNLIMITED, record.sqrtPriceX96));
        return Mode.Moved;
    }

    function _routed(Flow calldata flow, uint160 referenceX96) private view returns (Order memory) {
        (uint160 price,,,,,,) = POOL.slot0();
        bool zeroForOne = (price > referenceX96) == flow.toward;
        return zeroForOne
            ? Order(true, int256(uint256(flow.amount0)), LOWEST_LIMIT_X96)
            : Order(false, int256(uint256(flow.amount1)), HIGHEST_LIMIT_X96);
    }

    function _play(Order memory order) private returns (Mode) {
        (uint160 price,,,,,,) = POOL.slot0();
        bool passed = order.zeroForOne ? price <= order.sqrtPriceLimitX96 : price >= order.sqrtPriceLimitX96;
        if (passed || order.amountSpecified == 0) return Mode.Skipped;
        _swap(order);
        if (order.amountSpecified == UNLIMITED) return Mode.PriceLimit;
        return order.amountSpecified > 0 ? Mode.ExactIn : Mode.ExactOut;
    }

    function _swap(Order memory order) private returns (int256 amount0, int256 amount1) {
        return POOL.swap(address(this), order.zeroForOne, order.amountSpecified, order.sqrtPriceLimitX96, "");
    }

    /* LIQUIDITY */

    /// @notice Mints one position for any owner.
    function mintFor(address owner, Position calldata position) public returns (uint256 amount0, uint256 amount1) {
        return POOL.mint(owner, position.tickLower, position.tickUpper, position.liquidity, "");
    }

    /// @notice Mints positions that this contract owns.
    function open(Position[] calldata positions) external {
        for (uint256 i; i < positions.length; ++i) {
            mintFor(address(this), positions[i]);
        }
    }

    /// @notice Burns this contract's liquidity and takes the tokens with all fees owed; 0 liquidity takes the fees alone.
    function close(Position[] calldata positions) external {
        for (uint256 i; i < positions.length; ++i) {
            (int24 lower, int24 upper) = (positions[i].tickLower, positions[i].tickUpper);
            POOL.burn(lower, upper, positions[i].liquidity);
            POOL.collect(address(this), lower, upper, type(uint128).max, type(uint128).max);
        }
    }

    /* POOL CALLBACKS */

    function uniswapV3MintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata) external {
        _pay(amount0Owed, amount1Owed);
    }

    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata) external {
        // casting to 'uint256' is safe because only positive deltas are owed
        // forge-lint: disable-next-line(unsafe-typecast)
        _pay(amount0Delta > 0 ? uint256(amount0Delta) : 0, amount1Delta > 0 ? uint256(amount1Delta) : 0);
    }

    function _pay(uint256 amount0, uint256 amount1) private {
        require(msg.sender == address(POOL), NotPool());
        if (amount0 > 0) TOKEN0.mint(msg.sender, amount0);
        if (amount1 > 0) TOKEN1.mint(msg.sender, amount1);
    }
}
