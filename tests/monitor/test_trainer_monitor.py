"""The monitor in a real Trainer of transformers, and in a loop of Accelerate."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install bnstats[torch]")
transformers = pytest.importorskip("transformers", reason="needs transformers: pip install bnstats[transformers]")
accelerate = pytest.importorskip("accelerate", reason="needs Accelerate: pip install bnstats[transformers]")

from torch import nn

import bnstats as bn

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = torch.randn(320, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def without_datasets(monkeypatch):
    """The folder tests/datasets looks like the package datasets, which is not needed."""
    monkeypatch.setattr("transformers.trainer.is_datasets_available", lambda: False)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8, momentum=0.01), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, x, labels):
        scores = self.net(x)
        return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}


def train(path, callbacks, resume=None, **options):
    arguments = transformers.TrainingArguments(
        output_dir=str(path), per_device_train_batch_size=16, report_to="none", use_cpu=True, disable_tqdm=True,
        logging_steps=10, **({"num_train_epochs": 2, "save_strategy": "no"} | options),
    )  # fmt: skip
    data = [{"x": row, "labels": i % 3} for i, row in enumerate(ROWS)]
    trainer = transformers.Trainer(Classifier(), arguments, train_dataset=data, callbacks=callbacks)
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def test_batch_size_and_steps_are_found_and_logged(tmp_path):
    callback = bn.monitor.TrainerCallback()
    trainer = train(tmp_path, [callback])
    m = callback.monitor
    assert m.events.iloc[0][["step", "code", "layer"]].tolist() == [1, "start_remains", "net.1"]
    assert "67%" in m.events["message"][0]
    assert m.table["start_weight"].tolist() == pytest.approx([0.99**40])
    assert trainer.state.log_history[1]["batch_norm/displacement/net.1"] > 0
    alone = train(tmp_path, [])
    pairs = zip(trainer.model.state_dict().values(), alone.model.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_gradients_that_are_accumulated_are_batches(tmp_path):
    callback = bn.monitor.TrainerCallback()
    train(tmp_path, [callback], gradient_accumulation_steps=2)
    assert callback.monitor.table["start_weight"].tolist() == pytest.approx([0.99**40])
    assert "67%" in callback.monitor.events["message"][0]
    assert "updated_twice" not in set(callback.monitor.events["code"])


def test_loggers_behind_it_get_the_displacement(tmp_path):
    logged = []

    class Logger(transformers.TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            logged.append(logs)

    train(tmp_path, [bn.monitor.TrainerCallback(), Logger()], num_train_epochs=1)
    assert any("batch_norm/displacement" in logs for logs in logged)


def test_a_checkpoint_goes_on(tmp_path):
    options = {"save_strategy": "steps", "save_steps": 20, "restore_callback_states_from_checkpoint": True}
    whole = bn.monitor.TrainerCallback()
    trainer = train(tmp_path, [whole], **options)
    resumed = train(tmp_path, [bn.monitor.TrainerCallback()], str(tmp_path / "checkpoint-20"), **options)
    (found,) = [c for c in resumed.callback_handler.callbacks if isinstance(c, bn.monitor.TrainerCallback)]
    assert found.monitor.table.drop(columns="recalibration_rows").equals(
        whole.monitor.table.drop(columns="recalibration_rows")
    ), trainer
    assert found.monitor._engine.step == 40


def test_a_loop_of_accelerate_is_watched():
    accelerator, model = accelerate.Accelerator(cpu=True), Classifier()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    model, optimizer = accelerator.prepare(model, optimizer)
    m = bn.BatchNormMonitor(batch_size=16).watch(model)
    for i in range(20):
        loss = model(ROWS[16 * i : 16 * i + 16], torch.arange(16) % 3)["loss"]
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        m.step()
    assert m.table["layer"].tolist() == ["net.1"]
    assert m.table["start_weight"].tolist() == pytest.approx([0.99**20])
