"""Proves the rules of a tier on a repository, without the program that built it:
DuckDB makes of the source what the rules say, Polars reads the repository, and
both are compared row by row.

checker.py SOURCE REPOSITORY KEY CUT-OFF LISTS [ACHILLES] prints JSON:
{"compared": {table: rows}, "wrong": [what is not as the rules say], "told": values of dictionaries,
 "shifts": n, "dropped": participants, "achilles": what becomes of the cells of analysis 404}

KEY is hexadecimal; LISTS is the folder with All of Us's published lists; ACHILLES
is the file of Achilles's results for the source, of a tier with rows. person_id
becomes a research id, and dates shift, by the formulas of key.go's comment.
"""
import csv
import hashlib
import hmac
import json
import os
import struct
import sys
import tempfile

import duckdb
import polars

source, repository, key, cut_off, lists = sys.argv[1:6]
key = bytes.fromhex(key)
manifest = json.load(open(os.path.join(repository, "manifest.json")))
tier = manifest["tier"]
registered = tier in ("registered", "public")
db = duckdb.connect()
wrong, compared, achilles = [], {}, None


def all_of(sql):
    return db.sql(sql).fetchall()


def published(*names):
    out = set()
    for name in names:
        with open(os.path.join(lists, name), encoding="utf8", errors="replace") as f:
            out |= {int(r["concept_id"]) for r in csv.DictReader(f) if r["concept_id"] and r.get("is_suppressed", "YES") == "YES"}
    return out


def draw(purpose, person):
    return int.from_bytes(hmac.new(key, purpose + b"\0" + person.to_bytes(8, "big"), hashlib.sha256).digest()[:8], "big")


read = {}


def relation(table):
    if table not in read:
        sql, columns = find(table)
        if sql and table == "person" and find("person_ext")[0]:
            sql = f"{sql} a JOIN {find('person_ext')[0]} b USING (person_id)"
            columns = columns + find("person_ext")[1]
        if sql:
            db.execute(f"CREATE TABLE source_{table} AS FROM {sql}")
            sql = f"source_{table}"
        read[table] = sql, columns
    return read[table]


def find(table):
    for name in os.listdir(source):
        if name.lower().split(".")[0] == table:
            path = os.path.join(source, name)
            sql = f"read_parquet('{path}')" if name.endswith(".parquet") else f"read_csv('{path}', header=true, all_varchar=true, nullstr='')"
            return sql, [r[0].lower() for r in all_of(f"DESCRIBE SELECT * FROM {sql}")]
    return None, []


def arrow(table, temp):
    frame = polars.read_ipc(os.path.join(repository, table["name"] + ".arrow"))
    for f in table["fields"]:
        if f["type"] == "label":
            frame = frame.with_columns(frame[f["name"]].cast(polars.String))
    path = os.path.join(temp, table["name"] + ".parquet")
    frame.write_parquet(path)
    return f"read_parquet('{path}')"


