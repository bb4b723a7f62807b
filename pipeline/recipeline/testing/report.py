"""What a report promises: files in its folder and nowhere else."""

from __future__ import annotations

import tempfile
from contextlib import chdir
from pathlib import Path

from recipeline.families.report import Report
from recipeline.families.spec import Results, TargetSpec
from recipeline.testing.examples import ROWS, predicted, targets_for, truth_for
from recipeline.testing.promises import holds, promised


def check_report(report: Report) -> None:
    """Check a report on a finished run of every task that it is for, and on one with nothing to show."""
    for target in targets_for(report):
        where = f" ({target.task}, {target.outputs} outputs)"
        with tempfile.TemporaryDirectory() as name:
            root = Path(name).resolve()
            folder, elsewhere = root / "reports", root / "elsewhere"
            folder.mkdir()
            elsewhere.mkdir()
            with chdir(elsewhere):
                with promised(report, f"writes{where}"):
                    paths = report.write(_results(target), folder)
                with promised(report, f"writes, or has nothing to show, for a run without test rows{where}"):
                    report.write(Results(target, {}, {}), folder)
            missing = [str(path) for path in paths if not Path(path).is_file()]
            holds(not missing, report, f"returns the paths of files that it has written{where}", ", ".join(missing))
            astray = [path for path in paths if folder not in Path(path).resolve().parents]
            astray += [path for path in root.rglob("*") if path.is_file() and folder not in path.parents]
            holds(not astray, report, f"writes into the folder it is given and nowhere else{where}", str(astray))
            empty = [str(path) for path in paths if Path(path).stat().st_size == 0]
            holds(not empty, report, f"writes files with something in them{where}", ", ".join(empty))


def _results(target: TargetSpec) -> Results:
    """A finished run of five epochs with predictions that are mostly right."""
    truth = truth_for(target, ROWS, 1)
    prediction = predicted(truth, target)
    prediction[::5] = predicted(truth_for(target, ROWS, 2), target)[::5]
    if target.task == "binary":
        import torch

        prediction = torch.stack([1 - prediction, prediction], dim=1)
    history = {
        name: [(epoch, 1 / epoch) for epoch in range(1, 6)] for name in ("train/loss", "val/loss", "lr", "grad_norm")
    }
    return Results(target, history, {"test/loss": 0.2}, truth.numpy(), prediction.numpy())
