"""Every ``drc`` command in the documents is one that the program accepts, with presets and files that exist."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from drc_runtime import packages
from drc_runtime.cli.app import COMMANDS, load_command
from drc_train.config import load_config

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("samples/*/*.md"))]

TEXT = (".md", ".py", ".txt", ".toml", ".yaml", ".yml", ".html", ".sh", ".cpp", ".hpp", ".h", ".json")


def text_files() -> list[Path]:
    folders = ("drc_runtime", "drc_train", "drc_export", "docs", "tests", "benchmarks", "samples", "cmake")
    paths = [*ROOT.glob("*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    return [path for path in paths if path.is_file() and (path.suffix in TEXT or path.name == "Makefile")]


def commands() -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        for block in re.findall(r"```sh\n(.*?)```", document.read_text(), re.DOTALL):
            for line in block.splitlines():
                words = line.split("#")[0].strip()
                if re.match(r"([A-Z_]+=\S+ )*drc ", words):
                    found.append((document.relative_to(ROOT).as_posix(), words))
    return found


def test_there_is_something_to_check() -> None:
    assert {"train", "export", "run", "eval"} <= {
        shlex.split(line)[1] for _, line in commands() if line.startswith("drc")
    }


@pytest.mark.parametrize(("document", "line"), commands())
def test_a_command_of_the_documents_is_accepted(document: str, line: str) -> None:
    words = shlex.split(line)
    words = words[words.index("drc") + 1 :]
    if words[0].startswith("-"):
        return
    name = next(name for name in (" ".join(words[:2]), words[0]) if name in COMMANDS)
    load_command(name).make_context(name, words[name.count(" ") + 1 :])
    if "--preset" in words:
        preset = words[words.index("--preset") + 1]
        load_config(str(ROOT / preset) if preset.endswith(".yaml") else preset)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_within_the_project_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_the_documents_name_exist(document: Path) -> None:
    named = re.findall(r"`((?:drc_\w+|tests|benchmarks|docs)/[\w./-]+)`", document.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("heading", ["pixel of a mask", "generator's weight"])
def test_a_walk_through_the_code_takes_at_most_eight_files(heading: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    walk = next(part for part in text.split("\n## ") if heading in part.splitlines()[0])
    assert 4 <= len(re.findall(r"(?m)^\| \d \| `drc_", walk)) <= 8


def test_no_file_installs_the_stranger_s_package() -> None:
    stranger = re.compile(r"pip3? install [^`\n]*?(?<![\w./-])drc(?![\w/.-])|(?<![\w.-])drc\[\w")
    assert stranger.search("pip install 'drc[web]'") and stranger.search("pip install -U drc")
    assert not stranger.search("pip install 'drc-edge[web]'") and not stranger.search("pip install -e '.[web]'")
    assert [
        f"{path.relative_to(ROOT)}: {line}"
        for path in text_files()
        if path != Path(__file__)
        for line in path.read_text().splitlines()
        if stranger.search(line)
    ] == []


def test_the_documents_install_extras_as_the_messages_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    seen = []
    for document in [*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for names in re.findall(r"pip install -c constraints\.txt -e '\.\[([\w,]+)\]'", document.read_text()):
            assert set(names.split(",")) <= set(extras), f"{document.name}: {names}"
            seen.append(names)
        assert set(re.findall(r"\bextra `(\w+)`", document.read_text())) <= set(extras)
    assert seen and packages.install_command("web").endswith("install -c constraints.txt -e '.[web]'")


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"drc {name}" not in text] == []


@pytest.mark.parametrize("recipe", sorted(ROOT.glob("samples/*/recipe.yaml")), ids=lambda path: path.parent.name)
def test_a_sample_s_recipe_is_valid_and_its_command_is_in_its_card(recipe: Path) -> None:
    load_config(str(recipe))
    command = recipe.read_text().splitlines()[0].removeprefix("# ")
    assert command.startswith("drc train ") and command in (recipe.parent / "card.md").read_text()
