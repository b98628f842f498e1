"""The audit of weights files: each fault is told, sound files are fine, and hostile ones end in one sentence."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from weights_files import Arrays, keras_archive, safetensors_bytes, sound, with_header

from bnstats.audit.files import audit_file
from bnstats.audit.files.findings import KINDS
from bnstats.cli import main

FOUR = np.ones(4, "f4")


def written(tmp_path: Path, arrays: Arrays, **kinds: str) -> Path:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(safetensors_bytes(arrays, kinds))
    return path


def changed(**arrays: Any) -> Arrays:
    """A sound file with other arrays; None leaves one out. A double underscore stands for a dot."""
    found = sound() | {name.replace("__", "."): array for name, array in arrays.items()}
    return {name: array for name, array in found.items() if array is not None}


FAULTS: dict[str, tuple[Arrays, str]] = {
    "incomplete": (changed(bn0__running_var=None), "off"),
    "not_finite": (changed(bn0__running_var=np.array([1, np.inf, 1, np.nan], "f4")), "off"),
    "negative_variance": (changed(bn0__running_var=np.array([1, -1e-3, 1, 2], "f4")), "off"),
    "no_variance": (changed(bn0__running_var=0 * FOUR), "off"),
    "never_updated": (
        changed(bn0__running_mean=0 * FOUR, bn0__running_var=FOUR, bn0__num_batches_tracked=np.array(7)),
        "off",
    ),
    "maybe_never_updated": (
        changed(bn0__running_mean=0 * FOUR, bn0__running_var=FOUR, bn0__num_batches_tracked=np.array(0)),
        "not_judged",
    ),
    "without_statistics": (
        changed(bn0__running_mean=None, bn0__running_var=None, bn0__num_batches_tracked=None),
        "not_judged",
    ),
    "counter_of_0": (changed(bn0__num_batches_tracked=np.array(0)), "fine"),
    "zero_variance": (changed(bn0__running_var=np.array([0, 1, 1, 1], "f4")), "fine"),
    "dead_channels": (changed(bn0__weight=np.array([0, 1, 1, 1], "f4")), "fine"),
}


def test_a_sound_file_is_fine_and_says_what_it_cannot_tell(tmp_path: Path) -> None:
    found = audit_file(written(tmp_path, sound()))
    assert (found.verdict, len(found.findings), found.layers["channels"].tolist()) == ("fine", 0, [4, 4])
    assert "as far as a file can show" in found.summary()
    assert "only data can tell" in found.summary()


def test_every_kind_of_finding_has_a_file() -> None:
    assert FAULTS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_told_with_its_layer_and_verdict(kind: str, tmp_path: Path) -> None:
    arrays, verdict = FAULTS[kind]
    found = audit_file(written(tmp_path, arrays))
    assert found.findings[["kind", "layer"]].to_numpy().tolist() == [[kind, "bn0"]]
    assert found.verdict == verdict
    assert "bn0" in found.summary()
    assert json.loads(json.dumps(found.to_dict()))["findings"][0]["kind"] == kind


def test_start_values_everywhere_are_off_without_counters(tmp_path: Path) -> None:
    arrays = {f"{k}.running_mean": 0 * FOUR for k in "ab"} | {f"{k}.running_var": FOUR for k in "ab"}
    found = audit_file(written(tmp_path, arrays))
    assert (found.verdict, found.findings["kind"].tolist()) == ("off", ["never_updated"] * 2)


@pytest.mark.parametrize("arrays", [{}, {"head.weight": np.ones((2, 2), "f4"), "ln.bias": FOUR, "ln.weight": FOUR}])
def test_a_file_without_batch_norm_is_not_judged(arrays: Arrays, tmp_path: Path) -> None:
    found = audit_file(written(tmp_path, arrays))
    assert (found.verdict, len(found.layers)) == ("not_judged", 0)
    assert "holds no running statistics" in found.summary()


@pytest.mark.parametrize("kind", ["F64", "F32", "F16", "BF16"])
def test_each_type_is_read_as_the_numbers_that_it_stands_for(kind: str, tmp_path: Path) -> None:
    values = np.array([0.5, 1.0, 2.0, -3.0])  # exact in each type
    raw = {"F64": "f8", "F32": "f4", "F16": "f2"}.get(kind)
    stored = values.astype(raw) if raw else (values.astype("f4").view("u4") >> 16).astype("u2")
    path = written(
        tmp_path,
        {"bn.running_mean": stored, "bn.running_var": stored},
        **dict.fromkeys(("bn.running_mean", "bn.running_var"), kind),
    )
    found = audit_file(path)
    assert found.layers.loc[0, ["smallest_var", "largest_var"]].tolist() == [-3.0, 2.0]
    assert found.findings["kind"].tolist() == ["negative_variance"]


def test_names_of_keras_and_flax_are_known(tmp_path: Path) -> None:
    names = ("a/moving_mean", "a/moving_variance", "batch_stats/B_0/mean", "batch_stats/B_0/var")
    found = audit_file(written(tmp_path, dict.fromkeys(names, 2 * FOUR)))
    assert (found.verdict, found.layers["layer"].tolist()) == ("fine", ["a", "B_0"])


def entry(**other: Any) -> bytes:
    held = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], **other}
    return with_header(json.dumps({"bn.running_mean": held}).encode(), bytes(16))


HOSTILE = {
    "empty": b"",
    "short": b"\x01\x00",
    "huge header": (2**62).to_bytes(8, "little") + b"{}",
    "no JSON": with_header(b"{'a': 1}"),
    "no text": with_header(b"\xff\xfe"),
    "deep": with_header(b"[" * 100_000),
    "a list": with_header(b"[1]"),
    "no entry": with_header(b'{"bn.running_mean": 3}'),
    "outside": entry(data_offsets=[0, 10**18], shape=[10**18 // 4]),
    "negative": entry(data_offsets=[-16, 0]),
    "overlong": entry(shape=[2**62, 2**62]),
    "fractions": entry(shape=[4.0]),
    "booleans": entry(shape=[True] * 4),
    "unknown type": entry(dtype="F8_E4M3"),
    "a list for a type": entry(dtype=["F32"]),
    "three offsets": entry(data_offsets=[0, 16, 16]),
    "text": entry(shape="4"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_end_in_one_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(HOSTILE[name])
    assert main(["audit", str(path), "--fail-on", "off"]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert "hostile.safetensors is not read: " in told.err


def test_every_truncation_is_fine_or_a_sentence(tmp_path: Path) -> None:
    whole = safetensors_bytes(sound())
    path = tmp_path / "cut.safetensors"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not read"):
            audit_file(path)


def test_names_with_control_codes_are_written_out(tmp_path: Path) -> None:
    text = audit_file(written(tmp_path, {"\x1b[31m.running_mean": FOUR})).summary()
    assert "\x1b" not in text
    assert "\\x1b[31m" in text


@pytest.mark.parametrize(
    ("kind", "options", "status"),
    [
        ("fine", [], 0), ("off", [], 0), ("not_judged", [], 0),
        ("fine", ["--fail-on", "off"], 0), ("off", ["--fail-on", "off"], 1), ("not_judged", ["--fail-on", "off"], 0),
        ("off", ["--fail-on", "not_judged"], 1), ("not_judged", ["--fail-on", "not_judged"], 1),
        ("fine", ["--fail-on", "not_judged"], 0),
    ],
)  # fmt: skip
def test_the_status_follows_the_stated_verdict(
    kind: str, options: list[str], status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = {"fine": sound(), "off": FAULTS["no_variance"][0], "not_judged": {}}[kind]
    path = written(tmp_path, arrays)
    assert main(["audit", str(path), "--json", *options]) == status
    assert json.loads(capsys.readouterr().out)["verdict"] == kind


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "rows.npz"], "leave out --data"),
        (["--batch-size", "8"], "leave out --batch-size"),
        (["--html", "page.html"], "leave out --html"),
    ],
)
def test_options_for_models_are_refused_for_a_file(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, sound())
    assert main(["audit", str(path), *options]) == 2
    assert message in capsys.readouterr().err


def test_missing_files_folders_and_other_endings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(OSError, match="is no file"):
        audit_file(tmp_path / "folder.pt")
    with pytest.raises(OSError, match="does not exist"):
        audit_file(tmp_path / "none.keras")
    with pytest.raises(ValueError, match="ends in"):
        audit_file("weights.txt")


class Runs:
    """An object whose loading would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="a checkpoint is read by PyTorch")
    made, path = tmp_path / "made", tmp_path / "hostile.pt"
    torch.save({"bn.running_mean": Runs(made)}, path)
    with pytest.raises(ValueError, match="would run code"):
        audit_file(path)
    path.write_bytes(pickle.dumps(Runs(made)))
    with pytest.raises(ValueError, match="is not read"):
        audit_file(path)
    torch.save(torch.nn.BatchNorm1d(4), path)
    with pytest.raises(ValueError, match=r"save model.state_dict\(\)"):
        audit_file(path)
    assert not made.exists()


