"""The monitor in a real Lightning trainer."""

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install bnstats[torch]")
lightning = pytest.importorskip("lightning", reason="needs Lightning: pip install bnstats[lightning]")

from torch import nn

import bnstats as bn

pytestmark = pytest.mark.filterwarnings("ignore")


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, momentum=0.01), nn.ReLU(), nn.Linear(8, 3))

    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(callbacks, epochs=2, **options):
    rows = torch.randn(320, 6, generator=torch.Generator().manual_seed(0))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(rows, torch.arange(320) % 3), batch_size=16)
    model, path = Classifier(), options.pop("ckpt_path", None)
    trainer = lightning.Trainer(
        max_epochs=epochs, callbacks=callbacks, accelerator="cpu", enable_progress_bar=False,
        enable_model_summary=False, log_every_n_steps=1, **options,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(model, loader, ckpt_path=path)
    return model, trainer


def test_batch_size_and_steps_are_found_and_the_model_does_not_notice(tmp_path):
    callback = bn.monitor.LightningCallback(check_every=10)
    watched, trainer = fit([callback], default_root_dir=tmp_path, enable_checkpointing=False, logger=False)
    alone, _ = fit([], default_root_dir=tmp_path, enable_checkpointing=False, logger=False)
    assert all(
        torch.equal(a, b) for a, b in zip(watched.state_dict().values(), alone.state_dict().values(), strict=True)
    )
    m = callback.monitor
    assert m.events.iloc[0][["step", "code", "layer"]].tolist() == [1, "start_remains", "net.1"]
    assert "67%" in m.events["message"][0]  # of 40 steps
    assert m.table["start_weight"].tolist() == pytest.approx([0.99**40])
    assert m.table["recalibration_rows"][0] % 16 == 0
    assert trainer.callback_metrics["batch_norm/displacement/net.1"] > 0


def test_gradients_that_are_accumulated_are_not_taken_for_two_updates(tmp_path):
    callback = bn.monitor.LightningCallback()
    fit([callback], default_root_dir=tmp_path, enable_checkpointing=False, logger=False, accumulate_grad_batches=2)
    assert "67%" in callback.monitor.events["message"][0]
    assert "updated_twice" not in set(callback.monitor.events["code"])


def test_a_checkpoint_goes_on(tmp_path):
    first, second, whole = (bn.monitor.LightningCallback() for _ in range(3))
    _, trainer = fit([first], 1, default_root_dir=tmp_path, logger=False)
    trainer.save_checkpoint(tmp_path / "one.ckpt", weights_only=False)
    fit([second], 2, default_root_dir=tmp_path, logger=False, ckpt_path=tmp_path / "one.ckpt")
    fit([whole], 2, default_root_dir=tmp_path, logger=False)
    assert second.monitor.table.equals(whole.monitor.table)


def test_a_model_without_batch_norm_is_trained(tmp_path):
    callback = bn.monitor.LightningCallback()

    class Plain(Classifier):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(6, 3)

    rows = torch.utils.data.TensorDataset(torch.randn(32, 6), torch.arange(32) % 3)
    trainer = lightning.Trainer(
        max_epochs=1, callbacks=[callback], accelerator="cpu", enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tmp_path, logger=False, enable_checkpointing=False,
    )  # fmt: skip
    with pytest.warns(UserWarning, match="switched itself off"):
        trainer.fit(Plain(), torch.utils.data.DataLoader(rows, batch_size=8))
    assert trainer.global_step == 4
