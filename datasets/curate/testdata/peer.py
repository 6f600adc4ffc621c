"""Loads a folder of OMOP tables into DuckDB's own file and prints the seconds.

peer.py FOLDER FILE THREADS
"""
import os
import sys
import time

import duckdb

source, path, threads = sys.argv[1:]
start = time.time()
db = duckdb.connect(path)
db.execute(f"SET threads = {threads}")
for name in sorted(os.listdir(source)):
    file = os.path.join(source, name)
    read = f"read_parquet('{file}')" if name.endswith(".parquet") else f"read_csv('{file}', header = true)"
    db.execute(f"CREATE TABLE {name.split('.')[0]} AS FROM {read}")
db.execute("CHECKPOINT")
db.close()
print(time.time() - start)
