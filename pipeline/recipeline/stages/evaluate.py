"""Evaluate: the best epoch on the test part, every row counted once."""

from __future__ import annotations

from recipeline.network import answers, for_answers
from recipeline.stages.fit import together
from recipeline.stages.job import Job
from recipeline.tracking import record
from recipeline.training.archive import digest
from recipeline.training.datamodule import evaluation_batch
from recipeline.training.trainer import checkpoints_of


def run(job: Job) -> None:
    """Load the best weights, measure `test/*`, and keep the predictions for the reports."""
    trainer, module = job.trainer, job.module
    assert trainer is not None
    assert module is not None
    best = checkpoints_of(trainer).best_model_path
    weights = trainer.strategy.checkpoint_io.load_checkpoint(best)["state_dict"]
    module.load_state_dict(weights)
    if job.run is not None:
        job.weights_sha256 = digest(dict(weights))
        job.run.set_tags({record.WEIGHTS_TAG: job.weights_sha256})
    if "test" in job.data.parts:
        with together(job):
            trainer.test(module, datamodule=job.datamodule, verbose=False)
        measured = trainer.callback_metrics
        job.metrics |= {name: float(value) for name, value in measured.items() if name.startswith("test/")}
    assert job.datamodule is not None
    job.datamodule.close()
    job.judged = next(part for part in ("test", "validation", "train") if part in job.data.parts)
    module.to("cpu")
    job.prediction = answers(
        for_answers(module.network, job.data.pipeline.inputs, job.data.target),
        job.data.parts[job.judged].blocks,
        job.data.pipeline,
        job.data.target,
        evaluation_batch(job.recipe),
        job.recipe.loss,
    )
