"""The body of a block: records packed and compressed, with a checksum that also covers where it belongs.

body  zstd, level 1, of the msgpack list of the block's records
sum   xxh3 of the body, seeded by lane, first offset and count, as a signed 64-bit integer
"""

from collections.abc import Iterable, Sequence
from threading import local
from typing import Final

import msgspec
import xxhash
import zstandard

from segue.io.log.stream import Block
from segue.model.errors import CorruptBlock
from segue.model.event import KIND_BIT, Record

COMPRESSION_LEVEL: Final = 1

BLOCK_RECORDS: Final = 1000
"""Most records in one stored block."""

BLOCK_BYTES: Final = 256 * 1024
"""A stored block ends after the record with which its events reach this size: a reader holds one block
of every lane at least."""

RUN_RECORDS: Final = 256
"""Neighbouring small blocks are handed out as one of up to this many records."""

Columns = tuple[int, int, int, int, int, int, int, bytes]
"""lane, first_offset, count, first_ms, last_ms, kinds, sum, body."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Record]).decode
_own = local()  # zstd contexts may not be shared between threads


def pieces(records: list[Record]) -> Iterable[list[Record]]:
    """Cut a lane's share of a commit into runs that fit a block each."""
    if (
        records
        and len(records) <= BLOCK_RECORDS
        and sum([len(record.raw) + len(record.envelope) for record in records]) <= BLOCK_BYTES
    ):
        yield records
        return
    piece: list[Record] = []
    size = 0
    for record in records:
        piece.append(record)
        size += len(record.raw) + len(record.envelope)
        if len(piece) >= BLOCK_RECORDS or size >= BLOCK_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def describe(lane: int, first_offset: int, records: Sequence[Record]) -> Block:
    """Make the block of consecutive records that start at an offset."""
    kinds = 0
    for kind in {record.kind for record in records}:
        kinds |= KIND_BIT.get(kind, 0)
    times = [record.received_ms for record in records]
    return Block(
        lane=lane,
        first_offset=first_offset,
        count=len(records),
        first_ms=min(times),
        last_ms=max(times),
        kinds=kinds,
        records=records,
    )


def pack(block: Block) -> Columns:
    """Turn a block into the columns that are stored."""
    body = _compressor().compress(_encode(block.records))
    return (
        block.lane,
        block.first_offset,
        block.count,
        block.first_ms,
        block.last_ms,
        block.kinds,
        _checksum(block.lane, block.first_offset, block.count, body),
        body,
    )


def unpack(columns: Columns, containing: bytes = b"") -> Block | None:
    """Turn stored columns back into a block; None when no raw event in it contains the bytes asked for.

    Raises CorruptBlock when the body is not what was written.
    """
    lane, first_offset, count, first_ms, last_ms, kinds, _, _ = columns
    records = _records(columns, containing)
    if containing and not any(containing in record.raw for record in records):
        return None
    return Block(
        lane=lane,
        first_offset=first_offset,
        count=count,
        first_ms=first_ms,
        last_ms=last_ms,
        kinds=kinds,
        records=records,
    )


def unpack_run(run: Sequence[Columns]) -> Block:
    """Turn stored neighbours of a lane, one at least, into one block. Raises CorruptBlock likewise."""
    lane, first_offset, *_ = run[0]
    records: list[Record] = []
    kinds = 0
    for columns in run:
        records += _records(columns)
        kinds |= columns[5]
    return Block(
        lane=lane,
        first_offset=first_offset,
        count=len(records),
        first_ms=min([columns[3] for columns in run]),
        last_ms=max([columns[4] for columns in run]),
        kinds=kinds,
        records=records,
    )


def _records(columns: Columns, containing: bytes = b"") -> list[Record]:
    """The events of a stored block; none when what is asked for is certainly in none of them."""
    lane, first_offset, count, _, _, _, stored_sum, body = columns
    if _checksum(lane, first_offset, count, body) != stored_sum:
        raise CorruptBlock(lane, first_offset, count, "its checksum is wrong")
    try:
        packed = _decompressor().decompress(body)
        if containing and containing not in packed:
            return []
        records = _decode(packed)
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise CorruptBlock(lane, first_offset, count, str(error)) from error
    if len(records) != count:
        raise CorruptBlock(lane, first_offset, count, f"it holds {len(records)} events")
    return records


def unpacked_bytes(columns: Columns) -> int:
    """How large the body of a stored block will be; one that does not say so is damaged."""
    body = columns[7]
    try:
        return max(len(body), zstandard.frame_content_size(body))
    except zstandard.ZstdError:
        return len(body)


def join(blocks: Iterable[Block]) -> list[Block]:
    """Make one block of neighbours that together stay small, so that a reader of many small commits
    does not pay for each of them."""
    joined: list[Block] = []
    run: list[Block] = []
    size = 0
    for block in blocks:
        if run and (size + block.count > RUN_RECORDS or run[-1].next_offset != block.first_offset):
            joined.append(_joined(run))
            run, size = [], 0
        run.append(block)
        size += block.count
    if run:
        joined.append(_joined(run))
    return joined


def _joined(run: list[Block]) -> Block:
    if len(run) == 1:
        return run[0]
    kinds = 0
    for block in run:
        kinds |= block.kinds
    return Block(
        lane=run[0].lane,
        first_offset=run[0].first_offset,
        count=run[-1].next_offset - run[0].first_offset,
        first_ms=min(block.first_ms for block in run),
        last_ms=max(block.last_ms for block in run),
        kinds=kinds,
        records=[record for block in run for record in block.records],
    )


def _checksum(lane: int, first_offset: int, count: int, body: bytes) -> int:
    seed = (first_offset * 0x9E3779B97F4A7C15 + lane * 0xC2B2AE3D27D4EB4F + count) & 0xFFFFFFFFFFFFFFFF
    unsigned = xxhash.xxh3_64_intdigest(body, seed)
    return unsigned - (1 << 64) if unsigned >> 63 else unsigned


def _compressor() -> zstandard.ZstdCompressor:
    if not hasattr(_own, "compressor"):
        _own.compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL)
    compressor: zstandard.ZstdCompressor = _own.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_own, "decompressor"):
        _own.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _own.decompressor
    return decompressor
