"""The real tables that tests read where they are at hand: folder -> file."""

from __future__ import annotations

TABLES = {
    "adult": "adult_train.csv.gz",
    "bank_marketing_full": "bank_full.csv.gz",
    "california_housing": "housing.csv.gz",
    "hillstrom_email_64k": "hillstrom.csv.gz",
    "magic_gamma": "magic_gamma.csv.gz",
    "online_shoppers": "online_shoppers_intention.csv.gz",
}