def test_state_dicts_are_found_within_a_checkpoint(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="a checkpoint is read by PyTorch")
    arrays = {name: torch.from_numpy(np.asarray(array)) for name, array in sound().items()}
    path = tmp_path / "epoch.ckpt"
    torch.save({"epoch": 3, "state_dict": arrays, "ema": [arrays]}, path)
    found = audit_file(path)
    assert (found.verdict, found.layers["layer"].tolist()) == ("fine", ["state_dict.bn0", "state_dict.bn1"])
    torch.save({"bn.running_mean": torch.zeros(1).expand(10**12), "bn.running_var": torch.ones(1)}, path)
    with pytest.raises(ValueError, match="claims 1000000000000 numbers"):
        audit_file(path)


def outcome(path: Path) -> str:
    """The verdict, or that the file is refused in a sentence; any other error is the test's."""
    try:
        return audit_file(path).verdict
    except ValueError as error:
        return "refused" if str(error).startswith(f"{path} is not read: ") else str(error)


@pytest.mark.parametrize("ending", ["pt", "keras", "h5"])
def test_truncated_and_changed_archives_end_in_a_sentence(ending: str, tmp_path: Path) -> None:
    """Every byte of the end counts for an archive; changed bytes in between may leave other, still sound numbers."""
    pytest.importorskip("torch" if ending == "pt" else "h5py", reason="it reads the file")
    path = tmp_path / f"weights.{ending}"
    if ending == "pt":
        import torch

        torch.save({name: torch.from_numpy(np.asarray(array)) for name, array in sound().items()}, path)
    else:
        keras_archive(tmp_path / "weights.keras", {"layers/batch_normalization": [FOUR] * 4})
        if ending == "h5":
            path.write_bytes(zipfile.ZipFile(tmp_path / "weights.keras").read("model.weights.h5"))
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, max(1, len(whole) // 20)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not read"):
            audit_file(path)
    rng = np.random.default_rng(0)
    for _ in range(40):
        data = bytearray(whole)
        for place in rng.integers(len(data), size=8):
            data[place] = int(rng.integers(256))
        path.write_bytes(data)
        assert outcome(path) in ("fine", "off", "not_judged", "refused")


def test_an_archive_of_keras_is_judged_by_its_layers(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="a file of Keras is read by h5py")
    layer = {"class_name": "BatchNormalization", "config": {"name": "lost", "scale": True}}
    groups = {
        "layers/dense": [np.ones((3, 4), "f4"), FOUR],
        "layers/bn_one": [FOUR, FOUR, 3 * FOUR, -FOUR],
        "layers/batch_normalization_1": [3 * FOUR, 2 * FOUR],
        "layers/layer_normalization": [FOUR, FOUR],
    }
    path = keras_archive(tmp_path / "model.keras", groups, {"config": {"layers": [layer]}})
    found = audit_file(path)
    assert found.layers["layer"].tolist() == ["batch_normalization_1", "bn_one"]
    assert set(map(tuple, found.findings[["kind", "layer"]].to_numpy())) == {
        ("negative_variance", "bn_one"), ("without_statistics", "lost"),
    }  # fmt: skip


def test_an_archive_that_leads_to_other_files_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="a file of Keras is read by h5py")
    (tmp_path / "secret").write_bytes(np.ones(4, "f4").tobytes())
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = FOUR
    with h5py.File(tmp_path / "links.h5", "w") as file:
        group = file.create_group("batch_normalization/vars")
        group["0"] = FOUR
        group["1"] = h5py.ExternalLink(tmp_path / "other.h5", "x")
    with h5py.File(tmp_path / "external.h5", "w") as file:
        for k in "01":
            file.create_dataset(
                f"batch_normalization/vars/{k}", (4,), "f4", external=[(str(tmp_path / "secret"), 0, 16)]
            )
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        for k in "01":
            file.create_dataset(f"batch_normalization/vars/{k}", (10**12,), "f4", chunks=(1000,))
    for name in ("links.h5", "external.h5"):
        with pytest.raises(ValueError, match="refers to another file"):
            audit_file(tmp_path / name)
    with pytest.raises(ValueError, match="holds no statistics"):
        audit_file(tmp_path / "huge.h5")


def test_archives_that_unpack_to_much_more_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="a file of Keras is read by h5py")
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(10_000_000))
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match="unpack"):
        audit_file(path)
