"""Dates and times as people write them: the grammar of a format, and how texts are read, written and recognised."""
