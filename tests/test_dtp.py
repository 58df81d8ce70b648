"""``gen3nb.dtp`` as a script written for ``dtp`` uses it, against a practice commons over HTTP."""

from __future__ import annotations

import base64
import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gen3.auth import Gen3Auth

import gen3nb
from gen3nb import errors
from gen3nb.client.tokens import claims_of, endpoint_of_issuer
from gen3nb.commons.registry import open_commons
from gen3nb.dtp import Auth, Exporter, Gen3Submitter, Querier


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))


def issuer_of(token: str) -> str:
    return endpoint_of_issuer(claims_of(token))


@pytest.fixture
def auth(commons: gen3nb.Commons) -> Auth:
    return Auth(commons.endpoint, str(commons.sandbox.credentials()))


@pytest.fixture
def code(commons: gen3nb.Commons, project: str) -> str:
    """Give the code of a project with 23 cases, one of which has every kind of awkward value."""
    cases: list[dict[str, Any]] = [
        {"type": "case", "submitter_id": f"case-{n}", "experiments": {"submitter_id": "exp"}}
        for n in range(22)
    ]
    cases.append(
        {
            "type": "case",
            "submitter_id": 'a "quoted"\tname',
            "experiments": {"submitter_id": "exp"},
            "consent_codes": ["x", "y"],
        }
    )
    answer = commons.sheepdog.submit(commons.project_id(project), cases)
    assert answer.ok, answer
    return project.removeprefix("TEST-")


def test_the_older_form_signs_in_by_position(auth: Auth) -> None:
    assert isinstance(auth, Gen3Auth)
    assert auth.get_access_token().count(".") == 2
    assert auth.refresh_access_token().count(".") == 2
    assert auth.curl("/user/user").json()["username"].startswith("admin")


def test_a_program_signs_in_as_an_oidc_client(commons: gen3nb.Commons, code: str) -> None:
    facts = json.loads(commons.sandbox.client_credentials().read_text("utf-8"))
    pair = facts["client_id"], facts["client_secret"]
    client = Auth(endpoint=commons.endpoint, client_credentials=pair, client_scopes="openid user data")
    assert code in Querier(client).get_projects("TEST")
    assert len(Querier(client).get_node_records("case", "TEST", code)) == 23
    assert client.refresh_access_token().count(".") == 2
    assert pair[1] not in repr(client) + repr(vars(client))
    with pytest.raises(errors.AuthError, match="client") as refused:
        Auth(endpoint=commons.endpoint, client_credentials=(pair[0], "a-wrong-secret")).get_access_token()
    assert "a-wrong-secret" not in str(refused.value)
    with pytest.raises(errors.Gen3Error, match="scope"):
        Auth(
            endpoint=commons.endpoint, client_credentials=pair, client_scopes="openid everything"
        ).get_access_token()


