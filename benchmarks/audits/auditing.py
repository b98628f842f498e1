"""Runs the audits of a campaign, and appends a row for each to a file."""

from __future__ import annotations

import csv
import hashlib
import sys
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import bnstats as bn
from benchmarks.audits.cases import Case, Setting
from benchmarks.audits.jobs import KINDS, Job
from benchmarks.audits.models.torch_models import tensors
from benchmarks.audits.true_gains import TrueGain, true_gain

KEY = Job._fields
COLUMNS = (
    *KEY, "expected", "also", "always", "true_gain", "true_se", "true_by", "verdict", "cause", "gain", "low", "high",
    "changed", "seconds", "said",
)  # fmt: skip


@lru_cache(maxsize=64)
def _case(kind: str, family: str, seed: int, ddof: int) -> tuple[Case, TrueGain]:
    case = KINDS[kind].make(Setting(family, seed, ddof))
    return case, true_gain(case, seed)


def row_of(job: Job) -> dict[str, Any]:
    """Return the row of one audit."""
    kind = KINDS[job.kind]
    case, true = _case(job.kind, job.family, job.seed, 1 if job.framework == "torch" else 0)
    model, given = handed_out(job, case)
    before = fingerprint(model, given)
    start = time.process_time()
    try:
        report = bn.audit(model, **given)
        row = _answer(report)
    except ValueError as error:
        row = {"verdict": "refused", "said": str(error)}
    except Exception as error:  # what comes from deep inside is counted, and fails the bounds
        row = {"verdict": "error", "said": repr(error)}
    seconds = time.process_time() - start
    row |= {"seconds": round(seconds, 2), "changed": int(fingerprint(model, given) != before)}
    row |= {"expected": kind.cause, "also": " ".join(kind.also), "always": int(kind.always)}
    return job._asdict() | {"true_gain": true.value, "true_se": true.se, "true_by": true.by} | row


def handed_out(job: Job, case: Case) -> tuple[Any, dict[str, Any]]:
    """Return the model and the arguments of its audit, in the job's framework."""
    options: dict[str, Any] = {"batches": job.batches or None, "vary": job.rows_vary, "missing": job.missing}
    loader, test = case.loader(job.seed, **options), case.test(job.seed, **options)
    if job.framework == "torch":
        pack = case.pack or tensors
        model, live = case.handed_out(), None if case.live is None else case.built(case.live)
    else:
        from benchmarks.audits.models.frameworks import built
        from benchmarks.audits.models.frameworks import packed as pack

        model = built(job.framework, case.parts, case.state)
        live = None if case.live is None else built(job.framework, case.parts, case.live)
    given: dict[str, Any] = {"loader": [pack(batch) for batch in loader]} | case.options
    if test is not None:
        given["test"] = [pack(batch) for batch in test]
    if live is not None:
        given["live"] = live
    return model, given


def _answer(report: Any) -> dict[str, Any]:
    gains = report.scores[report.scores["statistics"] != "running"].head(4)
    best = gains.loc[gains["gain"].idxmax()] if gains["gain"].notna().any() else {}
    ends = {name: best.get(key, np.nan) for name, key in (("gain", "gain"), ("low", "gain_low"), ("high", "gain_high"))}
    said = report.reason.split(". ")[0][:160]
    return {"verdict": report.verdict, "cause": report.cause, "said": said} | ends


def fingerprint(model: Any, given: dict[str, Any]) -> str:
    """Return a digest of a model's weights, statistics and modes, and of all batches."""
    digest = hashlib.sha256()
    if hasattr(model, "state_dict"):
        for name, value in model.state_dict().items():
            digest.update(name.encode() + np.ascontiguousarray(value.detach().numpy()).tobytes())
        digest.update(bytes(module.training for module in model.modules()))
    else:
        for weight in getattr(model, "weights", []):
            value = sys.modules["keras"].ops.convert_to_numpy(weight.value)
            digest.update(np.ascontiguousarray(value).tobytes())
    for batch in (*given["loader"], *given.get("test", ())):
        for part in batch.values() if hasattr(batch, "values") else batch:
            digest.update(np.ascontiguousarray(np.asarray(part)).tobytes())
    return digest.hexdigest()


def run(jobs: Iterable[Job], to: Path) -> None:
    """Append the rows of all jobs that the file does not hold yet."""
    to.parent.mkdir(parents=True, exist_ok=True)
    done = set()
    if to.exists():
        with to.open(newline="") as file:
            done = {tuple(row[name] for name in KEY) for row in csv.DictReader(file)}
    else:
        to.write_text(",".join(COLUMNS) + "\n")
    for job in jobs:
        if tuple(map(str, job)) not in done:
            row = {name: _short(value) for name, value in row_of(job).items()}
            with to.open("a", newline="") as file:
                csv.DictWriter(file, COLUMNS, restval="").writerow(row)


def _short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else value
