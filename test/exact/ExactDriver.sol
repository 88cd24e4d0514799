// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The parts of a Uniswap v3 pool that the driver uses.
interface IExactPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function tickSpacing() external view returns (int24);
    function slot0() external view returns (uint160, int24, uint16, uint16, uint16, uint8, bool);
    function liquidity() external view returns (uint128);
    function feeGrowthGlobal0X128() external view returns (uint256);
    function feeGrowthGlobal1X128() external view returns (uint256);
    function protocolFees() external view returns (uint128, uint128);
    function observations(uint256 index) external view returns (uint32, int56, uint160, bool);
    function ticks(int24 tick) external view returns (uint128, int128, uint256, uint256, int56, uint160, uint32, bool);
    function tickBitmap(int16 word) external view returns (uint256);
    function positions(bytes32 key) external view returns (uint128, uint256, uint256, uint128, uint128);
    function observe(uint32[] calldata secondsAgos) external view returns (int56[] memory, uint160[] memory);
    function snapshotCumulativesInside(int24 lower, int24 upper) external view returns (int56, uint160, uint32);
    function initialize(uint160 sqrtPriceX96) external;
    function swap(address to, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
    function mint(address to, int24 lower, int24 upper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function burn(int24 lower, int24 upper, uint128 amount) external returns (uint256, uint256);
    function collect(address to, int24 lower, int24 upper, uint128 amount0, uint128 amount1)
        external
        returns (uint128, uint128);
    function flash(address to, uint256 amount0, uint256 amount1, bytes calldata data) external;
    function setFeeProtocol(uint8 feeProtocol0, uint8 feeProtocol1) external;
    function collectProtocol(address to, uint128 amount0, uint128 amount1) external returns (uint128, uint128);
    function increaseObservationCardinalityNext(uint16 next) external;
}

/// @notice A token without scarcity: everybody's balance is what was ever paid, and paying out takes nothing away, so
/// that the pool's own checks of its balances always pass and only its arithmetic is compared.
contract FreeToken {
    uint256 private _paid;

    function pay(uint256 amount) external {
        _paid += amount;
    }

    function balanceOf(address) external view returns (uint256) {
        return _paid;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return true;
    }
}

/// @notice Holds positions of its own and does what the driver says with them.
contract ExactOwner {
    address private immutable DRIVER = msg.sender;

    function forward(address pool, bytes calldata data) external returns (bool ok, bytes memory returned) {
        require(msg.sender == DRIVER);
        return pool.call(data);
    }
}

/// @title Plays packed operations in a real pool and hashes what each of them leaves
///
/// An operation is three words. The first packs, from its lowest bits up: kind (8), owner (8), zeroForOne (8), lower
/// tick (24), upper tick (24), block time (40). The other two are its arguments `a` and `b`, see `_execute`.
///
/// After every operation the running hash takes in whether it succeeded and all that it returned or reverted with, then
/// slot0, liquidity, both fee growths, the protocol's fees and the newest observation, then each of the chunk's ticks
/// between the tick before and after (all those crossed) and the two of a position, each with its bitmap word, then the
/// position. `rangekeeper`'s engine does the same on its side; equal hashes mean equal state.
contract ExactDriver {
    enum Kind {
        Initialize,
        Swap,
        Mint,
        Burn,
        Collect,
        Flash,
        SetFeeProtocol,
        CollectProtocol,
        IncreaseCardinality,
        Observe,
        SnapshotInside
    }

    struct Operation {
        Kind kind;
        uint8 owner;
        bool zeroForOne;
        int24 lower;
        int24 upper;
        uint40 time;
        uint256 a;
        uint256 b;
    }

    uint256 internal constant OWNERS = 4;
    uint256 internal constant OPERATION_BYTES = 96;

    IExactPool public pool;
    bytes32 public rollingHash;
    ExactOwner[] public owners;

    /// @notice Only the pool calls back, and only while the driver plays.
    error NotPool();

    /// @notice Turns to a pool whose factory this contract must own.
    function open(address pool_) public {
        pool = IExactPool(pool_);
        rollingHash = 0;
        while (owners.length < OWNERS) owners.push(new ExactOwner());
    }

    /// @notice Plays `count` operations. `ticks` are all that may be initialised, ascending.
    function play(bytes calldata operations, uint256 count, int24[] calldata ticks) external {
        bytes32 hash = rollingHash;
        for (uint256 i; i < count; ++i) {
            hash = _play(hash, unpack(operations, i), ticks);
        }
        rollingHash = hash;
    }

    /// @notice What the pool answers to one operation: a byte for success, then what it returned. For looking, not for
    /// playing: it leaves the running hash as it was.
    function answer(bytes calldata operations) external returns (bytes memory) {
        (bool ok, bytes memory data) = _execute(unpack(operations, 0));
        return bytes.concat(ok ? bytes1(0x01) : bytes1(0x00), data);
    }

    function unpack(bytes calldata operations, uint256 index) public pure returns (Operation memory operation) {
        (uint256 head, uint256 a, uint256 b) =
            abi.decode(operations[index * OPERATION_BYTES:(index + 1) * OPERATION_BYTES], (uint256, uint256, uint256));
        // Each field is cut to its width on purpose.
        // forge-lint: disable-start(unsafe-typecast)
        operation = Operation({
            kind: Kind(uint8(head)),
            owner: uint8(head >> 8),
            zeroForOne: uint8(head >> 16) != 0,
            lower: int24(uint24(head >> 24)),
            upper: int24(uint24(head >> 48)),
            time: uint40(head >> 72),
            a: a,
            b: b
        });
        // forge-lint: disable-end(unsafe-typecast)
    }

    /// @notice All that is compared at the end of a chunk: the pool's own words, every tick and bitmap word, every
    /// position named, and every observation there is room for.
    function everything(int24[] calldata ticks, Operation[] calldata positions) public view returns (bytes32 hash) {
        hash = keccak256(poolWords());
        for (uint256 i; i < ticks.length; ++i) {
            hash = keccak256(bytes.concat(hash, tickWords(ticks[i])));
        }
        for (uint256 i; i < positions.length; ++i) {
            hash = keccak256(bytes.concat(hash, positionWords(positions[i])));
        }
        (,,,, uint16 room,,) = pool.slot0();
        for (uint256 i; i < room; ++i) {
            hash = keccak256(bytes.concat(hash, _read(abi.encodeCall(IExactPool.observations, (i)))));
        }
    }

    function poolWords() public view returns (bytes memory) {
        (,, uint16 index,,,,) = pool.slot0();
        return bytes.concat(
            _read(abi.encodeCall(IExactPool.slot0, ())),
            _read(abi.encodeCall(IExactPool.liquidity, ())),
            _read(abi.encodeCall(IExactPool.feeGrowthGlobal0X128, ())),
            _read(abi.encodeCall(IExactPool.feeGrowthGlobal1X128, ())),
            _read(abi.encodeCall(IExactPool.protocolFees, ())),
            _read(abi.encodeCall(IExactPool.observations, (index)))
        );
    }

    function tickWords(int24 tick) public view returns (bytes memory) {
        int24 spacing = pool.tickSpacing();
        int24 compressed = tick / spacing;
        // casting to 'int16' is safe because a tick has 24 bits and the shift leaves 16
        // forge-lint: disable-next-line(unsafe-typecast)
        int16 word = int16(compressed >> 8);
        return bytes.concat(
            _read(abi.encodeCall(IExactPool.ticks, (tick))), _read(abi.encodeCall(IExactPool.tickBitmap, (word)))
        );
    }

    function positionWords(Operation memory operation) public view returns (bytes memory) {
        bytes32 key = keccak256(abi.encodePacked(address(_owner(operation)), operation.lower, operation.upper));
        return _read(abi.encodeCall(IExactPool.positions, (key)));
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        _pay(amount0, amount1);
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        // casting to 'uint256' is safe because only positive amounts are owed
        // forge-lint: disable-next-line(unsafe-typecast)
        _pay(amount0 > 0 ? uint256(amount0) : 0, amount1 > 0 ? uint256(amount1) : 0);
    }

    function uniswapV3FlashCallback(uint256, uint256, bytes calldata data) external {
        (uint256 paid0, uint256 paid1) = abi.decode(data, (uint256, uint256));
        _pay(paid0, paid1);
    }

    function _pay(uint256 amount0, uint256 amount1) private {
        require(msg.sender == address(pool), NotPool());
        if (amount0 > 0) FreeToken(pool.token0()).pay(amount0);
        if (amount1 > 0) FreeToken(pool.token1()).pay(amount1);
    }

    /// @dev Does one operation and returns the running hash after it.
    function _play(bytes32 hash, Operation memory operation, int24[] calldata ticks) internal returns (bytes32) {
        (, int24 before,,,,,) = pool.slot0();
        (bool ok, bytes memory returned) = _execute(operation);
        hash = keccak256(bytes.concat(hash, ok ? bytes1(0x01) : bytes1(0x00), returned, poolWords()));
        if (!ok) return hash;
        Kind kind = operation.kind;
        if (kind == Kind.Swap) {
            (, int24 current,,,,,) = pool.slot0();
            (int24 low, int24 high) = before < current ? (before, current) : (current, before);
            for (uint256 i; i < ticks.length; ++i) {
                if (ticks[i] >= low && ticks[i] <= high) hash = keccak256(bytes.concat(hash, tickWords(ticks[i])));
            }
        } else if (kind == Kind.Mint || kind == Kind.Burn) {
            bytes memory ends = bytes.concat(tickWords(operation.lower), tickWords(operation.upper));
            hash = keccak256(bytes.concat(hash, ends, positionWords(operation)));
        } else if (kind == Kind.Collect) {
            hash = keccak256(bytes.concat(hash, positionWords(operation)));
        }
        return hash;
    }

    function _execute(Operation memory operation) private returns (bool, bytes memory) {
        (Kind kind, int24 lower, int24 upper) = (operation.kind, operation.lower, operation.upper);
        (uint256 a, uint256 b) = (operation.a, operation.b);
        // Arguments are packed at their full width, so that cutting them loses nothing.
        // forge-lint: disable-start(unsafe-typecast)
        if (kind == Kind.Initialize) return _call(abi.encodeCall(IExactPool.initialize, (uint160(a))));
        if (kind == Kind.Swap) {
            bool zeroForOne = operation.zeroForOne;
            return _call(abi.encodeCall(IExactPool.swap, (address(this), zeroForOne, int256(a), uint160(b), "")));
        }
        if (kind == Kind.Mint) {
            address to = address(_owner(operation));
            return _call(abi.encodeCall(IExactPool.mint, (to, lower, upper, uint128(a), "")));
        }
        if (kind == Kind.Burn) {
            return _owner(operation).forward(address(pool), abi.encodeCall(IExactPool.burn, (lower, upper, uint128(a))));
        }
        if (kind == Kind.Collect) {
            bytes memory data =
                abi.encodeCall(IExactPool.collect, (address(this), lower, upper, uint128(a), uint128(b)));
            return _owner(operation).forward(address(pool), data);
        }
        if (kind == Kind.Flash) {
            return _call(abi.encodeCall(IExactPool.flash, (address(this), 0, 0, abi.encode(a, b))));
        }
        if (kind == Kind.SetFeeProtocol) return _call(abi.encodeCall(IExactPool.setFeeProtocol, (uint8(a), uint8(b))));
        if (kind == Kind.CollectProtocol) {
            return _call(abi.encodeCall(IExactPool.collectProtocol, (address(this), uint128(a), uint128(b))));
        }
        if (kind == Kind.IncreaseCardinality) {
            return _call(abi.encodeCall(IExactPool.increaseObservationCardinalityNext, (uint16(a))));
        }
        if (kind == Kind.Observe) {
            uint32[] memory secondsAgos = new uint32[](2);
            (secondsAgos[0], secondsAgos[1]) = (uint32(a), uint32(b));
            return _call(abi.encodeCall(IExactPool.observe, (secondsAgos)));
        }
        return _call(abi.encodeCall(IExactPool.snapshotCumulativesInside, (lower, upper)));
        // forge-lint: disable-end(unsafe-typecast)
    }

    function _owner(Operation memory operation) private view returns (ExactOwner) {
        return owners[operation.owner];
    }

    function _call(bytes memory data) private returns (bool, bytes memory) {
        return address(pool).call(data);
    }

    function _read(bytes memory data) private view returns (bytes memory returned) {
        (, returned) = address(pool).staticcall(data);
    }
}