def table_field(data, table, slot):
    """Where a Flatbuffers table has a field, None where it has not."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    size, = struct.unpack_from("<H", data, vtable)
    at = struct.unpack_from("<H", data, vtable + 4 + 2 * slot)[0] if 4 + 2 * slot < size else 0
    return table + at if at else None


def follow(data, at):
    return at + struct.unpack_from("<I", data, at)[0]


def dictionaries(table):
    """The values of the dictionaries of an Arrow file, in the order of the fields that have one."""
    data = open(os.path.join(repository, table["name"] + ".arrow"), "rb").read()
    length, = struct.unpack_from("<i", data, len(data) - 10)
    footer = data[len(data) - 10 - length:-10]
    blocks, out = table_field(footer, follow(footer, 0), 2), {}
    blocks = follow(footer, blocks) if blocks else None
    for k in range(struct.unpack_from("<I", footer, blocks)[0] if blocks else 0):
        offset, metadata, body = struct.unpack_from("<qi4xq", footer, blocks + 4 + 24 * k)
        message = data[offset + 8:offset + metadata]
        batch = follow(message, table_field(message, follow(message, 0), 2))  # Message.header
        id = table_field(message, batch, 0)
        record = follow(message, table_field(message, batch, 1))
        rows = struct.unpack_from("<q", message, table_field(message, record, 0))[0]
        buffers = follow(message, table_field(message, record, 2))
        buffers = [data[offset + metadata + at:][:size] for at, size in struct.iter_unpack("<qq", message[buffers + 4:][:16 * struct.unpack_from("<I", message, buffers)[0]])]
        values = list(struct.unpack_from(f"<{rows}i" if len(buffers) == 2 else f"<{rows + 1}i", buffers[1]))
        if len(buffers) == 3:
            values = [buffers[2][a:b].decode() for a, b in zip(values, values[1:])]
        out[struct.unpack_from("<q", message, id)[0] if id else 0] = values
    return [out[id] for id in sorted(out)]


def read_dictionaries():
    """A dictionary has what rows have, and what stands for a missing value. Says how many values there are."""
    told = 0
    for table in manifest["tables"]:
        frame = polars.read_ipc(os.path.join(repository, table["name"] + ".arrow"))
        fields = [f for f in table["fields"] if f["type"] in ("concept", "label")]
        known = dictionaries(table) if len(frame) else []
        if len(frame) and len(known) != len(fields):
            wrong.append(f"{table['name']} has {len(known)} dictionaries for {len(fields)} fields")
        for f, values in zip(fields, known):
            column = frame[f["name"]]
            rows = set((column.cast(polars.String) if f["type"] == "label" else column).unique())
            more = set(values) - rows - ({""} if f["type"] == "label" else {-2**31} if None in rows else set())
            if more:
                wrong.append(f"the dictionary of {table['name']}.{f['name']} has {len(more)} values that no row has")
            told += len(values)
    return told


# The rules, restated.
suppressed = published("rt_concept_ids_suppression.csv", "rt_additional_privacy_suppressions.csv") if registered else published("ct_additional_privacy_suppressions.csv", "controlled_tier_replaced_privacy_concepts.csv")
answers = set(suppressed)
if registered:
    with open(os.path.join(lists, "rt_observation_suppression.json")) as f:
        text = f.read()
    begin = text.index('"values"', text.index("remove nullable rows"))
    answers |= set(json.loads(text[text.index("[", begin):text.index("]", begin) + 1]))
    answers |= published("rt_cope_suppression.csv")
else:
    answers |= published("Controlled_Tier_Concept_Level.csv")
answers |= published("rt_ct_cope_suppression.csv")
observed = answers | (published("rt_observation_postcoordinated_suppressions.csv") | {4013886, 4271761, 4135376, 4083587} if registered else set())
free_text = ("source_value", "value_as_string", "sig", "stop_reason", "lot_number", "unique_device_id", "provider_id", "care_site_id", "location_id", "src_id", "person_id")
absent_tables = {"note", "note_nlp", "location", "care_site", "provider", "fact_relationship"} | ({"zip_code_socioeconomic"} if registered else set())

for t in manifest["tables"]:
    if t["name"] in absent_tables:
        wrong.append(f"the table {t['name']} is there")
    for f in t["fields"]:
        if t["name"] != "participants" and any(f["name"].endswith(x) for x in free_text) or registered and t["name"] == "death" and "cause" in f["name"]:
            wrong.append(f"the field {t['name']}.{f['name']} is there")

concept, _ = relation("concept")
if registered:
    # whatever form valid_start_date has
    recent = f"SELECT CAST(concept_id AS INT) FROM {concept} WHERE CAST(strptime(replace(left(CAST(valid_start_date AS VARCHAR), 10), '-', ''), '%Y%m%d') AS DATE) > DATE '{cut_off}' - 365"
    suppressed |= {r[0] for r in all_of(recent)}
    answers, observed = answers | suppressed, observed | suppressed

with tempfile.TemporaryDirectory() as temp:
    tables = {t["name"]: t for t in manifest["tables"]}
    person, columns = relation("person")
    birth = "make_date(CAST(year_of_birth AS INT), CAST(month_of_birth AS INT), CAST(day_of_birth AS INT))"
    if "birth_datetime" in columns:
        birth = f"COALESCE(CAST(CAST(birth_datetime AS TIMESTAMP) AS DATE), {birth})"
    people = all_of(f"SELECT CAST(person_id AS BIGINT), {birth}, {birth} + INTERVAL 89 YEAR <= DATE '{cut_off}' FROM {person}")
    rows = []
    for id, born, old in people:
        if not (registered and old):
            rows.append((id, draw(b"research id", id) % 2**62, 1 + draw(b"date shift", id) % 364 if registered else 0, born))
    db.execute("CREATE TABLE who (person_id BIGINT, research BIGINT, back INT, born DATE)")
    db.execute("INSERT INTO who SELECT unnest(?::BIGINT[]), unnest(?::BIGINT[]), unnest(?::INT[]), unnest(?::DATE[])", [list(c) for c in zip(*rows)])
    db.execute("CREATE TABLE gone (id INT)")
    db.execute("CREATE TABLE gone_answers (id INT)")
    db.execute("CREATE TABLE gone_observed (id INT)")
    for name, ids in (("gone", suppressed), ("gone_answers", answers), ("gone_observed", observed)):
        db.execute(f"INSERT INTO {name} SELECT unnest(?::INT[])", [sorted(ids)])

    # what becomes of answers that are the only ones to their question
    general = {
        "sex_at_birth_concept_id": "CASE WHEN CAST(s.sex_at_birth_concept_id AS INT) IN (903096, 903079, 1585848, 1585849) THEN 2000000009 ELSE CAST(s.sex_at_birth_concept_id AS INT) END",
        "gender_identity_concept_id": "CASE WHEN CAST(s.gender_identity_concept_id AS INT) IN (903096, 903079, 1585841, 1585842, 1585843) OR CAST(s.gender_identity_concept_id AS INT) = 1585839 AND CAST(s.sex_at_birth_concept_id AS INT) IN (1585847, 45878463, 8532) OR CAST(s.gender_identity_concept_id AS INT) = 1585840 AND CAST(s.sex_at_birth_concept_id AS INT) IN (1585846, 45880669, 8507) THEN 2000000002 ELSE CAST(s.gender_identity_concept_id AS INT) END",
        "state_of_residence_concept_id": "CASE WHEN count(*) OVER (PARTITION BY CAST(s.state_of_residence_concept_id AS INT)) < 200 THEN 2000000011 ELSE CAST(s.state_of_residence_concept_id AS INT) END",
    }
    answered = """CASE CAST(s.question_concept_id AS INT)
        WHEN 1585940 THEN CASE WHEN CAST(s.answer_concept_id AS INT) IN (1585941, 1585942, 1585943, 1585944) THEN 2000000007 WHEN CAST(s.answer_concept_id AS INT) IN (1585947, 1585948) THEN 2000000006 ELSE CAST(s.answer_concept_id AS INT) END
        WHEN 1585952 THEN CASE WHEN CAST(s.answer_concept_id AS INT) IN (1585953, 1585954) THEN 2000000004 WHEN CAST(s.answer_concept_id AS INT) BETWEEN 1585955 AND 1585960 THEN 2000000005 ELSE CAST(s.answer_concept_id AS INT) END
        ELSE CAST(s.answer_concept_id AS INT) END"""

    def expected(field, table, columns):
        name, kind = field["name"], {"integer": "INTEGER", "concept": "INTEGER", "number": "DOUBLE", "date": "DATE", "label": "VARCHAR"}[field["type"]]
        if name == "participant":
            return "w.research"
        if name == "birth_date":
            return "w.born - w.back" if registered else "make_date(year(w.born), 6, 15)"
        if name == "sex_at_birth_concept_id" and name not in columns:
            return "CAST(s.gender_concept_id AS INT)"
        if name == "race_concept_id" and registered:
            return "CASE WHEN CAST(s.race_concept_id AS INT) IN (8657, 8557, 38003615) THEN 2000000001 WHEN COALESCE(CAST(s.race_concept_id AS INT), 0) = 0 THEN 2100000001 ELSE CAST(s.race_concept_id AS INT) END"
        if name in general and registered:
            return general[name]
        if name == "answer_concept_id" and registered:
            return answered
        if field["type"] == "date":
            if name not in columns:
                name = name[:-4] + "datetime"
            return f"CAST(CAST(s.{name} AS TIMESTAMP) AS DATE) - w.back"
        if field["type"] == "label":
            return f"NULLIF(CAST(s.{name} AS VARCHAR), '')"
        return f"CAST(s.{name} AS {kind})"

    def rule_rows(name, fields, columns):
        """The rows that the rules leave of a table, as SQL."""
        sql, columns = relation(name)
        gone = {"observation": "gone_observed", "ds_survey": "gone_answers", "person": None}.get(name, "gone")
        where = ["true"]
        if gone:
            where += [f"COALESCE(CAST(s.{f['name']} AS INT), 0) NOT IN (SELECT id FROM {gone})" for f in fields if f["type"] == "concept"]
        theirs = ", ".join(f"{expected(f, name, columns)} AS {f['name']}" for f in fields)
        return f"SELECT {theirs} FROM {sql} s JOIN who w ON w.person_id = CAST(s.person_id AS BIGINT) WHERE {' AND '.join(where)}"

    def compare(name, want, got):
        db.execute(f"CREATE OR REPLACE TABLE want AS {want}")
        db.execute(f"CREATE OR REPLACE TABLE got AS {got}")
        n = all_of("SELECT count(*) FROM want")[0][0]
        missing = all_of("SELECT count(*) FROM (FROM want EXCEPT ALL FROM got)")[0][0]
        extra = all_of("SELECT count(*) FROM (FROM got EXCEPT ALL FROM want)")[0][0]
        if missing or extra:
            wrong.append(f"{name}: {missing} rows are missing and {extra} should not be there, of {n}")
        compared[name] = n

    def compare_404():
        """Achilles's analysis 404, participants by (concept, year, sex, decade of age) of
        conditions within the observation period, cell by cell beside the repository's.
        In a cell of the tier there are Achilles's participants but those who are too old, those
        whose every such condition is suppressed, and those whom their shift moves to
        another year or age; and whom it moves here from another."""
        conditions, columns = relation("condition_occurrence")
        concepts = [f["name"] for f in tables["condition_occurrence"]["fields"] if f["type"] == "concept" and f["name"] in columns]
        dropped = " OR ".join(f"COALESCE(CAST({c} AS INT), 0) IN (SELECT id FROM gone)" for c in concepts)
        cell = "c, year(day) AS y, sex, CAST((year(day) - year(born)) // 10 AS INT) AS d"
        db.execute(f"""CREATE TABLE events AS
            SELECT s.person_id AS who, CAST(condition_concept_id AS INT) AS c, CAST(condition_start_date AS DATE) AS day, CAST(p.gender_concept_id AS INT) AS sex,
                make_date(CAST(p.year_of_birth AS INT), 1, 1) AS born, w.back AS back, w.born AS birth, {dropped} AS dropped
            FROM {conditions} s JOIN {person} p USING (person_id) LEFT JOIN who w USING (person_id)
            WHERE EXISTS (FROM {relation("observation_period")[0]} o WHERE o.person_id = s.person_id
                AND CAST(s.condition_start_date AS DATE) BETWEEN CAST(o.observation_period_start_date AS DATE) AND CAST(o.observation_period_end_date AS DATE))""")
        db.execute(f"CREATE TABLE before AS SELECT who, {cell}, bool_and(back IS NULL) AS old, bool_and(dropped) AS dropped FROM events GROUP BY ALL")
        db.execute(f"CREATE TABLE after AS SELECT DISTINCT who, {cell} FROM (SELECT who, c, sex, day - back AS day, birth - back AS born FROM events WHERE back IS NOT NULL AND NOT dropped)")
        counted = "SELECT c, y, sex, d, count(*) AS n FROM {} GROUP BY ALL"
        theirs = f"SELECT stratum_1::INT AS c, stratum_2::BIGINT AS y, stratum_3::INT AS sex, stratum_4::INT AS d, count_value::BIGINT AS n FROM read_csv('{sys.argv[6]}', all_varchar=true) WHERE analysis_id = '404'"
        compare("cells of the source, as Achilles has them", theirs, counted.format("before"))
        mine = f"""SELECT DISTINCT participant AS who, condition_concept_id AS c, year(condition_start_date) AS y, gender_concept_id AS sex, CAST((year(condition_start_date) - year(birth_date)) // 10 AS INT) AS d
            FROM {arrow(tables["condition_occurrence"], temp)} r JOIN {arrow(tables["person"], temp)} p USING (participant) JOIN {arrow(tables["observation_period"], temp)} o USING (participant)
            WHERE condition_start_date BETWEEN observation_period_start_date AND observation_period_end_date"""
        compare("cells of the repository, as the rules make them", counted.format("after"), counted.format(f"({mine})"))
        db.execute(f"""CREATE TABLE cells AS SELECT c, y, sex, d, COALESCE(a.n, 0) AS theirs, COALESCE(m.n, 0) AS mine,
                COALESCE(o.old, 0) AS old, COALESCE(o.dropped, 0) AS dropped, COALESCE(o.away, 0) AS away, COALESCE(i.n, 0) AS come
            FROM ({theirs}) a FULL JOIN ({counted.format(f"({mine})")}) m USING (c, y, sex, d)
            LEFT JOIN (SELECT c, y, sex, d, count(*) FILTER (old) AS old, count(*) FILTER (NOT old AND dropped) AS dropped, count(*) FILTER (NOT old AND NOT dropped AND here IS NULL) AS away
                FROM before LEFT JOIN (SELECT *, 1 AS here FROM after) USING (who, c, y, sex, d) GROUP BY ALL) o USING (c, y, sex, d)
            LEFT JOIN ({counted.format("(FROM after ANTI JOIN before USING (who, c, y, sex, d))")}) i USING (c, y, sex, d)""")
        names = ("cells", "same", "explained", "old", "suppressed", "away", "come")
        return dict(zip(names, all_of("""SELECT count(*), count(*) FILTER (mine = theirs), count(*) FILTER (mine = theirs - old - dropped - away + come),
            sum(old)::BIGINT, sum(dropped)::BIGINT, sum(away)::BIGINT, sum(come)::BIGINT FROM cells""")[0]))

    if tier != "public":
        ids = f"(SELECT participant, person_id_high::BIGINT * 2147483648 + person_id_low AS research FROM {arrow(tables['participants'], temp)})"
        compare("participants", "SELECT research FROM who", f"SELECT research FROM {ids}")
        for name, table in tables.items():
            sql, columns = relation(name)
            if sql is None or table["fields"][0]["name"] != "participant":
                continue
            mine = ", ".join("i.research" if f["name"] == "participant" else "r." + f["name"] for f in table["fields"])
            compare(name, rule_rows(name, table["fields"], columns), f"SELECT {mine} FROM {arrow(table, temp)} r JOIN {ids} i USING (participant)")
        if len(sys.argv) > 6:
            achilles = compare_404()
    else:
        binned = "CAST(ceil({} / 20.0) * 20 AS INT)"
        firsts = {
            "visit_occurrence": ("visit_concept_id", "visit_start_date"), "condition_occurrence": ("condition_concept_id", "condition_start_date"),
            "drug_exposure": ("drug_concept_id", "drug_exposure_start_date"), "procedure_occurrence": ("procedure_concept_id", "procedure_date"),
            "device_exposure": ("device_concept_id", "device_exposure_start_date"), "measurement": ("measurement_concept_id", "measurement_date"),
            "observation": ("observation_concept_id", "observation_date"), "visit_detail": ("visit_detail_concept_id", "visit_detail_start_date"),
            "specimen": ("specimen_concept_id", "specimen_date"), "condition_era": ("condition_concept_id", "condition_era_start_date"),
            "drug_era": ("drug_concept_id", "drug_era_start_date"),
        }
        kinds = {"date": "date"}
        parts = []
        for name, (concept_id, day) in firsts.items():
            sql, columns = relation(name)
            if sql is None:
                continue
            fields = [{"name": "participant", "type": "integer"}, {"name": concept_id, "type": "concept"}, {"name": day, "type": "date"}]
            # a row goes by any of its concepts
            fields += [{"name": c, "type": "concept"} for c in columns if c.endswith("concept_id") and c != concept_id and not c.startswith(("admitt", "discharge", "value_source", "unit_source", "meas_event", "obs_event", "modifier_of", "condition_status_source"))]
            parts.append(f"SELECT '{name}' AS t, participant, {concept_id} AS c, {day} AS d FROM ({rule_rows(name, fields, columns)})")
        db.execute(f"CREATE TABLE firsts AS SELECT t, participant, c, min(d) AS d FROM ({' UNION ALL '.join(parts)}) WHERE c <> 0 GROUP BY ALL")
        sex = f"(SELECT w.research AS participant, CAST(s.gender_concept_id AS INT) AS sex, w.born - w.back AS born FROM {person} s JOIN who w ON w.person_id = CAST(s.person_id AS BIGINT))"
        tables_sql = {n: arrow(tables[n], temp) for n in ("counts_by_concept", "counts_by_concept_and_sex", "counts_by_concept_and_age")}
        count = binned.format("count(*)")
        # what more than 20 participants have, or the vocabulary
        known = f"SELECT CAST(concept_id AS INT) FROM {concept}" if concept else "SELECT 0"
        db.execute(f"DELETE FROM firsts WHERE c NOT IN ({known}) AND (t, c) NOT IN (SELECT (t, c) FROM firsts GROUP BY t, c HAVING count(*) > 20)")
        common = f"sex IN (SELECT sex FROM {sex} GROUP BY 1 HAVING count(*) > 20)"
        compare("counts_by_concept", f"SELECT t, c, {count} FROM firsts GROUP BY 1, 2", f'SELECT "table", concept_id, participants FROM {tables_sql["counts_by_concept"]}')
        compare("counts_by_concept_and_sex", f"SELECT t, c, sex, {count} FROM firsts JOIN {sex} USING (participant) WHERE {common} GROUP BY 1, 2, 3", f'SELECT "table", concept_id, sex_at_birth_concept_id, participants FROM {tables_sql["counts_by_concept_and_sex"]} WHERE participants > 0')
        years = "CAST(floor((d - born) / 365.25) AS INT)"
        band = f"CASE WHEN {years} < 18 THEN '0-17' WHEN {years} < 30 THEN '18-29' WHEN {years} >= 80 THEN '80+' ELSE ({years} // 10 * 10)::VARCHAR || '-' || ({years} // 10 * 10 + 9)::VARCHAR END"
        compare("counts_by_concept_and_age", f"SELECT t, c, {band} AS a, {count} FROM firsts JOIN {sex} USING (participant) GROUP BY 1, 2, 3", f'SELECT "table", concept_id, age, participants FROM {tables_sql["counts_by_concept_and_age"]} WHERE participants > 0')
        for name in tables:
            if name not in tables_sql and name not in ("concept", "concept_ancestor"):
                wrong.append(f"the table {name} is there")
        for n in tables_sql.values():
            if all_of(f"SELECT count(*) FROM {n} WHERE participants % 20 <> 0 OR participants < 0")[0][0]:
                wrong.append("a count is in no bin")
        if manifest["participants"] % 20 != 0:
            wrong.append("the number of participants is in no bin")

told = read_dictionaries()
json.dump({"compared": compared, "told": told, "wrong": wrong, "shifts": len({r[2] for r in rows}), "dropped": len(people) - len(rows), "achilles": achilles}, sys.stdout)
