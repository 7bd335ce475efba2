"""The charts as a picture."""

from pathlib import Path

import pytest
from matplotlib.image import imread

from ame.federation.results.drawing import plot
from ame.federation.results.drawing.charts import Chart


@pytest.mark.parametrize("charts", [2, 4, 5])
def test_where_there_is_no_chart_the_picture_is_empty(tmp_path: Path, charts: int) -> None:
    line = ((0, 1.0), (1, 2.0))
    made = [Chart(name=f"metric {n}", whole=line, sites={}) for n in range(charts)]

    plot.draw("a job", made, tmp_path / "metrics.png")

    picture = imread(tmp_path / "metrics.png")
    height, width = picture.shape[:2]
    corner = picture[height * 2 // 3 :, width * 3 // 4 :, :3]
    assert bool((corner == 1).all()) == (charts > 3)
