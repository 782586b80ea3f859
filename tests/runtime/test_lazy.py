"""Public names that load on first use."""

import sys
from types import ModuleType

import pytest

from drc_runtime.lazy import lazy_names


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package with the public name ``answer``, which ``lazy_inner`` defines."""
    package, inner = ModuleType("lazy_package"), ModuleType("lazy_inner")
    inner.answer, inner.other = [42], 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lazy_package", package)
    monkeypatch.setitem(sys.modules, "lazy_inner", inner)
    package.__getattr__, package.__dir__ = lazy_names("lazy_package", {"lazy_inner": ("answer",)})  # type: ignore[assignment]
    return package


def test_a_name_is_imported_on_first_use_and_stays(package: ModuleType) -> None:
    assert "answer" in dir(package) and "answer" not in vars(package)
    assert package.answer == [42]
    assert vars(package)["answer"] is package.answer


def test_other_names_are_no_attributes(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'lazy_package' has no attribute 'other'"):
        package.other  # noqa: B018
    assert "other" not in dir(package)
