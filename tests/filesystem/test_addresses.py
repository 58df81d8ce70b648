"""``gen3://``: what pandas, pyarrow, dask and fsspec's caches read by it, and what it refuses."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.dataset import dataset

import gen3nb
from gen3nb import errors
from gen3nb.commons.registry import open_commons
from gen3nb.filesystem import Gen3FileSystem

Upload = Callable[..., str]
PROJECT = "programs/DEMO/projects/alpha"
AUTHZ = f"/{PROJECT}"
CSV = b"case,age\nc1,3\nc2,4\n"


def asked(practice: gen3nb.Commons) -> Callable[[], int]:
    """Count requests to the object store."""
    number = practice.sandbox.faults.add("storage-latency", seconds=0)
    return lambda: next(one["struck"] for one in practice.sandbox.faults.list() if one["id"] == number)


# -- libraries -----------------------------------------------------------------------------------------------


def test_pandas(upload, host, submitter):
    guid = upload(CSV, "a.csv")
    options = {"commons": submitter}
    for address in (f"gen3://{host}/{guid}", f"gen3://{guid}", f"gen3://{host}/{PROJECT}/a.csv"):
        assert pd.read_csv(address, storage_options=options)["age"].sum() == 7
    found = pd.read_csv(f"gen3://{host}/{guid}")  # the newest that is open at this host
    assert list(found["case"]) == ["c1", "c2"]


def test_a_profile_is_enough_also_in_another_process(upload, practice, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    guid = upload(CSV, "a.csv")
    gen3nb.profiles.configure("mine", practice.sandbox.credentials("submitter"), endpoint=practice.endpoint)
    code = f"import pandas as pd; print(pd.read_csv('gen3://mine/{guid}')['age'].sum())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "7", done.stderr


def test_parquet_reads_the_parts_that_it_needs(upload, fs):
    frame = pd.DataFrame({"a": range(100_000), "c": [os.urandom(8).hex() for _ in range(100_000)]})
    buffer = io.BytesIO()
    frame.to_parquet(buffer, row_group_size=20_000)
    guid = upload(buffer.getvalue(), "t.parquet")
    assert pq.read_table(guid, filesystem=fs, columns=["a"])["a"].to_pylist() == list(range(100_000))
    back = pd.read_parquet(f"gen3://{guid}", storage_options={"commons": fs.commons}, columns=["a", "c"])
    assert back["c"].equals(frame["c"].astype(back["c"].dtype))


def test_dask_reads_many_by_one_pattern(upload, host, submitter):
    dd = pytest.importorskip("dask.dataframe")
    for number in range(3):
        upload(f"n\n{number}\n".encode(), f"parts/part-{number}.csv")
    upload(b"n\n100\n", "parts/other.csv")
    options = {"commons": submitter, "listings_expiry_time": 0}
    found = dd.read_csv(f"gen3://{host}/{PROJECT}/parts/part-*.csv", storage_options=options)
    assert found["n"].sum().compute(scheduler="threads") == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Dask's own use of pandas
def test_folders_of_parquet_files_are_data_sets(upload, fs, host, submitter):
    dd = pytest.importorskip("dask.dataframe")
    for number in range(3):
        buffer = io.BytesIO()
        pq.write_table(pa.table({"n": [number] * 10}), buffer)
        upload(buffer.getvalue(), f"set/part-{number}.parquet")
    assert dataset(f"{PROJECT}/set", filesystem=fs, format="parquet").count_rows() == 30
    options = {"commons": submitter, "listings_expiry_time": 0}
    address = f"gen3://{host}/{PROJECT}/set"
    assert pd.read_parquet(address, storage_options=options)["n"].sum() == 30
    found = dd.read_parquet(f"{address}/*.parquet", storage_options=options)
    assert found["n"].sum().compute(scheduler="threads") == 30


def test_a_file_in_an_archive(upload, submitter):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inner.txt", "inside")
    guid = upload(buffer.getvalue(), "a.zip")
    with fsspec.open(f"zip://inner.txt::gen3://{guid}", gen3={"commons": submitter}) as file:
        assert file.read() == b"inside"


def test_dask_on_other_processes(upload, practice, monkeypatch, tmp_path):
    dd = pytest.importorskip("dask.dataframe")
    monkeypatch.setenv("HOME", str(tmp_path))
    for number in range(2):
        upload(f"n\n{number + 1}\n".encode(), f"far/part-{number}.csv")
    gen3nb.profiles.configure("far", practice.sandbox.credentials("submitter"), endpoint=practice.endpoint)
    found = dd.read_csv(f"gen3://far/{PROJECT}/far/*.csv")
    assert found["n"].sum().compute(scheduler="processes", num_workers=2) == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # fsspec leaves its own open
@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_caches_of_fsspec(upload, submitter, practice, tmp_path, cache):
    content = os.urandom(300_000)
    guid = upload(content)
    options = {"gen3": {"commons": submitter}, cache: {"cache_storage": str(tmp_path)}}
    count = asked(practice)
    for _ in range(2):
        with fsspec.open(f"{cache}::gen3://{guid}", **options) as file:
            assert file.read() == content
    assert count() == 1


# -- looking -------------------------------------------------------------------------------------------------


def test_what_is_known_of_a_file(upload, fs, host):
    guid = upload(b"abc", "folder/a.txt")
    for path in (guid, f"{host}/{guid}", f"{host}/{PROJECT}/folder/a.txt", f"gen3://{host}/{guid}"):
        one = fs.info(path)
        assert (one["type"], one["size"], one["guid"], one["file_name"]) == ("file", 3, guid, "folder/a.txt")
        assert one["name"] == path.removeprefix("gen3://")
        assert set(one["hashes"]) == {"md5", "sha256"}
        assert fs.isfile(path)
        assert fs.exists(path)
    assert fs.size(guid) == 3
    assert abs(fs.created(guid) - datetime.now(UTC)) < timedelta(minutes=5)
    assert fs.modified(guid) >= fs.created(guid)
    assert fs.ukey(guid) != fs.ukey(upload(b"abd"))
    assert not fs.exists("dg.TEST/nope")
    with pytest.raises(FileNotFoundError, match=r"has no file dg\.TEST/nope: check the GUID"):
        fs.info("dg.TEST/nope")


def test_folders(upload, fs, host):
    guids = {upload(b"x", name) for name in ("one/a.txt", "one/two/b.txt", "c.txt", "../../up.txt")}
    assert fs.ls(host, detail=False) == [f"{host}/dg.TEST", f"{host}/programs"]
    assert guids <= {one["guid"] for one in fs.ls(f"{host}/dg.TEST")}
    assert fs.ls(f"{host}/programs", detail=False) == [f"{host}/programs/DEMO"]
    assert fs.ls(f"{host}/programs/DEMO/projects", detail=False) == [f"{host}/{PROJECT}"]
    names = fs.ls(f"{host}/{PROJECT}", detail=False)
    assert names == [f"{host}/{PROJECT}/{name}" for name in ("c.txt", "one", "up.txt")]
    assert fs.isdir(f"{host}/{PROJECT}/one")
    found = fs.find(f"{host}/{PROJECT}/one")
    assert found == [f"{host}/{PROJECT}/one/a.txt", f"{host}/{PROJECT}/one/two/b.txt"]
    assert fs.glob(f"{host}/{PROJECT}/**/*.txt")
    assert fs.ls(f"{host}/{PROJECT}/c.txt", detail=False) == [f"{host}/{PROJECT}/c.txt"]
    for path in (f"{PROJECT}/nope", "programs/DEMO/projects/nope", "programs/NOPE"):
        with pytest.raises(FileNotFoundError):
            fs.ls(f"{host}/{path}")
    with pytest.raises(FileNotFoundError, match=r"did you mean c\.txt"):
        fs.info(f"{PROJECT}/d.txt")
    with pytest.raises(IsADirectoryError):
        fs.open(f"{host}/{PROJECT}/one")


def test_several_files_of_one_name_are_all_there(upload, fs):
    guids = [upload(str(number).encode(), "same.txt") for number in range(2)]
    names = fs.ls(PROJECT, detail=False)
    assert names == sorted(f"{PROJECT}/same.txt@{guid.replace('/', '_')}" for guid in guids)
    assert {fs.cat_file(name) for name in names} == {b"0", b"1"}
    with pytest.raises(FileNotFoundError, match="names 2 files; say which"):
        fs.open(f"{PROJECT}/same.txt")


def test_lists_are_believed_for_a_while(upload, fs):
    upload(b"x", "first.txt")
    assert len(fs.ls(PROJECT)) == 1
    upload(b"x", "second.txt")
    assert len(fs.ls(PROJECT)) == 1
    assert len(fs.ls(PROJECT, refresh=True)) == 2


def test_a_name_is_the_file_that_has_it_now(upload, submitter):
    fs = Gen3FileSystem(commons=submitter, listings_expiry_time=0)
    first = upload(b"first", "now.txt")
    assert fs.cat_file(f"{PROJECT}/now.txt") == b"first"
    submitter.indexd.update(first, {"file_name": "before.txt"})
    upload(b"second", "now.txt")
    assert fs.cat_file(f"{PROJECT}/now.txt") == b"second"
    assert fs.cat_file(f"{PROJECT}/before.txt") == b"first"


def test_only_what_one_may_read_is_listed(upload, practice):
    guid = upload(b"x")
    with practice.sandbox.as_user("reader") as reader:
        fs = Gen3FileSystem(commons=reader)
        assert guid not in {one["guid"] for one in fs.ls("dg.TEST")}
        with pytest.raises(PermissionError, match="read-storage"):
            fs.cat_file(guid)


def test_a_commons_that_does_not_answer_has_no_empty_folders(upload, fs, practice):
    upload(b"x", "deep/a.txt")
    practice.sandbox.faults.add("drop-before", path="/index/*")
    with pytest.raises(errors.Unavailable):
        fs.glob(f"{PROJECT}/deep/*")
    with pytest.raises(errors.Unavailable):
        fs.exists(PROJECT)


# -- reading -------------------------------------------------------------------------------------------------


def test_bytes_and_parts_of_them(upload, fs):
    content = os.urandom(100_000)
    guid = upload(content)
    assert fs.cat_file(guid) == content
    assert fs.cat_file(guid, 10, 20) == content[10:20]
    assert fs.cat_file(guid, -10) == content[-10:]
    assert fs.cat_file(guid, 5, -5) == content[5:-5]
    assert fs.cat_file(guid, 10**9) == b""
    assert fs.cat([guid]) == {guid: content}
    assert fs.cat_ranges([guid] * 3, [0, 50, 99_990], [10, 60, 10**6]) == [
        content[:10],
        content[50:60],
        content[99_990:],
    ]
    kinds = [type(one) for one in fs.cat_ranges([guid, "nope"], 0, 1)]
    assert kinds == [bytes, errors.NoSuchFile]
    assert fs.head(guid, 5) == content[:5]
    for size in (0, -1):
        with fs.open(guid, block_size=size) as file:
            assert file.read() == content
    with fs.open(guid, block_size=1000) as file:
        file.seek(50_000)
        assert file.read(10) == content[50_000:50_010]
        file.seek(-3, 2)
        assert file.read() == content[-3:]
        assert file.size == 100_000


def test_an_empty_file_and_one_of_unknown_size(upload, fs, practice):
    assert fs.cat_file(upload(b"")) == b""
    with fs.open(upload(b"")) as file:
        assert file.read() == b""
    practice.sandbox.settings(indexing=False)
    try:
        guid = upload(b"abc")
    finally:
        practice.sandbox.settings(indexing=True)
    with pytest.raises(FileNotFoundError, match="file locations"):
        fs.open(guid)
    rev = fs.commons.indexd.get(guid)["rev"]
    fs.commons.indexd.update(guid, {"urls": [f"s3://commons-data/{guid}/a.bin"]}, rev)
    with fs.open(guid) as file:
        assert (file.size, file.read()) == (3, b"abc")


def test_a_copy_is_whole_and_right_or_not_there(upload, fs, practice, tmp_path):
    content = os.urandom(300_000)
    guid = upload(content, "a.bin")
    fs.get_file(guid, tmp_path / "deep" / "a.bin")
    assert (tmp_path / "deep" / "a.bin").read_bytes() == content
    practice.sandbox.faults.add("storage-corrupt")
    with pytest.raises(errors.IntegrityError, match="sha256"):
        fs.get_file(guid, tmp_path / "bad.bin")
    with pytest.raises(errors.IntegrityError):
        fs.cat_file(guid)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_a_size_that_lies(upload, fs, submitter):
    guid = upload(b"abcdef")
    record = submitter.indexd.get(guid)
    made = submitter.indexd.create(
        size=99, hashes={"md5": "0" * 32}, urls=record["urls"], authz=record["authz"], file_name="lie"
    )
    with pytest.raises(errors.IntegrityError, match="99 bytes in the file index, and 6 in the storage"):
        fs.cat_file(made["did"])


# -- refusals ------------------------------------------------------------------------------------------------


def test_nothing_is_written(upload, fs, tmp_path):
    guid = upload(b"abc")
    (tmp_path / "a").write_text("a")
    for act in (
        lambda: fs.open(guid, "wb"),
        lambda: fs.open(guid, "ab"),
        lambda: fs.rm(guid),
        lambda: fs.rm_file(guid),
        lambda: fs.touch("x"),
        lambda: fs.pipe("x", b"a"),
        lambda: fs.put(str(tmp_path / "a"), "x"),
        lambda: fs.mkdir("x"),
        lambda: fs.makedirs("x"),
        lambda: fs.mv(guid, "x"),
        lambda: fs.cp_file(guid, "x"),
        lambda: pd.DataFrame({"a": [1]}).to_csv(f"gen3://{guid}", storage_options={"commons": fs.commons}),
    ):
        with pytest.raises(errors.ReadOnly, match=r"commons\.files\.upload") as caught:
            act()
        assert isinstance(caught.value, OSError)
    assert fs.cat_file(guid) == b"abc"


def test_what_an_address_opens_is_nobodys_default(upload, practice, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    gen3nb.profiles.configure("quiet", practice.sandbox.credentials("submitter"), endpoint=practice.endpoint)
    before = open_commons()
    assert pd.read_csv(f"gen3://quiet/{upload(CSV)}")["age"].sum() == 7
    assert open_commons() == before


def test_two_profiles_of_one_commons_each_have_their_own_rights(upload, practice, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, user in (("may", "submitter"), ("may-not", "nobody")):
        gen3nb.profiles.configure(name, practice.sandbox.credentials(user), endpoint=practice.endpoint)
    guid = upload(CSV)
    for _ in range(2):  # in whatever order they are asked
        with pytest.raises(errors.PermissionDenied, match="nobody@"):
            pd.read_csv(f"gen3://may-not/{guid}")
        assert pd.read_csv(f"gen3://may/{guid}")["age"].sum() == 7


def test_names_that_lead_nowhere(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(errors.NotConnected, match="what GUIDs begin with, and no profile"):
        pd.read_csv("gen3://dg.ABCD/0a")
    with pytest.raises(errors.NotConnected, match="neither a profile"):
        pd.read_csv("gen3://nowhere/abc")
    with pytest.raises(errors.Gen3Error, match="path of a key file"):
        Gen3FileSystem(credentials='{"api_key": "x"}')


def test_its_pickle_holds_no_secret(upload, fs, submitter):
    guid = upload(b"abc")
    assert fs.cat_file(guid) == b"abc"
    shown = pickle.dumps(fs)
    token = submitter.auth.get_access_token()
    assert token.rpartition(".")[2].encode() not in shown
    assert b"Amz" not in shown
    again = pickle.loads(shown)
    assert (again.cat_file(guid), again.commons) == (b"abc", submitter)
    assert submitter in open_commons()
    with fs.open(guid) as file:
        file.seek(1)
        assert pickle.loads(pickle.dumps(file)).read() == b"bc"


def test_a_pickle_opens_nothing_where_nobody_is_known(upload, fs, tmp_path):
    (tmp_path / "fs.pickle").write_bytes(pickle.dumps(fs))
    code = (
        "import pathlib, pickle, sys\n"
        "fs = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        f"fs.cat_file({upload(b'abc')!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "fs.pickle")],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert "NotConnected" in done.stderr, done.stderr


def test_an_instance_of_a_closed_commons_finds_the_open_one(upload, practice):
    guid = upload(b"abc")
    with practice.sandbox.as_user("submitter") as first:
        fs = Gen3FileSystem(commons=first)
    with practice.sandbox.as_user("submitter"):
        assert fs.cat_file(guid) == b"abc"


def test_both_are_registered():
    assert fsspec.get_filesystem_class("gen3").__name__ == "Gen3FileSystem"
    assert fsspec.get_filesystem_class("drs").__name__ == "DrsFileSystem"


def test_an_own_registration_is_left_alone(tmp_path):
    """Whoever registers another class for drs:// keeps it, whatever is imported later."""
    code = (
        "import fsspec\n"
        "from fsspec.implementations.memory import MemoryFileSystem\n"
        "fsspec.register_implementation('drs', MemoryFileSystem, clobber=True)\n"
        "import gen3nb.filesystem\n"
        "print(fsspec.get_filesystem_class('drs').__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "MemoryFileSystem", done.stderr


def test_without_fsspec_it_says_what_to_install():
    code = (
        "import sys\nsys.modules['fsspec'] = None\n"
        "try:\n    import gen3nb.filesystem\nexcept ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "pip install 'gen3nb[fsspec]'" in done.stdout, done.stderr


def test_drs_addresses(upload, practice, submitter, host):
    guid = upload(CSV, "a.csv")
    bare = guid.removeprefix("dg.TEST/")
    for address in (f"drs://dg.TEST:{bare}", f"drs://{host}/{guid}", f"drs://{guid}"):
        found = pd.read_csv(address, storage_options={"commons": submitter})
        assert found["age"].sum() == 7
    assert pd.read_csv(f"drs://{host}/{guid}")["age"].sum() == 7
    other = upload(b"other", "b.txt")
    body = {"name": "both", "bundles": [guid, other]}
    bundle = practice.transport.json("POST", "/index/bundle/", service="indexd", json=body)["bundle_id"]
    fs = fsspec.filesystem("drs", commons=submitter)
    assert fs.isdir(bundle)
    assert [fs.cat_file(name) for name in fs.ls(bundle, detail=False)] == [CSV, b"other"]
    with pytest.raises(FileNotFoundError):
        fs.info(f"{host}/nope")


def test_an_open_object_of_another_host_needs_no_account(upload, submitter, practice, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    guid = upload(CSV, "a.csv")
    practice.indexd.update(guid, {"authz": ["/open"]})
    closed = upload(CSV, "b.csv")
    host = practice.endpoint.partition("://")[2]
    code = (
        "import sys, pandas as pd\nprint(pd.read_csv(sys.argv[1])['age'].sum())\npd.read_csv(sys.argv[2])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"drs://{host}/{guid}", f"drs://{host}/{closed}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "7", done.stderr
    assert "connect to it with gen3nb.connect" in done.stderr, done.stderr
    practice.indexd.update(guid, {"authz": [AUTHZ]})


def test_pyarrow_sees_a_file_system(upload, fs):
    table = pa.table({"a": [1, 2]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    guid = upload(buffer.getvalue())
    assert pq.ParquetFile(fs.open(guid)).read().equals(table)
