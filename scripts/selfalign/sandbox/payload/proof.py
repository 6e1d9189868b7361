"""What a process's memory says about its harness, read from outside.

A program could say anything about itself through a pipe, and could find any secret that its own process holds. So there
is none: the harness is a generator that was made before the fork, its parent knows where in memory it lies, and reads
there (process_vm_readv) whether its instruction pointer stands at its last `yield`, and what the counters of checks hold.
Python code can move neither: a generator that is running cannot be resumed or closed, its position is not writable
(without a trace function, which the harness forbids), and a counter (`itertools.count`) only counts up. What else the
harness rests on (names in its modules and classes, cells and defaults of its functions) a program can find and could bind
anew; so words are read too that such a change would change, even one that was taken back.

Where in an object these things lie depends on the version of Python, so it is found out by looking at samples, not taken
from a table; see :func:`calibrate`.
"""

import ctypes
import dis
import itertools
import os
import struct
import sys
import types
from collections.abc import Iterable

_WORD = struct.Struct("=Q")
_AT_ONCE = 500
"""Words in one call, which takes 1,024 places (IOV_MAX): those of the words and of what is between them."""
_NEAR = 1024
"""Up to so many bytes between two words are read with them: they lie in one page, or in two that follow each other."""
_FOR_READING = 0x100
"""PyBUF_READ."""
_read = ctypes.CDLL(None, use_errno=True).process_vm_readv
_NO_FLAGS = ctypes.c_ulong(0)


class ProofError(Exception):
    """This Python keeps its frames or counters in a way that cannot be read."""


def own_memory(address: int, size: int) -> bytes:
    return ctypes.string_at(address, size)