def test_a_token_of_the_commons_that_is_named(
    commons: gen3nb.Commons, auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gen3nb.sandbox(external={"far": commons}) as near:
        by_key = Auth(near.endpoint, str(near.sandbox.credentials("reader")))
        token = by_key.get_access_token_from_wts(commons.endpoint)
        assert issuer_of(token) == commons.endpoint
        assert issuer_of(by_key.get_access_token_from_wts()) == near.endpoint
        with pytest.raises(errors.AuthError, match="does not know"):
            by_key.get_access_token_from_wts("http://127.0.0.1:9")
        monkeypatch.setenv("GEN3NB_WORKSPACE_URL", near.sandbox.workspace("reader"))
        workspace = Auth()
        assert issuer_of(workspace.get_access_token_from_wts(commons.endpoint)) == commons.endpoint
        assert issuer_of(workspace.get_access_token_from_wts()) == near.endpoint


@pytest.mark.parametrize("kind", ["json", "ini"])
def test_the_later_form_signs_in_by_a_configuration_file(
    commons: gen3nb.Commons, code: str, tmp_path: Path, kind: str
) -> None:
    key = Path(commons.sandbox.credentials("reader"))
    (tmp_path / "key.json").write_bytes(key.read_bytes())
    (tmp_path / "key.json").chmod(0o600)
    file = tmp_path / f"config.{kind}"
    if kind == "json":
        file.write_text(
            json.dumps({"gen3_endpoint": commons.endpoint, "gen3_cred_file": "key.json", "irods_port": 1})
        )
    else:
        file.write_text(
            f"[gen3]\nendpoint = {commons.endpoint}\ncred_file = ./key.json\n[irods]\nirods_password = a%b\n"
        )
    assert code in Querier(str(file)).get_projects("TEST")
    assert code in Querier(config_file=file).get_projects("TEST")
    assert len(Exporter(file).export_node("TEST", code, "case", "json")) == 23
    assert Auth(commons.endpoint, cred_file=str(key)).get_access_token()


def test_configuration_files_that_are_none(auth: Auth, tmp_path: Path) -> None:
    with pytest.raises(errors.ProfileError, match="cannot be read"):
        Querier(tmp_path / "none.ini")
    file = tmp_path / "config.ini"
    file.write_text("password hunter22\n")
    with pytest.raises(errors.ProfileError, match="neither JSON nor INI") as refused:
        Querier(file)
    assert "hunter22" not in str(refused.value)
    file.write_text("[gen3]\nendpoint = https://data.example.org\n")
    with pytest.raises(errors.ProfileError, match="cred_file"):
        Querier(file)
    with pytest.raises(ValueError, match="config_file"):
        Querier(auth, config_file=file)
    with pytest.raises(ValueError, match="cred_file"):
        Auth("https://data.example.org", "a.json", cred_file="b.json")


def test_programs_projects_and_all_records_not_ten(auth: Auth, code: str) -> None:
    querier = Querier(auth)
    assert "TEST" in querier.get_programs()
    assert code in querier.get_projects("TEST")
    records = querier.get_node_records("case", "TEST", code)
    assert len(records) == 23
    assert {record["project_id"] for record in records} == {f"TEST-{code}"}
    assert records[0]["experiments"][0]["submitter_id"] == "exp"


def test_a_query_with_variables(auth: Auth, code: str) -> None:
    answer = Querier(auth).graphql_query(
        "query ($p: [String]) { case(project_id: $p, first: 0) { submitter_id } }", {"p": f"TEST-{code}"}
    )
    assert len(answer["case"]) == 23


def test_json_with_and_without_a_file(auth: Auth, code: str, tmp_path: Path) -> None:
    exporter = Exporter(auth)
    given = exporter.export_node("TEST", code, "case", "json")
    written = exporter.export_node("TEST", code, "case", "json", tmp_path / "case.json")
    assert len(given) == 23
    assert written == given == json.loads((tmp_path / "case.json").read_text(encoding="utf-8"))
    one = exporter.export_record("TEST", code, given[3]["id"], "json", filename=str(tmp_path / "one.json"))
    assert one == given[3] == json.loads((tmp_path / "one.json").read_text(encoding="utf-8"))


def test_tsv_with_and_without_a_file(auth: Auth, code: str, tmp_path: Path) -> None:
    exporter = Exporter(auth)
    text = exporter.export_node("TEST", code, "case", "tsv", filename=tmp_path / "case.tsv")
    assert (tmp_path / "case.tsv").read_bytes().decode() == text
    rows = rows_of(text)
    records = {record["id"]: record for record in exporter.export_node("TEST", code, "case", "json")}
    assert {row["id"] for row in rows} == set(records)
    for row in rows:
        assert row["submitter_id"] == records[row["id"]]["submitter_id"]
        assert row["experiments.submitter_id"] == "exp"
    odd = next(row for row in rows if row["consent_codes"])
    assert odd["consent_codes"] == "x,y"
    assert rows_of(exporter.export_record("TEST", code, odd["id"], "tsv")) == [odd]


def test_save(auth: Auth, code: str, tmp_path: Path) -> None:
    exporter, records = Exporter(auth), Querier(auth).get_node_records("case", "TEST", code)
    exporter.save(records, "json", tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == records
    exporter.save(records, "tsv", tmp_path / "a.tsv")
    assert (tmp_path / "a.tsv").read_bytes().decode() == exporter.export_node("TEST", code, "case", "tsv")
    exporter.save(records[0], "tsv", str(tmp_path / "one.tsv"))
    assert len(rows_of((tmp_path / "one.tsv").read_bytes().decode())) == 1
    exporter.save("as it is", "tsv", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "as it is"


def test_what_cannot_be_saved_leaves_the_old_file(auth: Auth, code: str, tmp_path: Path) -> None:
    exporter, path = Exporter(auth), tmp_path / "kept"
    path.write_text("kept")
    for data, form in (
        ([{"a": float("nan")}], "json"),
        ([{"a": object()}], "json"),
        ([{"type": "case"}, {"type": "sample"}], "tsv"),
        ([{"submitter_id": "no type"}], "tsv"),
        ([], "tsv"),
        ([], "xml"),
    ):
        with pytest.raises(errors.ValidationError):
            exporter.save(data, form, path)
    with pytest.raises(errors.DictionaryError):
        exporter.save([{"type": "caze"}], "tsv", path)
    with pytest.raises(errors.Gen3Error, match="could not be written"):
        exporter.save([], "json", tmp_path / "nowhere" / "a.json")
    assert path.read_text() == "kept"
    assert [one.name for one in tmp_path.iterdir()] == ["kept"]


def test_wrong_names_say_what_is_there(auth: Auth, code: str) -> None:
    exporter, querier = Exporter(auth), Querier(auth)
    with pytest.raises(errors.ValidationError, match="'xml' is no format"):
        exporter.export_node("TEST", code, "case", "xml")
    with pytest.raises(errors.DictionaryError, match="case"):
        querier.get_node_records("caze", "TEST", code)
    with pytest.raises(errors.NotFound, match="no project"):
        querier.get_node_records("case", "TEST", "nowhere")
    with pytest.raises(errors.NotFound):
        querier.get_projects("NOPE")
    with pytest.raises(errors.NotFound, match="not its submitter_id"):
        exporter.export_record("TEST", code, "case-1", "json")
    with pytest.raises(errors.NotConnected, match="takes an Auth"):
        Querier("https://data.example.org")  # type: ignore[arg-type]


def test_a_record_of_another_project_is_not_given(auth: Auth, commons: gen3nb.Commons, code: str) -> None:
    commons.create_project(("TEST", f"{code}x"))
    record = Querier(auth).get_node_records("case", "TEST", code)[0]
    with pytest.raises(errors.NotFound):
        Exporter(auth).export_record("TEST", f"{code}x", record["id"], "json")


def test_the_credentials_given_are_those_used(commons: gen3nb.Commons, code: str, tmp_path: Path) -> None:
    """The original had its own and passed these over."""
    path = tmp_path / "case.json"
    path.write_text(
        json.dumps({"type": "case", "submitter_id": "new", "experiments": {"submitter_id": "exp"}})
    )
    reader = Gen3Submitter(commons.endpoint, commons.sandbox.credentials("reader"))
    with pytest.raises(errors.PermissionDenied):
        reader.submit_record("TEST", code, path)
    key = json.loads(commons.sandbox.credentials("submitter").read_text())
    report = Gen3Submitter(commons.endpoint, key).submit_record("TEST", code, path)
    assert report.counts["created"] == 1


@pytest.mark.parametrize("form", ["json", "tsv"])
def test_what_was_exported_can_be_submitted_elsewhere(
    auth: Auth, commons: gen3nb.Commons, code: str, form: str, tmp_path: Path
) -> None:
    path, exporter = tmp_path / f"records.{form}", Exporter(auth)
    records = exporter.export_node("TEST", code, "case", "json")
    for record in records:
        del record["id"], record["project_id"], record["experiments"][0]["node_id"]
        record["submitter_id"] = "again " + record["submitter_id"]
    exporter.save(records, form, path)
    report = Gen3Submitter(commons.endpoint, commons.sandbox.credentials()).submit_record("TEST", code, path)
    assert report.counts["created"] == 23
    stored = {one["submitter_id"]: one for one in Querier(auth).get_node_records("case", "TEST", code)}
    assert stored['again a "quoted"\tname']["consent_codes"] == ["x", "y"]
    assert len(stored) == 46


@pytest.mark.parametrize("form", ["json", "tsv"])
def test_several_nodes_in_one_file_children_first(
    auth: Auth, commons: gen3nb.Commons, code: str, form: str, tmp_path: Path
) -> None:
    records = [
        {"type": "demographic", "submitter_id": "d1", "gender": "male", "cases": {"submitter_id": "c1"}},
        {"type": "case", "submitter_id": "c1", "experiments": [{"submitter_id": "exp"}]},
    ]
    path = tmp_path / f"both.{form}"
    if form == "json":
        path.write_text(json.dumps(records))
    else:
        path.write_text(
            "type\tsubmitter_id\tgender\tcases.submitter_id\texperiments.submitter_id\n"
            "demographic\td1\tmale\tc1\t\ncase\tc1\t\t\texp\n"
        )
    report = Gen3Submitter(commons.endpoint, commons.sandbox.credentials()).submit_record("TEST", code, path)
    assert report.counts["created"] == 2
    stored = Querier(auth).get_node_records("demographic", "TEST", code)
    assert stored[0]["gender"] == "male"
    assert stored[0]["cases"][0]["submitter_id"] == "c1"


def test_links_by_id(auth: Auth, commons: gen3nb.Commons, code: str, tmp_path: Path) -> None:
    parent = Querier(auth).get_node_records("experiment", "TEST", code)[0]["id"]
    path = tmp_path / "case.json"
    path.write_text(json.dumps([{"type": "case", "submitter_id": "by-id", "experiments": {"id": parent}}]))
    Gen3Submitter(commons.endpoint, commons.sandbox.credentials()).submit_record("TEST", code, path)
    stored = {one["submitter_id"]: one for one in Querier(auth).get_node_records("case", "TEST", code)}
    assert stored["by-id"]["experiments"][0]["node_id"] == parent


def test_a_null_keeps_unless_asked_to_clear(
    auth: Auth, commons: gen3nb.Commons, code: str, tmp_path: Path
) -> None:
    submitter = Gen3Submitter(commons.endpoint, commons.sandbox.credentials())
    path = tmp_path / "case.json"
    case = {"type": "case", "submitter_id": 'a "quoted"\tname', "experiments": {"submitter_id": "exp"}}
    path.write_text(json.dumps(case | {"consent_codes": None}))
    for missing, left in (("keep", ["x", "y"]), ("clear", None)):
        submitter.submit_record("TEST", code, path, missing=missing)  # type: ignore[arg-type]
        stored = {one["submitter_id"]: one for one in Querier(auth).get_node_records("case", "TEST", code)}
        assert stored[case["submitter_id"]].get("consent_codes") == left


def test_a_bad_record_is_named_and_the_good_one_stored(
    auth: Auth, commons: gen3nb.Commons, code: str, tmp_path: Path
) -> None:
    path = tmp_path / "cases.tsv"
    path.write_text(
        "type\tsubmitter_id\texperiments.submitter_id\ncase\tgood\texp\ncase\tbad\tnowhere\n",
        encoding="utf-8",
    )
    with pytest.raises(errors.SubmissionError, match=r"'bad'.*nowhere") as raised:
        Gen3Submitter(commons.endpoint, commons.sandbox.credentials()).submit_record("TEST", code, path)
    assert raised.value.report.counts["created"] == 1
    names = {one["submitter_id"] for one in Querier(auth).get_node_records("case", "TEST", code)}
    assert "good" in names
    assert "bad" not in names


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "{", "line 1, column 2"),
        ("a.json", '{"type": "case", "type": "sample"}', "twice"),
        ("a.json", '{"type": "case", "x": NaN}', "NaN"),
        ("a.json", "[]", "no record"),
        ("a.json", "3", "no record"),
        ("a.json", "[3]", "record 1: this is no record"),
        ("a.json", '[{"submitter_id": "x"}]', "record 1 does not say of which node"),
        ("a.json", '{"type": "case", "experiments": "exp"}', "experiments is a link"),
        ("a.json", '{"type": "case", "experiments": [{"submitter_id": "exp"}, {}]}', "experiments is a link"),
        ("a.json", '{"type": "caze"}', "caze"),
        ("a.json", b'\xff{"type": "case"}', "UTF-8"),
        ("a.tsv", "type\tsubmitter_id\ncase\tx\n\ty\n", "row 3: it does not say of which node"),
        ("a.tsv", "submitter_id\nx\n", "row 2: it does not say of which node"),
        ("a.tsv", "type\tsubmitter_id\n", "no rows"),
        ("a.tsv", "type\tsubmitter_id\ncaze\tx\n", "caze"),
    ],
)
def test_files_that_hold_no_records(
    commons: gen3nb.Commons, code: str, name: str, content: str | bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    submitter = Gen3Submitter(commons.endpoint, commons.sandbox.credentials())
    with pytest.raises((errors.ValidationError, errors.DictionaryError), match=said):
        submitter.submit_record("TEST", code, path)
    with pytest.raises(FileNotFoundError):
        submitter.submit_record("TEST", code, tmp_path / "nowhere.json")


def test_they_do_not_count_as_open_commons(auth: Auth, commons: gen3nb.Commons) -> None:
    """Else ``df.gen3.submit()`` would ask which commons is meant."""
    held = Querier(auth), Exporter(auth), Gen3Submitter(commons.endpoint, commons.sandbox.credentials())
    assert open_commons().count(commons) == 1
    assert not {one._commons for one in held} & set(open_commons())


def test_the_sdk_and_a_commons_serve_too(commons: gen3nb.Commons, code: str) -> None:
    assert code in Querier(commons).get_projects("TEST")
    sdk = Gen3Auth.__new__(Gen3Auth)
    sdk._endpoint = sdk.endpoint = commons.endpoint
    sdk._refresh_token = json.loads(commons.sandbox.credentials().read_text())
    assert code in Querier(sdk).get_projects("TEST")


def test_no_secret_shows(auth: Auth, commons: gen3nb.Commons) -> None:
    key = json.loads(commons.sandbox.credentials().read_text())["api_key"]
    for one in (Querier(auth), Exporter(auth), Gen3Submitter(commons.endpoint, {"api_key": key})):
        assert commons.endpoint in repr(one)
        assert key not in repr(one)
        assert "eyJ" not in repr(one)


def test_importing_it_does_not_load_pandas() -> None:
    code = (
        "import sys, gen3nb.client.auth; before = 'pandas' in sys.modules; import gen3nb.dtp; "
        "sys.exit('pandas' in sys.modules and not before)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_what_auth_was_given_holds_for_requests_too() -> None:
    from gen3nb.dtp import Auth, Querier

    head = base64.urlsafe_b64encode(b'{"alg":"RS256"}').decode().rstrip("=")
    claims = json.dumps({"iss": "http://127.0.0.1:9/user", "exp": 4_000_000_000, "iat": 1})
    token = f"{head}.{base64.urlsafe_b64encode(claims.encode()).decode().rstrip('=')}.c2ln"
    auth = Auth(
        "http://127.0.0.1:9", access_token=token, timeout=(1, 2), verify="ca.pem", proxies={"https": "p"}
    )
    transport = Querier(auth)._commons.transport._sender
    assert (transport.timeout, transport.verify) == ((1, 2), "ca.pem")
    assert transport.proxies["https"] == "p"
