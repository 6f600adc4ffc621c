"""Reads an OMOP source with DuckDB and the repository that was made of it with
Polars, compares them row by row, and prints what DuckDB says of the source.

outsider.py SOURCE REPOSITORY prints JSON:
{table: {"rows": n, "missing": [rows only in the source], "extra": [rows only in the repository],
 "concepts": {id: [participants, sum of values]}, "first": day, "last": day}}
"""
import json
import os
import sys
import tempfile

import duckdb
import polars

source, repository = sys.argv[1:]
manifest = json.load(open(os.path.join(repository, "manifest.json")))
db = duckdb.connect()


def all_of(sql):
    return db.sql(sql).fetchall()


def relation(table):
    """The source's table as SQL, and its columns."""
    for name in os.listdir(source):
        if os.path.splitext(name)[0].lower() == table:
            path = os.path.join(source, name)
            if name.endswith(".parquet"):
                sql = f"read_parquet('{path}')"
            else:
                sql = f"read_csv('{path}', header=true, all_varchar=true, nullstr='')"
            return sql, [r[0].lower() for r in all_of(f"DESCRIBE SELECT * FROM {sql}")]
    return None, []


def arrow(table, temp):
    """The repository's table, its labels as texts, as a Parquet file."""
    frame = polars.read_ipc(os.path.join(repository, table["name"] + ".arrow"))
    for f in table["fields"]:
        if f["type"] == "label":
            frame = frame.with_columns(frame[f["name"]].cast(polars.String))
    path = os.path.join(temp, table["name"] + ".parquet")
    frame.write_parquet(path)
    return f"read_parquet('{path}')"


def expected(field, columns):
    """A field of the repository, of the source."""
    name = field["name"]
    kind = {"integer": "INTEGER", "concept": "INTEGER", "number": "DOUBLE", "date": "DATE", "label": "VARCHAR"}[field["type"]]
    if name == "participant":
        return "CAST(s.person_id AS BIGINT)"
    if name == "birth_date":
        parts = "make_date(CAST(s.year_of_birth AS INT), CAST(s.month_of_birth AS INT), CAST(s.day_of_birth AS INT))"
        return f"COALESCE(CAST(CAST(s.birth_datetime AS TIMESTAMP) AS DATE), {parts})"
    if name == "sex_at_birth_concept_id" and name not in columns:
        name = "gender_concept_id"
    if field["type"] == "label":
        return f"NULLIF(CAST(s.{name} AS VARCHAR), '')"
    return f"CAST(s.{name} AS {kind})"


out = {}
with tempfile.TemporaryDirectory() as temp:
    tables = {t["name"]: t for t in manifest["tables"]}
    people = arrow(tables["participants"], temp)
    ids = f"(SELECT participant, person_id_high::BIGINT * 2147483648 + person_id_low AS person_id FROM {people})"
    person, _ = relation("person")
    for name, table in tables.items():
        sql, columns = relation(name)
        if sql is None:
            continue
        theirs = ", ".join(expected(f, columns) for f in table["fields"])
        where = ""
        mine = ", ".join("i.person_id" if f["name"] == "participant" else "r." + f["name"] for f in table["fields"])
        got = f"SELECT {mine} FROM {arrow(table, temp)} r"
        if table["fields"][0]["name"] == "participant":
            where = f"WHERE CAST(s.person_id AS BIGINT) IN (SELECT CAST(person_id AS BIGINT) FROM {person})"
            got += f" JOIN {ids} i USING (participant)"
        want = f"SELECT {theirs} FROM {sql} s {where}"
        result = {
            "rows": all_of(f"SELECT count(*) FROM ({want})")[0][0],
            "missing": all_of(f"SELECT count(*) FROM ({want} EXCEPT ALL {got})")[0][0],
            "extra": all_of(f"SELECT count(*) FROM ({got} EXCEPT ALL {want})")[0][0],
        }
        concept = next((f["name"] for f in table["fields"] if f["name"] in (
            "condition_concept_id", "drug_concept_id", "measurement_concept_id", "procedure_concept_id",
            "observation_concept_id", "visit_concept_id", "device_concept_id")), None)
        if concept:
            day = next(f["name"] for f in table["fields"] if f["type"] == "date")
            value = "CAST(s.value_as_number AS DOUBLE)" if "value_as_number" in columns else "NULL"
            groups = all_of(f"SELECT CAST(s.{concept} AS INT), count(DISTINCT s.person_id), sum({value}) FROM {sql} s {where} GROUP BY 1")
            result["concepts"] = {c: [n, x] for c, n, x in groups}
            span = f"SELECT epoch(min(CAST(s.{day} AS DATE))), epoch(max(CAST(s.{day} AS DATE))) FROM {sql} s {where}"
            result["first"], result["last"] = [None if x is None else int(x) // 86400 for x in all_of(span)[0]]
        out[name] = result
json.dump(out, sys.stdout)