class _Span(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class _Words:
    """Words of eight bytes at fixed addresses, in whichever process, in the order of their addresses.

    The kernel takes a third of a microsecond for each place that it is asked for, whatever its size: words that lie near
    each other are asked for as one, with what is between them, which is thrown away.
    """

    def __init__(self, addresses: Iterable[int]):
        self.addresses = sorted(set(addresses))
        self._buffer = ctypes.create_string_buffer(8 * len(self.addresses))
        self._waste = ctypes.create_string_buffer(_NEAR)
        self._parts = [self._part(first) for first in range(0, len(self.addresses), _AT_ONCE)]

    def _part(self, first: int) -> tuple:
        """Arguments for the kernel: where to put it, how many places that is, from where, how many, and bytes in all."""
        there: list[list[int]] = []
        here: list[tuple[int, int]] = []
        for number, address in enumerate(self.addresses[first : first + _AT_ONCE], first):
            gap = address - sum(there[-1]) if there else _NEAR
            if gap < _NEAR:
                there[-1][1] += gap + 8
                here.append((ctypes.addressof(self._waste), gap))
            else:
                there.append([address, 8])
            here.append((ctypes.addressof(self._buffer) + 8 * number, 8))
        return *_spans(here), *_spans(there), sum(size for _, size in here)

    def of(self, process: int) -> bytes:
        """The words in a process.

        Raises:
            OSError: the process has gone, or this one may not look into it.
        """
        for *places, size in self._parts:
            if _read(process, *places, _NO_FLAGS) != size:
                number = ctypes.get_errno()
                raise OSError(number, f"process_vm_readv: {os.strerror(number)}")
        return self._buffer.raw


def _spans(places: list) -> tuple[ctypes.Array, ctypes.c_ulong]:
    return (_Span * len(places))(*(_Span(*place) for place in places)), ctypes.c_ulong(len(places))


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


def _slot_of(thing: object, value: object) -> int:
    """Offset, in an object, of its only pointer to a value."""
    memory = own_memory(id(thing), thing.__sizeof__())
    found = [place for place in range(0, len(memory) - 7, 8) if _WORD.unpack_from(memory, place)[0] == id(value)]
    if len(found) != 1:
        raise ProofError(
            f"no place of a {type(thing).__name__}'s value found in Python {sys.version.split()[0]}: {found}"
        )
    return found[0]


def _version_slot() -> int:
    """Offset, in a dictionary, of the number that every change of it makes another one."""
    sample = dict.fromkeys("abc", 0)
    seen = []
    for value in (1, 2, 2.5):
        sample["b"] = value
        seen.append(struct.unpack("=6Q", own_memory(id(sample), 48)))
    found = [place for place, words in enumerate(zip(*seen, strict=True)) if len(set(words)) == len(seen)]
    if len(found) != 1:
        raise ProofError(f"no version of a dictionary found in Python {sys.version.split()[0]}: {found}")
    return 8 * found[0]


def version_view(space: dict) -> memoryview:
    """One number that every change of a dictionary makes another one; to look at it touches nothing that it holds.

    The view can be read and no more: it was made for reading, and no object stands behind it that could be asked for another.
    """
    view = ctypes.PyDLL(None).PyMemoryView_FromMemory  # kept nowhere: it could make views to write through
    view.restype, view.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
    return view(id(space) + _version_slot(), _WORD.size, _FOR_READING).cast("Q")


def _function_slots() -> list[int]:
    """Offsets, in a function, of its defaults, which a program could set."""
    marker = object()

    def sample(one=marker, *, two=marker):
        return one, two

    return [_slot_of(sample, sample.__defaults__), _slot_of(sample, sample.__kwdefaults__)]


def guarded_words(functions: Iterable[types.FunctionType], spaces: Iterable[dict]) -> list[int]:
    """Addresses of words that stay as they are while nobody changes what functions find under names, in cells and defaults.

    Args:
        functions: those that they have in cells are added.
        spaces: namespaces of modules and classes.
    """
    marker = object()
    cell = (lambda: marker).__closure__[0]
    version, contents, defaults = _version_slot(), _slot_of(cell, marker), _function_slots()
    addresses = [id(space) + version for space in spaces]
    waiting, seen = list(functions), set()
    while waiting:
        function = waiting.pop()
        if id(function) in seen:
            continue
        seen.add(id(function))
        if function.__defaults__ or function.__kwdefaults__:
            addresses += [id(function) + slot for slot in defaults]
        for cell in function.__closure__ or ():
            addresses.append(id(cell) + contents)
            if isinstance(cell.cell_contents, types.FunctionType):
                waiting.append(cell.cell_contents)
    return addresses


class Witness:
    """Knows where in memory a harness and its counters lie; made in the process that forks the programs.

    Args:
        generator: the harness, at its first `yield`.
        counters: name -> `itertools.count`.
        guarded: addresses of words that no program may change, see :func:`guarded_words`.
    """

    def __init__(self, generator, counters: dict, guarded: Iterable[int] = ()):
        if sys.version_info >= (3, 13):
            raise ProofError("since Python 3.13 a program can write the local names of the harness's frames")
        self.counters = counters
        slot, position = _count_slot(), id(generator) + _position_slot()
        own = [position, *(id(counter) + slot for counter in counters.values())]
        self._own, self._others = _Words(own), _Words(guarded)
        self._order = [self._own.addresses.index(address) for address in own]
        self._form = struct.Struct(f"={len(self._own.addresses)}Q")
        yields = _yields(generator.gi_code)
        start, *_ = self._words(os.getpid())
        self._last = start + yields[-1] - yields[0]
        self._guarded = self._others.of(os.getpid())

    def _words(self, process: int) -> tuple[int, ...]:
        return tuple(map(self._form.unpack(self._own.of(process)).__getitem__, self._order))

    def look(self, process: int) -> tuple[bool, bool, dict[str, int]]:
        """Whether the process's harness has come to its last yield, whether nobody has changed it, and its counters."""
        position, *values = self._words(process)
        counts = dict(zip(self.counters, values, strict=True))
        return position == self._last, self._others.of(process) == self._guarded, counts
