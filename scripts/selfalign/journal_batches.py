"""Results on their way to the journal: written in small batches, none older than a few seconds."""

import threading

from selfalign.journal import Journal

ROWS = 32
SECONDS = 5.0


class JournalBatches:
    """Collects (key, result) records and appends them when there are enough or the oldest has waited long enough.

    A thread does the waiting, since an engine may be silent for minutes. An error in it (a full disk) is raised by the
    next call. Use as a context manager; what is left is written at the end, whatever ends it.
    """

    def __init__(self, journal: Journal, rows: int = ROWS, seconds: float = SECONDS):
        self._journal, self._rows, self._seconds = journal, rows, seconds
        self._records: list[tuple[str, dict]] = []
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="journal", daemon=True)

    def add(self, key: str, result: dict) -> None:
        with self._lock:
            self._check()
            self._records.append((key, result))
            if len(self._records) >= self._rows:
                self._write()

    def _tick(self) -> None:
        while not self._ended.wait(self._seconds):
            with self._lock:
                try:
                    self._write()
                except BaseException as error:
                    self._error = error
                    return

    def _write(self) -> None:
        if self._records:
            self._journal.append(self._records)
            self._records = []

    def _check(self) -> None:
        if self._error:
            raise self._error

    def __enter__(self) -> "JournalBatches":
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace) -> None:
        self._ended.set()
        self._thread.join()
        with self._lock:
            if kind is None:
                self._check()
            if not self._error:
                self._write()
