"""Text files as programs export them: what is above, below and around the table, and how it is written."""

from __future__ import annotations

import dataclasses
import gzip

import pandas as pd
import pytest

from tabular import TableError, TableWriter, UsageError
from tabular.io.file_form import FileForm, ReadOptions
from tabular.io.reading import read_file

HEADER, ROWS = (
    "name,city,n,cost\n",
    "".join(f"row {i},{'Bern' if i % 3 else 'Chur'},{i * 7},{i}.50\n" for i in range(1, 30)),
)
TABLE = HEADER + ROWS
ADS = 'Campaign report\n"March 1, 2024 - March 31, 2024"\n'
GA = "# ----------------\n# All Users\n# 20240301-20240331\n# ----------------\n\n"
QUOTED = "".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in TABLE.split("\n")[:-1])


@pytest.fixture
def read(tmp_path):
    def read(content: str | bytes, name: str = "a.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_file(path, ReadOptions(**options))

    return read


@pytest.fixture
def expected(read):
    return read(TABLE, "expected.csv").table


FORMS = {
    "plain": TABLE,
    "titles of Google Ads": ADS + TABLE,
    "an unquoted date range": "Report\nMarch 1, 2024 - March 31, 2024\n" + TABLE,
    "a block of comments": GA + TABLE,
    "titles padded with delimiters": "Cost report,,,\n,,,\n" + TABLE,
    "blank lines": "\n\n" + TABLE.replace("row 9,", "\nrow 9,"),
    "a line for Excel": "sep=,\n" + TABLE,
    "a line for Excel that says which": "sep=;\r\n" + TABLE.replace(",", ";").replace("\n", "\r\n"),
    "a line for Excel in quotes": '"sep=|"\n' + TABLE.replace(",", "|"),
    "semicolons": TABLE.replace(",", ";"),
    "tabs": TABLE.replace(",", "\t"),
    "pipes below titles": ADS + TABLE.replace(",", "|"),
    "all in quotes": QUOTED,
    "carriage returns": TABLE.replace("\n", "\r\n"),
    "titles and carriage returns": (ADS + TABLE).replace("\n", "\r\n"),
    "a mark of UTF-8": "\ufeff" + TABLE,
    "a mark and titles": "\ufeff" + ADS + TABLE,
    "UTF-16": (ADS + TABLE).replace(",", "\t").encode("utf-16"),
    "UTF-16 without a mark": TABLE.encode("utf-16-le"),
    "UTF-16 of the other order": b"\xfe\xff" + TABLE.encode("utf-16-be"),
    "a total": TABLE + "Total,,3045,449.50\n",
    "a total that says account": TABLE + 'Total: Account, --,"9,999,999",99999.00\n',
    "several totals": TABLE + "Total: Search,,3045,449.50\nTotal: Account,,99999,99999.50\n",
    "a sum in German": TABLE + "Summe,,3045,449.50\n",
    "a short total": TABLE + "Grand total,3045\n",
    "a total on top": HEADER + "Total,,3045,449.50\n" + ROWS,
    "a grand total of Analytics": HEADER + ",Grand total,3045,449.50\n" + ROWS,
    "a source below": TABLE + "\nSource: the office\n",
    "a note below": TABLE + "* estimated figures\n",
    "another table below": TABLE + "\nDay,Users\n" + "".join(f"{day},{day}\n" for day in range(40)),
    "an empty column": "".join(line + ",\n" for line in TABLE.split("\n")[:-1]),
    "no last line break": TABLE[:-1],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_table(read, expected, form):
    found = read(FORMS[form])
    pd.testing.assert_frame_equal(found.table, expected)


@pytest.mark.parametrize("form", ["titles of Google Ads", "UTF-16", "a total", "a source below", "an empty column"])
def test_what_was_left_out_or_guessed_is_said(read, form):
    assert read(FORMS[form]).notes


def test_plain_files_are_passed_over_in_silence(read):
    for form in ("plain", "semicolons", "all in quotes", "a mark of UTF-8", "carriage returns"):
        assert read(FORMS[form]).notes == ()


def test_a_compressed_export_is_read_alike(read, expected):
    pd.testing.assert_frame_equal(read(gzip.compress((ADS + TABLE).encode()), "a.csv.gz").table, expected)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
def test_western_text_is_decoded_and_told_of(read, encoding):
    cities = "ville,n\n" + "".join(f"Gen\u00e8ve {n},{n}\n" for n in range(20))
    found = read(cities.encode(encoding))
    assert found.table["ville"][3] == "Gen\u00e8ve 3"
    assert "Windows-1252" in found.notes[0]


def test_a_byte_that_is_no_utf8_far_down_is_found_too(read):
    content = b"a,b\n" + b"x,1\n" * 40_000 + "\u00e9,2\n".encode("latin-1")
    assert read(content).table["a"].iloc[-1] == "\u00e9"


def test_options_say_what_is_not_guessed(read, expected):
    cyrillic = "\u0433\u043e\u0434,n\n\u041c\u0430\u0439,1\n\u0418\u044e\u043d\u044c,2\n"
    assert read(cyrillic.encode("cp1251"), encoding="cp1251").table.iloc[1, 0] == "\u0418\u044e\u043d\u044c"
    pd.testing.assert_frame_equal(read("a,b,c,d\n1,2,3,4\n" + TABLE, skip_rows=2).table, expected)
    pd.testing.assert_frame_equal(read(TABLE.replace("row 5,", "//off,,,\nrow 5,"), comment="//").table, expected)
    found = read("a,b\n-999,x\n3,n.v.\n", nulls=("-999", "n.v.")).table
    assert found.isna().to_numpy().tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"encoding": "klingon"}, "no encoding"),
        ({"format": "doc"}, "no format"),
        ({"comment": ""}, "comment"),
        ({"delimiter": "::"}, "one character"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(read, options, word):
    with pytest.raises(UsageError, match=word):
        read(TABLE, **options)


def test_an_index_without_a_name_and_names_said_twice_are_kept_and_written_back(read, tmp_path):
    found = read(",a,a\n0,1,x\n1,2,y\n2,3,z\n")
    assert list(found.table.columns) == ["index", "a", "a.1"]
    assert len(found.notes) == 2
    with TableWriter(tmp_path / "b.csv", form=found.form) as writer:
        writer.write(found.table)
    assert (tmp_path / "b.csv").read_text() == ",a,a\n0,1,x\n1,2,y\n2,3,z\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("name,age,city\nAnn,3\nBob,4\n", 2),
        ("text\nhello, world\nfoo, bar\n", 2),
        ("a,b,c\n1,2,3\n4,5\n6,7,8\n", 3),
        ("a,b\n1,2\n3,4,5\n", 3),
    ],
)
def test_rows_that_do_not_fit_their_header_are_no_titles_and_no_notes(read, content, line):
    with pytest.raises(TableError, match=f"line {line} has"):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        "sex,n\nmale,1\nfemale,2\ntotal,3\nmale,4\nfemale,5\ntotal,9\n",  # a category
        "brand,sold\nTotal Wine,3\nAldi,9\nLidl,7\nTotalEnergies,4\n",  # names
        "country,1960,1961\nA,1,2\nB,3,4\n",  # years as names
        "a,b\nx,\ny,\n",
        "name,n,m\n" + "".join(f"a{n},{n},{n}\n" for n in range(1, 8)) + ",28,29\n",  # one number is no sum
        "name,n,kind\n" + "".join(f"a{n},{n},x\n" for n in range(1, 8)) + ",28,x\n",  # it says something else
    ],
)
def test_what_only_looks_like_a_total_or_a_title_stays(read, content):
    found = read(content)
    assert len(found.table) == content.count("\n") - 1
    assert found.notes == ()


