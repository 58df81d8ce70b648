"""Storage: transactions, threads, spellings."""

from __future__ import annotations

import threading

import pytest

from gen3nb.embedded.graph import Graph, fold

INSERT = "INSERT INTO node (type, id, props) VALUES ('case', ?, '{}')"


@pytest.fixture(params=[True, False], ids=["write-ahead", "rollback-journal"])
def graph(request, tmp_path):
    graph = Graph(tmp_path / "graph.sqlite", wal=request.param)
    yield graph
    graph.close()


def ids(graph):
    return [row[0] for row in graph.query("SELECT id FROM node ORDER BY seq")]


def test_a_transaction_that_fails_leaves_nothing(graph):
    with pytest.raises(ZeroDivisionError), graph.write() as db:
        db.execute(INSERT, ("a" * (1 // len(db.execute(INSERT, ("b",)).fetchall())),))
    assert ids(graph) == []
    with graph.write() as db:
        db.execute(INSERT, ("b",))
    assert ids(graph) == ["b"]


def test_threads_write_in_turn(graph):
    def write(name):
        for number in range(20):
            with graph.write() as db:
                db.execute(INSERT, (f"{name}{number}",))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids(graph)) == 80


def test_a_long_read_keeps_no_writer_waiting(graph):
    with graph.snapshot() as reader:
        assert reader.execute("SELECT count(*) FROM node").fetchone() == (0,)
        with graph.write() as db:
            db.execute(INSERT, ("a",))
        assert reader.execute("SELECT count(*) FROM node").fetchone() == (0 if graph.wal else 1,)
    assert ids(graph) == ["a"]


@pytest.mark.parametrize(
    ("one", "other"), [("KP-1", "kp-1"), ("É", "é"), ("ΟΔΟΣ", "οδοσ"), ("STRASSE", "strasse")]
)
def test_spellings_that_are_one(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("straße", "strasse"), ("é", "e\u0301"), ("a ", "a"), ("İ", "ı")])
def test_spellings_that_are_two(one, other):
    assert fold(one) != fold(other)


def test_unordered_reads_need_no_sorting(graph):
    for place in ("type = 'case'", "type = 'case' AND project_id = 'P-Q'"):
        plan = graph.query(f"EXPLAIN QUERY PLAN SELECT id FROM node WHERE {place} ORDER BY seq LIMIT 10")
        assert [step[3] for step in plan if "TEMP B-TREE" in step[3]] == []
        assert "USING INDEX" in plan[0][3]


def test_after_closing_nothing_holds_the_file(tmp_path):
    graph = Graph(tmp_path / "graph.sqlite")
    other = threading.Thread(target=graph.query, args=("SELECT 1",))
    other.start()
    other.join()
    graph.close()
    assert [path.name for path in tmp_path.iterdir()] == [
        "graph.sqlite"
    ]  # the log is gone with its last user
    assert graph.query("SELECT count(*) FROM node") == [(0,)]  # and it opens again
    graph.close()
