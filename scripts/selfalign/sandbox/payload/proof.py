"""What a process's memory says about its harness, read from outside.

A program could say anything about itself through a pipe, and could find any secret that its own process holds. So there
is none: the harness is a generator that was made before the fork, its parent knows where in memory it lies, and reads
there (process_vm_readv) whether its instruction pointer stands at its last `yield`, and what the counters of checks hold.
Python code can move neither: a generator that is running cannot be resumed or closed, its position is not writable
(without a trace function, which the harness forbids), and a counter (`itertools.count`) only counts up.

Where in an object these things lie depends on the version of Python, so it is found out by looking at samples, not taken
from a table; see :func:`calibrate`.
"""

import ctypes
import dis
import itertools
import os
import struct
import sys

_WORD = struct.Struct("=Q")
_libc = ctypes.CDLL(None, use_errno=True)


class ProofError(Exception):
    """This Python keeps its frames or counters in a way that cannot be read."""


def own_memory(address: int, size: int) -> bytes:
    return ctypes.string_at(address, size)


class _Span(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def words_of(process: int, addresses: list[int]) -> list[int]:
    """Words of eight bytes in another process's memory.

    Raises:
        OSError: the process has gone, or this one may not look into it.
    """
    count = len(addresses)
    buffer = ctypes.create_string_buffer(8 * count)
    local = _Span(ctypes.addressof(buffer), 8 * count)
    remote = (_Span * count)(*(_Span(address, 8) for address in addresses))
    unsigned = ctypes.c_ulong
    size = _libc.process_vm_readv(
        ctypes.c_int(process), ctypes.byref(local), unsigned(1), remote, unsigned(count), unsigned(0)
    )
    if size != 8 * count:
        number = ctypes.get_errno()
        raise OSError(number, f"process_vm_readv: {os.strerror(number)}")
    return list(struct.unpack(f"={count}Q", buffer.raw))


def _yields(code) -> list[int]:
    """Offsets of a generator's `yield` instructions, in the order of the text."""
    return [instruction.offset for instruction in dis.get_instructions(code) if instruction.opname == "YIELD_VALUE"]


def _sample():
    received = yield
    received = yield received


def _position_slot() -> int:
    """Offset, in a generator object, of the pointer to the instruction at which it stands.

    It is the word that points into the bytecode and that moved, between two yields, by the distance of the two.
    """
    generator = _sample()
    code = generator.gi_code
    size = generator.__sizeof__()
    next(generator)
    before = own_memory(id(generator), size)
    generator.send(None)
    after = own_memory(id(generator), size)
    low, high = id(code), id(code) + code.__sizeof__() + len(code.co_code)
    first, second = _yields(code)
    found = [
        offset
        for offset in range(0, size - 7, 8)
        if low < _WORD.unpack_from(before, offset)[0] < high
        and _WORD.unpack_from(after, offset)[0] - _WORD.unpack_from(before, offset)[0] == second - first
    ]
    if len(found) != 1:
        raise ProofError(f"no place of a generator's position found in Python {sys.version.split()[0]}: {found}")
    return found[0]


def _count_slot() -> int:
    """Offset, in an `itertools.count`, of the number that it gives next."""
    marker = 0x123456789
    memory = own_memory(id(counter := itertools.count(marker)), counter.__sizeof__())
    found = [offset for offset in range(0, len(memory) - 7, 8) if _WORD.unpack_from(memory, offset)[0] == marker]
    if len(found) != 1:
        raise ProofError(f"no place of a counter's number found in Python {sys.version.split()[0]}: {found}")
    return found[0]


class Witness:
    """Knows where in memory a harness and its counters lie; made in the process that forks the programs.

    Args:
        generator: the harness, at its first `yield`.
        counters: name -> `itertools.count`.
    """

    def __init__(self, generator, counters: dict):
        self.counters = counters
        self._addresses = [id(generator) + _position_slot()]
        slot = _count_slot()
        self._addresses += [id(counter) + slot for counter in counters.values()]
        yields = _yields(generator.gi_code)
        (start,) = words_of(os.getpid(), self._addresses[:1])
        self._last = start + yields[-1] - yields[0]

    def look(self, process: int) -> tuple[bool, dict[str, int]]:
        """Whether the process's harness has come to its last yield, and its counters."""
        position, *values = words_of(process, self._addresses)
        return position == self._last, dict(zip(self.counters, values, strict=True))
