"""The audit of a weights file: what its running statistics show without any data."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bnstats._checks.safe_text import raised
from bnstats._checks.terminal import escaped
from bnstats.audit.core.judging.findings import Verdict
from bnstats.audit.files import checkpoint, keras_archive, safetensors
from bnstats.audit.files.findings import KINDS, findings
from bnstats.audit.files.stored_layers import FileContents, StoredLayer

READERS: dict[str, Callable[[Path], FileContents]] = {
    ".safetensors": safetensors.read,
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), checkpoint.read),
    **dict.fromkeys((".keras", ".h5"), keras_archive.read),
}

NEEDED = {
    "torch": "a PyTorch checkpoint is read by PyTorch: pip install 'bnstats[torch]'.",
    "h5py": "a file of Keras is read by h5py: pip install 'bnstats[keras]'.",
}
"""Package to install where a library is missing."""


@dataclass(frozen=True, eq=False)
class FileAudit:
    """Running statistics of a weights file, judged without data.

    Attributes
    ----------
    path : str
        The file.
    verdict : str
        "off" if the file alone shows that statistics are wrong. "not_judged" if it holds no running statistics, or
        some that may be unused. "fine" if it shows no fault: whether statistics fit the weights, only data can tell.
    layers : DataFrame
        One row per layer: layer, channels, updates, at_start, smallest_var, largest_var.
    findings : DataFrame
        One row per fault or note: kind, verdict, layer, channels.
    """

    path: str
    verdict: Verdict
    layers: pd.DataFrame
    findings: pd.DataFrame

    @property
    def table(self) -> pd.DataFrame:
        """The table of layers."""
        return self.layers

    def summary(self) -> str:
        """Return the verdict and every kind of finding in plain sentences."""
        return "\n".join([_headline(self), *_sentences(self.findings)])

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result as numbers, texts and lists, which JSON can hold."""
        tables = {name: getattr(self, name).to_json(orient="records") for name in ("layers", "findings")}
        return {"path": self.path, "verdict": self.verdict} | {name: json.loads(text) for name, text in tables.items()}

    def __repr__(self) -> str:
        return f"FileAudit({self.path!r}, verdict={self.verdict!r}, layers={len(self.layers)})"


def audit_file(path: str | os.PathLike[str]) -> FileAudit:
    """Judge the running statistics of a weights file, without data and without running any code of the file.

    Parameters
    ----------
    path : path
        A file of safetensors, a checkpoint of PyTorch (.pt, .pth, .bin, .ckpt), or weights of Keras 3 (.keras, .h5).

    Returns
    -------
    FileAudit
        Verdict, layers and findings.

    Raises
    ------
    ValueError
        If the ending is another one, or if the file is damaged or would run code.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> audit_file("notes.txt")
    Traceback (most recent call last):
        ...
    ValueError: a weights file ends in .safetensors, .pt, .pth, .bin, .ckpt, .keras or .h5; got notes.txt.
    """
    path = Path(path)
    if path.suffix not in READERS:
        *most, last = READERS
        raise ValueError(f"a weights file ends in {', '.join(most)} or {last}; got {path}.")
    if not path.is_file():
        raise OSError(f"{path} is no file." if path.exists() else f"{path} does not exist.")
    try:
        contents = READERS[path.suffix](path)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(NEEDED.get(str(error.name), str(error)), name=error.name) from error
    except Exception as error:  # libraries raise errors of many kinds for damaged files
        why = escaped(str(error)) if type(error) is ValueError else raised(error)
        raise ValueError(f"{path} is not read: {why[:300].rstrip('.')}.") from None
    return _judged(str(path), contents)


def _judged(path: str, contents: FileContents) -> FileAudit:
    found = pd.DataFrame(findings(contents.layers, contents.without), columns=["kind", "layer", "channels"])
    found.insert(1, "verdict", [KINDS[kind][0] for kind in found["kind"]])
    layers = pd.DataFrame([_row(layer) for layer in contents.layers], columns=[*_row(StoredLayer(""))])
    verdicts = {*found["verdict"]} | ({"not_judged"} if layers.empty else {"fine"})
    verdict: Verdict = "off" if "off" in verdicts else "not_judged" if "not_judged" in verdicts else "fine"
    return FileAudit(path, verdict, layers, found)


def _row(layer: StoredLayer) -> dict[str, Any]:
    mean, var = layer.mean, layer.var
    some = var is not None and var.size > 0
    return {
        "layer": layer.name,
        "channels": None if mean is None else mean.size,
        "updates": layer.updates,
        "at_start": bool(mean is not None and var is not None and (mean == 0).all() and (var == 1).all()),
        "smallest_var": var.min() if var is not None and some else None,
        "largest_var": var.max() if var is not None and some else None,
    }


def _headline(audit: FileAudit) -> str:
    name, layers = escaped(audit.path), f"{len(audit.layers)} batch-norm layer{'s'[: len(audit.layers) != 1]}"
    if audit.verdict == "off":
        return f"Off: {name} holds running statistics that are wrong ({layers})."
    if audit.verdict == "fine":
        return (
            f"Fine, as far as a file can show: {name} holds no impossible and no start values ({layers}). Whether the "
            "statistics fit the weights, only data can tell: bn.audit(model, loader)."
        )
    if audit.layers.empty:
        return f"Not judged: {name} holds no running statistics of batch norm."
    return f"Not judged: {name} leaves open whether running statistics are missing ({layers})."


def _sentences(found: pd.DataFrame) -> list[str]:
    """Return a sentence for each kind of finding, those of the worst verdict first."""
    told = []
    for kind, (_, text) in KINDS.items():
        layers = found.loc[found["kind"] == kind, "layer"]
        if len(layers):
            names = ", ".join(map(escaped, layers[:5])) + (", ..." if len(layers) > 5 else "")
            told.append(f"- {text[0].upper()}{text[1:]} ({len(layers)} layer{'s'[: len(layers) != 1]}: {names}).")
    return told
