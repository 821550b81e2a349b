"""Arrays as files: same arrays, same bytes, whether they are in memory or come row by row."""

from __future__ import annotations

import io
import math
import mmap
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pipeline._files import fault


@dataclass(frozen=True)
class Series:
    """An array that need not be in memory: its rows are fetched when they are written."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    rows: Callable[[int, int], NDArray[Any]]
    """Those from the first to before the second."""

    @property
    def row_size(self) -> int:
        """[bytes]"""
        return self.dtype.itemsize * math.prod(self.shape[1:])

    def __len__(self) -> int:
        """How many rows; one for a single number."""
        return self.shape[0] if self.shape else 1

    def pieces(self, size: int = 1 << 22) -> Iterator[NDArray[Any]]:
        """All rows, as many at a time as have `size` [bytes]."""
        step = max(1, size // max(self.row_size, 1))
        return (self.rows(start, min(start + step, len(self))) for start in range(0, len(self), step))


def held(array: NDArray[Any]) -> Series:
    """The series of an array in memory."""
    whole = array.reshape(1) if array.ndim == 0 else array
    return Series(array.dtype, array.shape, lambda first, last: whole[first:last])


class Reel:
    """Arrays that grow row by row and lie in files that nobody else sees, and that are gone with it.

    with Reel(folder) as reel:
        reel.add("depth", row)
        write_arrays(path, reel.series())
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._files = folder, ExitStack()
        self._rows: dict[str, tuple[IO[bytes], np.dtype[Any], tuple[int, ...]]] = {}
        self._count: Counter[str] = Counter()

    def __enter__(self) -> Reel:
        return self

    def __exit__(self, *fault: object) -> None:
        self._files.close()

    def add(self, name: str, row: NDArray[Any]) -> None:
        """Append to an array. Raises ValueError if the row is not like the ones before."""
        if name not in self._rows:
            made: IO[bytes] = self._files.enter_context(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
            self._rows[name] = made, row.dtype, row.shape
        file, dtype, shape = self._rows[name]
        if (row.dtype, row.shape) != (dtype, shape):
            raise ValueError(f"{name}: expected rows of {dtype} {shape}, got {row.dtype} {row.shape}")
        file.write(np.ascontiguousarray(row).data)
        self._count[name] += 1

    def series(self) -> dict[str, Series]:
        """What has been added, by name, in the order of the first rows."""
        return {name: self._series(self._count[name], *entry) for name, entry in self._rows.items()}

    def mapped(self) -> tuple[dict[str, NDArray[Any]], Callable[[], None]]:
        """The same as arrays, read-only, whose numbers are fetched from the files when they are looked at.

        Calling the second thing lets go of what has been fetched so far.
        """
        arrays: dict[str, NDArray[Any]] = {}
        areas = []
        for name, series in self.series().items():
            file = self._rows[name][0]
            file.flush()
            if not len(series) * series.row_size:
                arrays[name] = np.zeros(series.shape, series.dtype)
                continue
            areas.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
            arrays[name] = np.frombuffer(areas[-1], series.dtype).reshape(series.shape)

        def release() -> None:
            for area in areas:
                area.madvise(mmap.MADV_DONTNEED)

        return arrays, release

    @staticmethod
    def _series(count: int, file: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> Series:
        size = dtype.itemsize * math.prod(shape)

        def rows(first: int, last: int) -> NDArray[Any]:
            file.seek(first * size)
            return np.frombuffer(file.read((last - first) * size), dtype).reshape(last - first, *shape)

        return Series(dtype, (count, *shape), rows)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any] | Series]) -> None:
    """Write a .npz that `np.load` reads; same arrays, same bytes, whether in memory or not.

    Deflated at level 1 where that pays (layers shrink to a fifth), stored where it does not (particle tracks).
    """
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            series = array if isinstance(array, Series) else held(np.asarray(array))
            head = _head(series)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.file_size = len(head) + len(series) * series.row_size
            entry.compress_type = zipfile.ZIP_DEFLATED if _shrinks(series, head) else zipfile.ZIP_STORED
            entry._compresslevel = 1  # type: ignore[attr-defined]  # the public way wants the whole content at once
            with archive.open(entry, "w") as member:
                member.write(head)
                for piece in series.pieces():
                    member.write(np.ascontiguousarray(piece).data)


def _head(series: Series) -> bytes:
    """What comes before the numbers in a .npy file."""
    if series.dtype.hasobject:
        raise ValueError(f"expected numbers, got an array of {series.dtype}")
    head = io.BytesIO()
    about = {"descr": np.lib.format.dtype_to_descr(series.dtype), "fortran_order": False, "shape": series.shape}
    np.lib.format.write_array_header_1_0(head, about)
    return head.getvalue()


def _shrinks(series: Series, head: bytes, sample: int = 1 << 18) -> bool:
    """Whether a piece from the middle of the .npy file loses more than 15 % of its size."""
    row = max(series.row_size, 1)
    start = max(0, (len(head) + len(series) * series.row_size - sample) // 2)
    first, last = max(0, start - len(head)), max(0, start + sample - len(head))
    rows = series.rows(first // row, min(-(-last // row), len(series)))
    inside = memoryview(rows.tobytes())[first % row :][: last - first]
    piece = head[start : start + sample] + inside
    return len(zlib.compress(piece, 1)) < 0.85 * len(piece)


def read_arrays(path: Path, leave: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz, but for those to leave. Raises StoreError if the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if name not in leave}
    except FileNotFoundError:
        raise fault(path, "an array file", "no such file") from None
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise fault(path, "a complete array file", f"'{error}'") from error
