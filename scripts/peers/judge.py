"""SDMetrics' judgement; runs in the judge's environment: argv is a folder with train.csv and made.csv.

Shape and trend errors of the quality report, and detection by SDMetrics' class with XGBoost's defaults as classifier,
as april-tools/tabpc measure it: 3 folds, 1 - max(0, 2 AUC - 1), all rows shown. Numbers are numerical, all else
categorical.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sdmetrics.reports.single_table import QualityReport
from sdmetrics.single_table.detection.sklearn import ScikitLearnClassifierDetectionMetric
from xgboost import XGBClassifier

warnings.filterwarnings("ignore")


class XGBoostDetection(ScikitLearnClassifierDetectionMetric):
    """SDMetrics' detection with XGBoost in place of logistic regression."""

    name = "XGBoost detection"

    @staticmethod
    def _get_classifier() -> XGBClassifier:
        return XGBClassifier()


folder = Path(sys.argv[1])
# A cell that reads "NA" or "None" is a category of some tables, and not a missing one.
real = pd.read_csv(folder / "train.csv", keep_default_na=False, na_values=[""])
made = pd.read_csv(folder / "made.csv", keep_default_na=False, na_values=[""])[list(real.columns)]
numbers = [name for name in real if real[name].dtype.kind in "if"]
for name in real:
    if name in numbers:
        made[name] = pd.to_numeric(made[name], errors="coerce").astype(float)
        real[name] = real[name].astype(float)
    else:
        made[name], real[name] = made[name].astype(object), real[name].astype(object)
        # What the real table does not have is no value.
        made[name] = made[name].where(made[name].isin(set(real[name])))
metadata = {"columns": {name: {"sdtype": "numerical" if name in numbers else "categorical"} for name in real}}
report = QualityReport()
report.generate(real, made, metadata, verbose=False)
scores = report.get_properties().set_index("Property")["Score"]
# The detection's one-hot encoder knows the real categories alone. A cell without one of these, such as the "_RARE_" of
# TabularARGN, is taken for the most frequent one, which favours who made it.
for name in set(real) - set(numbers):
    if not real[name].isna().any():
        made[name] = made[name].fillna(real[name].mode()[0])
np.random.seed(0)
result = {
    "shape_percent": 100 * (1 - scores["Column Shapes"]),
    "trend_percent": 100 * (1 - scores["Column Pair Trends"]),
    "detection": float(XGBoostDetection.compute(real, made, metadata)),
    "rows_shown": [len(real), len(made)],
}
(folder / "judge.json").write_text(json.dumps(result))
