"""Reads a repository's files with Polars and prints, a line a field, as JSON:
{"table.field": [rows, nulls, sum, type]}."""
import json
import os
import sys

import polars

repository = sys.argv[1]
out = {}
for table in json.load(open(os.path.join(repository, "manifest.json")))["tables"]:
    frame = polars.read_ipc(os.path.join(repository, table["name"] + ".arrow"))
    for name in frame.columns:
        column = frame[name]
        if column.dtype == polars.Categorical:
            total = column.cast(polars.String).str.len_bytes().sum()
        else:
            values = column.cast(polars.Int32) if column.dtype == polars.Date else column
            total = values.cast(polars.Float64).sum()
        out[f"{table['name']}.{name}"] = [len(column), column.null_count(), total, str(column.dtype)]
json.dump(out, sys.stdout)
