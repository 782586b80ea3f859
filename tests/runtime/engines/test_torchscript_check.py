"""TorchScript of a stranger reads no file, writes none and ends: what the exporter does not write is refused before it runs."""

import io
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
torch = pytest.importorskip("torch")

from drc_runtime.engines.torchscript_check import check_archive, check_graph  # noqa: E402
from drc_runtime.errors import BundleError  # noqa: E402

HEAD = "class Step(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
BODY = "  def forward(self: __torch__.Step,\n    x: Tensor) -> Tensor:\n    return torch.mul(x, x)\n"


def archive(code: str, **records: bytes) -> bytes:
    """A TorchScript file of one module with this code; ``records`` replaces or adds records."""
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(lambda x: x * x, torch.zeros(2)), buffer)
    changed = io.BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_STORED) as new:
        for item in old.namelist():
            folder, _, record = item.partition("/")
            if record == "data.pkl":
                new.writestr(item, b"\x80\x02c__torch__\nStep\n)\x81}(ub.")
            elif not record.startswith("code/"):
                new.writestr(item, records.pop(record, old.read(item)))
        new.writestr(f"{folder}/code/__torch__.py", code)
        for record, data in records.items():
            new.writestr(f"{folder}/{record}", data)
    return changed.getvalue()


def saved(module: "torch.jit.ScriptModule") -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    return buffer.getvalue()


def check(data: bytes) -> None:
    check_archive(data, "it")
    check_graph(torch.jit.load(io.BytesIO(data)), "it")


class Reads(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.from_file("secret", size=4)


class Writes(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, "written")
        return x


class Prints(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print(x)
        return x


class RunsWithoutEnd(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while bool(x.sum() < 1):
            x = x - 1
        return x


class Branches(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() < 1):
            x = x - 1
        return x


class HasMethod(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x

    @torch.jit.export
    def other(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_file("secret", size=4)


class Inside(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Reads()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


@pytest.mark.parametrize("module", [Reads, Writes, Prints, RunsWithoutEnd, Branches, HasMethod, Inside])
def test_what_the_exporter_does_not_write_is_refused_before_it_is_loaded(
    module: type[torch.nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = saved(torch.jit.script(module()))
    with pytest.raises(BundleError, match="it has .*, which drc export does not write.*--engine onnxruntime") as caught:
        check_archive(data, "it")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())
    # and again if the text should ever be read otherwise than PyTorch reads it
    with pytest.raises(BundleError, match="which drc export does not write"):
        check_graph(torch.jit.load(io.BytesIO(data)), "it")


SAVE = 'torch.save(1, "written")'


@pytest.mark.parametrize(
    "code",
    [
        # PyTorch runs these two while it loads a file
        HEAD
        + BODY
        + f"  def __setstate__(self: __torch__.Step, state: int) -> NoneType:\n    _0 = {SAVE}\n    return None\n",
        HEAD + BODY.replace("x: Tensor", "x: Tensor=torch.from_file(CONSTANTS.c0, size=4)"),
        HEAD + BODY.replace("torch.mul(x, x)", "torch . from_file(x)"),
        HEAD + BODY.replace("torch.mul(x, x)", "torch.\n from_file(x)"),
        HEAD + BODY.replace("torch.mul(x, x)", "ops.aten.from_file(x)"),
        HEAD + BODY.replace("torch.mul(x, x)", "torch.\\\nfrom_file(x)"),
        HEAD + BODY.replace("torch.mul(x, x)", "getattr(torch, x)(x)"),
        HEAD + BODY.replace("torch.mul(x, x)", "unchecked_cast(Tensor, x)"),
        HEAD + BODY.replace("torch.mul(x, x)", "self.other(x)"),
        HEAD + BODY.replace("x: Tensor", "x: __torch__.torch.classes.quantized.Conv2dPackedParamsBase"),
        HEAD + BODY + "# c\n",
        HEAD + BODY.replace("mul", "m\u00fcl"),
        HEAD + BODY + " " * (5 << 20),
    ],
)
def test_code_that_names_anything_else(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match="which drc export does not write|bytes of code"):
        check_archive(archive(code), "it")
    assert not list(tmp_path.iterdir())


def test_code_of_the_exporter_passes() -> None:
    check(archive(HEAD + BODY))


@pytest.mark.parametrize("record", ["model.json", "bytecode.pkl", "code/other.py", "extra/x", "lib/a.so"])
def test_other_records_are_refused(record: str) -> None:
    with pytest.raises(BundleError, match=f"the record '{record}'"):
        check_archive(archive(HEAD + BODY, **{record: b"{}"}), "it")


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(X\x02\x00\x00\x00idtR.",
        b"\x80\x02c__torch__.torch.classes.quantized\nConv2dPackedParamsBase\n)\x81.",
        b"\x80\x02ctorch.jit._pickle\nrestore_type_tag\n.",
        b"\xff\xff",
        b"",
    ],
)
def test_pickled_data_holds_tensors_alone(data: bytes) -> None:
    with pytest.raises(BundleError):
        check_archive(archive(HEAD + BODY, **{"constants.pkl": data}), "it")


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04" * 40])
def test_bytes_of_something_else(data: bytes) -> None:
    with pytest.raises(BundleError, match="it is not a TorchScript file"):
        check_archive(data, "it")
