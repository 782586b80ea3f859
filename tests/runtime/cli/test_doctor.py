"""``drc doctor``: its findings as rows and as JSON, and what its exit code says."""

import json
from collections.abc import Callable

import pytest

from drc_runtime import doctor
from drc_runtime.doctor import Check

Drc = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("absent", 0), ("warning", 0), ("broken", 1)])
def test_doctor(drc: Drc, monkeypatch: pytest.MonkeyPatch, status: doctor.Status, code: int) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: [Check("python", "ok", "3"), Check("opencv", status, "its detail")])
    found = drc("doctor")
    assert (found[0], found[2]) == (code, "")
    assert [line.split(maxsplit=2) for line in found[1].splitlines()] == [
        ["ok", "python", "3"],
        [status, "opencv", "its detail"],
    ]
    found = drc("doctor", "--json")
    assert found[0] == code
    assert json.loads(found[1]) == {
        "healthy": code == 0,
        "checks": [
            {"name": "python", "status": "ok", "detail": "3"},
            {"name": "opencv", "status": status, "detail": "its detail"},
        ],
    }
