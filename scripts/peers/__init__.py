"""Peers of this package, each run in an environment of its own, and the one judge of them all.

catalogue      which peers, what to install for each, and the published figures
environments   makes a virtual environment per package
programs/      what runs inside them: one file per package, argv is a folder with train.csv and task.json
running        one fit and sample under a time limit, with its memory
judging        the metrics of `eval` (utility, all targets, mutual information, distance to the closest record)
judge          SDMetrics' shape, trend and XGBoost detection, in an environment of its own
drawing        terminal and Markdown tables
"""
