"""The function `audit`: a model and a loader in, a report out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from bnstats._checks.numbers import number, whole
from bnstats._checks.values import flag, function, shown
from bnstats.audit import kinds
from bnstats.audit.adapted import adaptation_table, adaptations_of
from bnstats.audit.batches import Draws, check_loader, count_rows, joined, labels_of, rows_of, taken
from bnstats.audit.bench import Bench
from bnstats.audit.case import Case, Options
from bnstats.audit.causes import find
from bnstats.audit.layers import Statistics
from bnstats.audit.models import device_of, unwrapped
from bnstats.audit.null import compare
from bnstats.audit.report import FEWEST, Audit, Finding
from bnstats.audit.scores import EFFECT, Scorer, class_scorer, is_classification, own_scorer
from bnstats.audit.tables import channel_table, depth_trend, layer_table, score_tables
from bnstats.audit.untouched import untouched
from bnstats.audit.watch import OneValueError, Runner, Watched

if TYPE_CHECKING:
    import torch
    from torch import nn


def audit(
    model: nn.Module,
    loader: Iterable[Any],
    *,
    test: Iterable[Any] | None = None,
    score: Callable[[Any, Any], Any] | None = None,
    forward: Callable[[nn.Module, Any], Any] | None = None,
    batches: int = 100,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: bool | None = None,
    effect: float = EFFECT,
    steps: int | None = None,
    class_shares: Mapping[int, float] | None = None,
    adaptations: Any = None,
) -> Audit:
    """Which batch-norm statistics of a trained model are off by more than chance, why, what it costs, and what to do.

    The model is left exactly as it was, and so is all random state.

    Parameters
    ----------
    model : Module
        Wrapped and compiled ones, too.
    loader : iterable of batches
        Training batches, drawn as training draws them: (x, y), a dict, or a tensor, rows first. It is read several
        times.
    test : iterable of batches, optional
        Rows whose score is to be explained, all of which are held in memory; by default half of the loader's.
    score : callable (output, batch) -> a number per row, larger is better
        By default the log likelihood of integer labels, logits given. Without labels, cost is how far outputs are from
        those in training mode.
    forward : callable (model, batch) -> output
        By default the model is called with the first part of a pair, or with the entries of a dict that are no labels.
    batches : int
        At least 50: how many full batches are drawn. It bounds what is held in memory, however many batches the loader
        has: those of the first epoch, as mends are tried on their rows, and of each layer a mean and a variance per
        channel and batch (16 bytes), as p-values resample the batches.
    device : str or torch.device
        By default that of the model.
    seed : int
    progress : bool, optional
        A progress bar; by default on a terminal.
    effect : float
        Smallest gain that is worth a finding, in the score's unit (nats, for classes).
    steps : int, optional
        Optimisation steps made, which show whether statistics were updated twice in each.
    class_shares : dict of int to float, optional
        Classes' shares at test time; by default those of the test rows, without which they are not used.
    adaptations : names or adaptations, optional
        Of `bn.adaptation`, such as "mixed", to be scored, too, on test batches of 1 to 128 rows.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        For a model without batch norm, a loader that can be read only once, or batches that do not fit the defaults.

    Examples
    --------
    >>> import torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 3))
    >>> report = audit(model, [torch.randn(32, 4) for _ in range(60)])
    >>> report.findings[0].cause, report.findings[0].mend
    ('never_updated', 'bn.recalibrate(model, loader, kind="population")')

    Notes
    -----
    A standard error takes batches as independent. Over shuffled epochs running statistics vary less than that (at a
    momentum of 0.01, by a factor of five), so that z is conservative; `rms_z_epoch` has the variance of a finite epoch.
    """
    options = Options(
        test=test,
        score=None if score is None else function("score", score, "lambda output, batch: one number per row"),
        effect=number("effect", effect, "[0, inf)"),
        steps=None if steps is None else whole("steps", steps, minimum=1),
        shares=None if class_shares is None else _shares(class_shares),
        seed=whole("seed", seed, minimum=0),
        adaptations=() if adaptations is None else adaptations_of(adaptations),
    )
    if forward is not None:
        function("forward", forward, "lambda model, batch: model(batch)")
    count, show = (
        whole("batches", batches, minimum=FEWEST),
        progress if progress is None else flag("progress", progress),
    )
    check_loader("loader", loader)
    if test is not None:
        check_loader("test", test)
    core = unwrapped(model)
    found = {id(module): module.training for module in core.modules()}
    with untouched(core, [loader, test], options.seed):
        draws = Draws("loader", loader, count, options.seed)
        runner = Runner(core, forward, draws.first, device_of(core, device))
        if not runner.layers:
            raise ValueError(
                f"an audit needs batch-norm layers; a forward pass of this model calls none (it has "
                f"{len(runner.never_called)}): give the model that has them."
            )
        with tqdm(total=count, unit="batch", disable=None if show is None else not show, leave=False) as bar:
            return _audit(runner, Reading(draws, bar), found, options)


def _shares(given: Mapping[int, float]) -> dict[int, float]:
    """Classes' shares, which add up to 1."""
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"class_shares is a dict of each class's share, as in {{0: 0.9, 1: 0.1}}; got {shown(given)}.")
    shares = {whole("each class", k, 0): number("each share", v, "[0, inf)") for k, v in given.items()}
    if sum(shares.values()) == 0:
        raise ValueError("class_shares are all 0; give the share of each class at test time.")
    return {k: share / sum(shares.values()) for k, share in shares.items()}


