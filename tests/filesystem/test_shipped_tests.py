"""The tests that ``fsspec`` ships for every file system: those that read, on real files.

Not here are those that write (put, pipe, copy; and open, whose one test writes), since nothing is written by
address; ``test_addresses.py`` has what they get instead. Folders are parts of names, so none is empty.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from fsspec.tests.abstract import AbstractFixtures, AbstractGetTests

from gen3nb.filesystem import Gen3FileSystem

Upload = Callable[..., str]
PROJECT = "programs/DEMO/projects/alpha"


class Gen3Fixtures(AbstractFixtures):
    @pytest.fixture
    def fs(self, fs: Gen3FileSystem) -> Gen3FileSystem:
        return fs

    @pytest.fixture
    def fs_path(self, host: str) -> str:
        return f"{host}/{PROJECT}"

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False

    def tree(self, upload: Upload, fs_path: str, names: list[str]) -> str:
        for name in names:
            upload(b"", f"source/{name}")
        return f"{fs_path}/source"

    @pytest.fixture
    def fs_bulk_operations_scenario_0(self, upload: Upload, fs_path: str) -> str:
        names = ["file1", "file2", "subdir/subfile1", "subdir/subfile2", "subdir/nesteddir/nestedfile"]
        return self.tree(upload, fs_path, names)

    @pytest.fixture
    def fs_glob_edge_cases_files(self, upload: Upload, fs_path: str) -> str:
        inner = [
            f"subdir{number}/{name}"
            for number in (0, 1)
            for name in ("subfile1", "subfile2", "nesteddir/nestedfile")
        ]
        return self.tree(upload, fs_path, ["file1", "file2", *inner])

    @pytest.fixture
    def fs_dir_and_file_with_same_name_prefix(self, upload: Upload, fs_path: str) -> str:
        return self.tree(upload, fs_path, ["subdir.txt", "subdir/subfile.txt"])

    @pytest.fixture
    def fs_10_files_with_hashed_names(self, upload: Upload, fs_path: str) -> str:
        for number in range(10):
            name = hashlib.md5(str(number).encode()).hexdigest()
            upload(str(number).encode(), f"source/{name}.txt")
        return f"{fs_path}/source"


class TestGet(Gen3Fixtures, AbstractGetTests):
    def test_get_directory_recursive(
        self, fs, fs_join, fs_path, local_fs, local_join, local_target, upload, monkeypatch
    ):
        """As it is shipped; only that its file comes by an upload."""

        def touch(path: str) -> None:
            upload(b"", path.removeprefix(f"{fs_path}/"))
            fs.invalidate_cache()

        monkeypatch.setattr(fs, "mkdir", lambda path: None)
        monkeypatch.setattr(fs, "touch", touch)
        super().test_get_directory_recursive(fs, fs_join, fs_path, local_fs, local_join, local_target)
