"""Measures the models on the images that were held out, and draws where the better one errs."""

import json
import os
from pathlib import Path

import joblib
import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

data = np.load("data/digits.npz")
images, labels = data["test_images"], data["test_labels"]
results = Path("results")
results.mkdir(exist_ok=True)

scores = {}
for file in sorted(Path("models").glob("*.joblib")):
    scores[file.stem] = joblib.load(file).score(images, labels)
    # Any program can report: a line of JSON, appended to the file that AME_REPORT names.
    with open(os.environ["AME_REPORT"], "a") as report:
        entry = {"metric": f"{file.stem}_accuracy", "value": scores[file.stem]}
        report.write(json.dumps(entry) + "\n")

best = max(scores, key=scores.get)
ConfusionMatrixDisplay.from_estimator(
    joblib.load(f"models/{best}.joblib"), images, labels, colorbar=False
)
plt.title(f"{best}: {scores[best]:.1%} of {len(labels)} held-out digits are right")
plt.savefig(results / "confusion.png", dpi=120, bbox_inches="tight")
(results / "best.joblib").write_bytes(Path(f"models/{best}.joblib").read_bytes())

lines = [f"{name:12} {score:.4f}" for name, score in sorted(scores.items())]
(results / "scores.txt").write_text("\n".join(["model        held-out accuracy", *lines]) + "\n")
