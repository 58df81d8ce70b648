"""Giving and taking access on a real practice commons: what stands, what does not, and doing it again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import gen3nb
from gen3nb import errors
from gen3nb.client.access_requests import policy_of
from gen3nb.commons.access_report import AccessReport

Commons = gen3nb.Commons


@pytest.fixture(scope="module")
def nobody(commons: Commons) -> Iterator[Commons]:
    with commons.sandbox.as_user("nobody") as nobody:
        yield nobody


@pytest.fixture
def user() -> str:
    return f"a+{uuid.uuid4().hex[:8]}@x.org"


def outcomes(report: AccessReport) -> list[str]:
    return report.to_frame()["outcome"].tolist()


def methods(commons: Commons, user: str, project: str) -> set[str]:
    if not commons.requestor.rows(username=user, status="SIGNED"):
        return set()  # nobody has heard of this person yet
    with commons.sandbox.as_user(user) as person:
        mapping = person.arborist.mapping()
    return {grant["method"] for grant in mapping.get(commons.project_id(project).resource, [])}


def test_add_and_remove_and_again(commons: Commons, project: str, user: str) -> None:
    people = commons.collaborators
    first = people.add(project, user, write=True)
    assert outcomes(first) == ["requested", "requested"]
    assert first.ok
    assert first.to_frame()["role"].tolist() == ["reader", "writer"]
    assert methods(commons, user, project) == set()
    assert outcomes(people.add(project, user, write=True)) == ["already requested", "already requested"]
    granted = people.add(project, user, write=True, approve=True)
    assert outcomes(granted) == ["granted", "granted"]
    assert granted.request_ids == first.request_ids  # the drafts were used
    assert granted.to_frame()["seen"].isna().all(), "a commons tells nobody what others may do"
    assert {"read", "create"} <= methods(commons, user, project)
    again = people.add(project, user, write=True, approve=True)
    assert outcomes(again) == ["already granted", "already granted"]
    assert len(commons.requestor.rows(username=user)) == 2
    assert outcomes(people.remove(project, user)) == ["revocation requested"] * 2
    assert methods(commons, user, project) != set()
    assert outcomes(people.remove(project, user, approve=True)) == ["revoked"] * 2
    assert methods(commons, user, project) == set()
    assert outcomes(people.remove(project, user, approve=True)) == ["not held"] * 2
    assert outcomes(people.add(project, user, approve=True)) == ["granted"]  # after all that, anew


def test_a_reader_is_removed_whole(commons: Commons, project: str, user: str) -> None:
    """The service refuses to take what the user does not have: that is done, not failed."""
    assert commons.collaborators.add(project, user, approve=True).ok
    report = commons.collaborators.remove(project, user, approve=True)
    assert outcomes(report) == ["revoked", "not held"]
    assert report.ok
    assert str(report) == "1 revoked, 1 not held"


def test_what_one_may_do_oneself_is_seen(commons: Commons, project: str) -> None:
    me = commons.auth.username
    granted = commons.collaborators.add(project, me, approve=True)
    assert granted.to_frame()["seen"].tolist() == [True]
    report = commons.collaborators.remove(project, me, approve=True)
    assert report.notes == [f"{me} still has * on {project}: by another way than these"]
    assert report.notes[0] in report._repr_html_()


def test_the_search_index_is_of_no_single_project(commons: Commons, project: str, user: str) -> None:
    policy = "guppy_admin_guppy_admin_user"
    assert commons.collaborators.add(project, user, guppy=True, approve=True).ok
    report = commons.collaborators.remove(project, user, approve=True)
    assert outcomes(report) == ["revoked", "revoked"]
    assert any(f"--policy {policy} --username {user} --revoke" in note for note in report.notes)
    commons.requestor.revoke(policy, user, status="SIGNED")
    assert not commons.collaborators.remove(project, user, approve=True).notes


def test_other_roles_granted_by_requests_go_too(commons: Commons, project: str, user: str) -> None:
    path = commons.project_id(project).resource
    commons.requestor.create(path, ["reader", "updater"], username=user, status="SIGNED")
    report = commons.collaborators.remove(project, user, approve=True)
    assert report.to_frame()["policy_id"].tolist()[2] == policy_of(path, "reader_updater")
    assert outcomes(report) == ["not held", "not held", "revoked"]
    assert methods(commons, user, project) == set()


def test_an_open_request_is_taken_up(commons: Commons, project: str, user: str) -> None:
    ident = commons.collaborators.add(project, user).request_ids[0]
    commons.requestor.update(ident, "SUBMITTED")  # from here on the service answers 409 to the same request
    assert outcomes(commons.collaborators.add(project, user)) == ["already requested"]
    report = commons.collaborators.add(project, user, approve=True)
    assert (outcomes(report), report.request_ids) == (["granted"], [ident])


def test_access_that_went_another_way_is_asked_for_again(commons: Commons, project: str, user: str) -> None:
    assert commons.collaborators.add(project, user, approve=True).ok
    commons.sandbox.grant(user, {})
    assert outcomes(commons.collaborators.add(project, user, approve=True)) == ["already granted"]
    assert outcomes(commons.collaborators.add(project, user, approve=True, again=True)) == ["granted"]


def test_partly_failed(commons: Commons, project: str, user: str) -> None:
    """The commons has no role of one name: the others stand, and the same call again finishes it."""
    people = commons.collaborators
    people.roles["write"] = "penman"
    try:
        report = people.add(project, user, write=True, approve=True)
        assert outcomes(report) == ["granted", "refused"]
        assert not report.ok
        (problem,) = report.problems()
        assert problem.startswith(
            f"{user}, {policy_of(commons.project_id(project).resource, 'penman')}: refused"
        )
        assert "no role penman" in problem
        assert "✗ refused" in report._repr_html_()
        with pytest.raises(ValueError, match="ok"):
            bool(report)
        people.roles["read"] = "penman"
        with pytest.raises(errors.NotFound, match="no role penman") as caught:  # nothing at all was done
            people.add(project, f"b{user}")
        assert outcomes(caught.value.report) == ["refused"]
    finally:
        people.roles.update(read="reader", write="writer")
    assert outcomes(people.add(project, user, write=True, approve=True)) == ["already granted", "granted"]


def test_the_connection_breaks_in_the_middle(commons: Commons, project: str, user: str) -> None:
    with commons.sandbox.faults as faults:
        faults.add("504", path="/requestor/request", method="POST", after=1)
        report = commons.collaborators.add(project, user, write=True)
    assert outcomes(report) == ["requested", "unknown"]
    assert not report.ok
    with commons.sandbox.faults as faults:
        faults.add("504-after-commit", path="/requestor/request/*", method="PUT", times=1)
        report = commons.collaborators.add(project, user, write=True, approve=True)
    assert outcomes(report) == ["unknown", "not sent"]
    assert "did not answer" in report.problems()[1]
    assert outcomes(commons.collaborators.add(project, user, write=True, approve=True)) == [
        "already granted",
        "granted",
    ]


def test_without_the_right_to(commons: Commons, nobody: Commons, project: str, user: str) -> None:
    with pytest.raises(errors.PermissionDenied, match=r"'create' \(service requestor\)"):
        nobody.collaborators.add(project, user)
    ident = commons.collaborators.add(project, user).request_ids[0]
    with pytest.raises(errors.PermissionDenied, match="'update'"):
        nobody.collaborators.approve(ident)
    commons.sandbox.grant("nobody", {project: ["create", "read"]})
    try:
        report = nobody.collaborators.add(project, user, approve=True)
        assert outcomes(report) == ["not approved"]
        assert report.request_ids == [ident]
        assert "'update'" in report.problems()[0]
    finally:
        commons.sandbox.grant("nobody", {})


def test_approve_and_update(commons: Commons, project: str, user: str) -> None:
    idents = commons.collaborators.add(project, user, write=True).request_ids
    assert outcomes(commons.collaborators.update(idents[0], "SUBMITTED")) == ["updated"]
    report = commons.collaborators.approve([*idents, "00000000-0000-4000-8000-000000000000"])
    assert outcomes(report)[:2] == ["granted", "granted"]
    assert not report.ok
    assert report.to_frame()["username"].tolist()[:2] == [user, user]
    with pytest.raises(errors.NotFound):
        commons.collaborators.approve("00000000-0000-4000-8000-000000000000")
    with pytest.raises(errors.ServiceError, match="SUBMITTED"):
        commons.collaborators.update(idents[0], "SUBMITED")


def test_a_status_that_does_not_grant_is_noticed(commons: Commons, project: str, user: str) -> None:
    report = commons.collaborators.add(project, user, approve=True, status="APPROVED")
    assert outcomes(report) == ["not approved"]
    assert "another status grants" in report.problems()[0]
    assert methods(commons, user, project) == set()


def test_lists(commons: Commons, project: str, user: str) -> None:
    people = commons.collaborators
    people.add(project, user, write=True, approve=True)
    people.add(project, f"b{user}")
    assert len(people.list(project)) == 3
    assert people.pending(project)["username"].tolist() == [f"b{user}"]
    assert len(people.list(username=user)) == 2
    assert user not in people.list(mine=True)["username"].tolist()


def test_bad_input(commons: Commons, project: str) -> None:
    people = commons.collaborators
    with pytest.raises(errors.NotFound, match=rf"no project '{project}x'.*did you mean.*'{project}'"):
        people.add(project + "x", "a@x.org")
    for name in ("ab.org", "", "a b@x.org", "a@b"):
        with pytest.raises(errors.ValidationError):
            people.add(project, name)
    assert people.add(project, "0000-0002-1825-0097", any_name=True).ok


def test_a_project_whose_code_has_dashes(commons: Commons, user: str) -> None:
    code = f"be-ta-{uuid.uuid4().hex[:6]}"
    commons.create_project(("TEST", code))
    assert commons.collaborators.add(f"TEST-{code}", user, approve=True).ok
    assert "read" in methods(commons, user, f"TEST-{code}")


def test_many_at_once(commons: Commons, project: str, user: str, tmp_path: Path) -> None:
    sheet = tmp_path / "people.csv"
    sheet.write_text(
        f"Project_ID, Email,write\n{project},{user},yes\n\n{project},b{user},\n{project},b{user},no\n"
    )
    report = commons.collaborators.bulk_add(sheet, approve=True)
    assert report.to_frame()[["username", "role", "outcome"]].to_numpy().tolist() == [
        [user, "reader", "granted"],
        [user, "writer", "granted"],
        [f"b{user}", "reader", "granted"],
    ]
    assert set(outcomes(commons.collaborators.bulk_add(sheet, approve=True))) == {"already granted"}
    frame = pd.DataFrame({"project": [project], "username": [f"c{user}"], "write": [True]})
    assert outcomes(commons.collaborators.bulk_add(frame)) == ["requested", "requested"]
    many = [{"project": project, "email": f"m{n}{user}"} for n in range(90)]
    assert set(outcomes(commons.collaborators.bulk_add(many))) == {"requested"}
    assert set(outcomes(commons.collaborators.bulk_add(many))) == {"already requested"}


def test_wrong_rows_are_named_and_nothing_is_sent(
    commons: Commons, project: str, user: str, tmp_path: Path
) -> None:
    sheet = tmp_path / "people.csv"
    sheet.write_text(
        f"project_id,email,write\n{project},{user},yes\n{project},ab.org,\nNO-ne,b@x.org,\n{project},{user},maybe\n"
    )
    before = len(commons.requestor.rows())
    with pytest.raises(errors.ValidationError) as caught:
        commons.collaborators.bulk_add(sheet)
    text = str(caught.value)
    for part in (
        "nothing was sent",
        "line 3: 'ab.org'",
        "line 4: this commons has no project 'NO-ne'",
        "line 5",
    ):
        assert part in text
    assert len(commons.requestor.rows()) == before
    sheet.write_text(f"project_id,mail\n{project},a@x.org\n")
    with pytest.raises(errors.ValidationError, match=r"no column email; unknown columns: 'mail'"):
        commons.collaborators.bulk_add(sheet)
    sheet.write_bytes(b"project_id,email\n\xff\xfe,a@x.org\n")
    with pytest.raises(errors.ValidationError, match="UTF-8"):
        commons.collaborators.bulk_add(sheet)
    with pytest.raises(errors.Gen3Error, match="cannot be read"):
        commons.collaborators.bulk_add(tmp_path / "none.csv")
    sheet.write_text(f"project_id,email\n{project},a@x.org,yes,no\n")
    with pytest.raises(errors.ValidationError, match="line 2: more cells"):
        commons.collaborators.bulk_add(sheet)