def _audit(runner: Runner, reading: Reading, found: dict[int, bool], options: Options) -> Audit:
    """The report, once arguments are checked and the model may be run."""
    frozen, mixed = frozen_layers(runner, found)
    draws, seed = reading.draws, options.seed
    try:
        watched = runner.watch(reading, training=True, frozen=frozen)
    except OneValueError as error:
        return _one_value(runner, str(error), draws.size)
    made, held = reading.halves(seed)
    scorer = _scorer(options.score, runner.evaluate([draws.first])[0], draws.first)
    test = None if options.test is None else rows_of("test", options.test)
    case = Case(
        runner=runner,
        full=Full(draws),
        kept=reading.kept,
        made=made,
        held=held,
        batch_size=draws.size,
        short=reading.short,
        per_epoch=reading.per_epoch,
        frozen=frozen,
        mixed=mixed,
        watched=watched,
        compared={x.name: c for x in runner.layers if (c := compare(x, watched[x.name], seed)) is not None},
        kinds=_kinds(runner, made, watched, reading, seed),
        loader_bench=Bench(runner, held, draws.size, scorer, frozen, seed),
        test_bench=None if test is None else Bench(runner, test, draws.size, scorer, frozen, seed),
        test=test,
        options=options,
    )
    scores, gap = score_tables(case)
    findings, trend = find(case), depth_trend(case)
    adapted = adaptation_table(case, options.adaptations)
    return Audit(
        layer_table(case), channel_table(case), scores, gap, findings, trend, tuple(runner.never_called), adapted
    )


def frozen_layers(runner: Runner, found: dict[int, bool]) -> tuple[set[str], bool]:
    """Layers that do not normalize by the batch in training, and whether others do.

    Those that were found in evaluation mode while others were found training, those that the model's own `train` leaves
    in evaluation mode, and those that always use running statistics.
    """
    modes = {layer.name: found[id(layer.module)] for layer in runner.layers}
    runner.train(())
    frozen = {layer.name for layer in runner.layers if not layer.normalizes or not layer.module.training}
    if len(set(modes.values())) > 1:
        frozen |= {name for name, training in modes.items() if not training}
    return frozen, 0 < len(frozen) < len(runner.layers)


class Full:
    """The full batches of draws."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws

    def __iter__(self) -> Iterator[Any]:
        return (batch for _, batch in self._draws if count_rows(batch) == self._draws.size)


class Reading:
    """Reads draws once, hands on full batches and keeps what the first epoch holds."""

    def __init__(self, draws: Draws, bar: Any) -> None:
        self.draws, self._bar = draws, bar
        self.kept: list[Any] = []
        self.others: list[Any] = []
        self.short = 0
        self.per_epoch: int | None = None

    def __iter__(self) -> Iterator[Any]:
        for count, (epoch, batch) in enumerate(self.draws):
            rows = count_rows(batch)
            if epoch > 0 and self.per_epoch is None:
                self.per_epoch = count
            if epoch == 0 and rows == self.draws.size:
                self.kept.append(batch)
            elif epoch == 0:
                self.others.append(batch)
                self.short = rows
            if rows == self.draws.size:
                self._bar.update()
                yield batch

    def halves(self, seed: int) -> tuple[Any, Any]:
        """Rows of every other batch, to make statistics from, and all other rows, to try them on."""
        if len(self.kept) >= 4:
            return joined(self.kept[::2]), joined([*self.kept[1::2], *self.others])
        rows = joined([*self.kept, *self.others])
        parts = np.array_split(np.random.default_rng(seed).permutation(count_rows(rows)), 2)
        return taken(rows, parts[0]), taken(rows, parts[1])

    def made_from(self) -> list[int]:
        """Which of the watched batches the first half consists of; all, where rows had to be split."""
        return list(range(0, len(self.kept), 2)) if len(self.kept) >= 4 else list(range(10**6))


def _scorer(score: Any, output: Any, batch: Any) -> Scorer | None:
    if score is not None:
        return own_scorer(score)
    if is_classification(output, batch):
        return class_scorer()
    if labels_of(batch) is not None:
        raise ValueError(
            "labels are not classes for the model's output (integers for logits with rows and classes); give "
            "score=lambda output, batch: a number per row, larger is better."
        )
    return None


def _kinds(
    runner: Runner, made: Any, watched: Mapping[str, Watched], reading: Reading, seed: int
) -> dict[str, dict[str, Statistics]]:
    """Statistics to put in place of the running ones, of the rows that mends are made from."""
    layers = [layer for layer in runner.layers if layer.running is not None]
    chosen = {layer.name: watched[layer.name].of(reading.made_from()) for layer in layers}
    names = {layer.name for layer in layers}
    whole_set = kinds.population(runner, made, reading.draws.size, seed)
    return {
        "population": {name: s for name, s in whole_set.items() if name in names},
        "precise": kinds.precise(chosen),
        "averaged": kinds.averaged(layers, chosen),
        "biased": kinds.biased(layers, watched),
        "debiased": kinds.debiased(layers),
    }


def _one_value(runner: Runner, name: str, size: int) -> Audit:
    """The report on batches in which a channel has a single value."""
    import pandas as pd

    text = f"batches of {size} row(s) leave one value per channel in layer {name}, without a variance: training fails."
    finding = Finding("short_batch", (name,), text, {"rows": size}, np.nan, "larger batches, or group norm.")
    layers = pd.DataFrame({"layer": [layer.name for layer in runner.layers]})
    return Audit(layers, pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), [finding], {})