BACK = [
    "plain",
    "semicolons",
    "tabs",
    "all in quotes",
    "carriage returns",
    "a mark of UTF-8",
    "UTF-16 of the other order",
]


@pytest.mark.parametrize("form", BACK)
def test_a_file_is_written_as_it_was(read, tmp_path, form):
    content = FORMS[form] if isinstance(FORMS[form], bytes) else FORMS[form].encode()
    found = read(content)
    assert FileForm.from_dict(found.form.to_dict()) == found.form
    text = read_file(tmp_path / "a.csv", as_text=True).table
    with TableWriter(tmp_path / "b.csv", form=found.form) as writer:
        writer.write(text[:9])
        writer.write(text[9:])
    assert (tmp_path / "b.csv").read_bytes() == content


def test_strings_in_quotes_beside_bare_numbers_come_back(read, tmp_path):
    content = '"city","n"\n"Bern",1\n"Chur",22\n'
    found = read(content)
    assert found.form.quoting == "text"
    with TableWriter(tmp_path / "b.csv", form=found.form) as writer:
        writer.write(found.table)
    assert (tmp_path / "b.csv").read_text() == content


def test_a_form_is_used_for_files_of_its_own_format_alone(read, tmp_path):
    form = dataclasses.replace(read(TABLE.replace(",", ";")).form, encoding="cp1252")
    with TableWriter(tmp_path / "b.tsv", form=form) as writer:
        writer.write(pd.DataFrame({"a": ["\u00e9"], "b": [1]}))
    assert (tmp_path / "b.tsv").read_bytes() == b"a\tb\n\xe9\t1\n"


def test_a_last_row_without_a_label_is_a_total_if_its_numbers_are_sums(read):
    found = read("name,n,m\n" + "".join(f"a{n},{n},{n / 2}\n" for n in range(1, 8)) + ",28,14.0\n")
    assert found.table["n"].tolist() == list(range(1, 8))
    assert found.notes == ("Left out 1 row of totals ('28').",)


@pytest.mark.parametrize(
    ("header", "said"), [("c4,856,16.42", "'16.42'"), ("a,-3,b", "'-3'"), ("region,2023,2024", "")]
)
def test_a_header_that_is_a_row_of_data_is_told(read, header, said):
    found = read(header + "\n" + "".join(f"x,{n},{n / 7:.2f}\n" for n in range(9)))
    assert len(found.table) == 9
    assert [said in note for note in found.notes] == [True] * bool(said)
