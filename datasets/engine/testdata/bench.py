"""The peers of the engine's benchmarks: DuckDB over a database file of its own,
Polars lazily over uncompressed Arrow files, each asked what the engine is asked.

bench.py make REPOSITORY DIR      writes the repository's rows, in their order, for the peers
bench.py serve DIR THREADS ASKED  answers requests, one a line of JSON: {"question", "peer"}
                                  with {"seconds", "rows"}; ASKED is the questions' numbers

Every peer may be asked in several ways; the benchmarks use the fastest. "seconds"
is from the text of the query to its rows in Python, the median of as many runs as
take 50 ms. Rows have the columns that question.answer in bench_test.go has.
"""
import datetime
import json
import os
import statistics
import sys
import time

TABLES = {
    "person": {"birth_date": "birth", "sex_at_birth_concept_id": "sex"},
    "condition_occurrence": {"condition_concept_id": "concept", "condition_start_date": "day"},
    "measurement": {
        "measurement_concept_id": "concept",
        "measurement_date": "day",
        "value_as_number": "value",
        "unit_concept_id": "unit",
    },
}


def make(repository, out):
    import duckdb
    import polars

    with duckdb.connect(os.path.join(out, "duck.db")) as db:
        for table, names in TABLES.items():
            rows = polars.scan_ipc(os.path.join(repository, table + ".arrow"))
            rows = rows.select("participant", *names).rename(names)
            rows.sink_ipc(os.path.join(out, table + ".arrow"), compression="uncompressed")
            parquet = os.path.join(out, table + ".parquet")
            rows.sink_parquet(parquet, compression="lz4")
            db.execute(f"CREATE TABLE {table} AS FROM read_parquet('{parquet}')")
            os.remove(parquet)
        # The filter of one column alone, as in "duckdb index", makes DuckDB use it.
        db.execute("CREATE INDEX by_concept ON measurement (concept)")
        db.execute("CHECKPOINT")


# Ways to count distinct participants and rows by concept.
COUNTS = {
    "duckdb distinct": "SELECT concept, count(DISTINCT participant), count(*) FROM measurement {where} GROUP BY concept",
    "duckdb two-level": """
        SELECT concept, count(*), sum(n)
        FROM (SELECT concept, participant, count(*) AS n FROM measurement {where} GROUP BY ALL) GROUP BY concept""",
    # A bit a participant: rows come by participant, so the bits that are set lie together.
    "duckdb bits": """
        SELECT concept, bit_count(bitstring_agg(participant, 0, {last})), count(*)
        FROM measurement {where} GROUP BY concept""",
}
IN_RANGE = "WHERE value BETWEEN {low} AND {high} AND day >= DATE '{from}' AND day < DATE '{to}'"

MEANS = """
    SELECT sex,
        CASE WHEN birth > DATE '{born_18}' THEN 0 WHEN birth > DATE '{born_45}' THEN 1 WHEN birth > DATE '{born_65}' THEN 2 ELSE 3 END AS band,
        count(*), count(mean), avg(mean)
    FROM person LEFT JOIN ({means}) USING (participant) GROUP BY ALL"""
ONE_UNIT = {
    "duckdb": """
        SELECT participant, avg(value) AS mean FROM measurement
        WHERE concept = {concept} AND unit = {unit} GROUP BY participant""",
    "duckdb index": """
        SELECT participant, avg(value) FILTER (unit = {unit}) AS mean FROM measurement
        WHERE concept = {concept} GROUP BY participant""",
}

# At least 2 events that are 30 days apart: the last is 30 days after the first.
ENTRY = "entry AS (SELECT participant, min(day) AS day FROM condition_occurrence WHERE concept IN ({entry}) GROUP BY participant)"
EXCLUDED = """
    SELECT c.participant FROM condition_occurrence c JOIN entry e USING (participant)
    WHERE c.concept IN ({excluded}) AND c.day < e.day"""
COHORT = {
    "duckdb exists": f"""
        WITH {ENTRY}
        SELECT sex, count(*) FROM entry JOIN person USING (participant)
        WHERE EXISTS (SELECT 1 FROM measurement m WHERE m.participant = entry.participant
                AND concept = {{within}} AND m.day BETWEEN entry.day + 1 AND entry.day + 365)
            AND participant NOT IN ({EXCLUDED})
            AND participant IN (SELECT participant FROM measurement WHERE concept = {{again}}
                GROUP BY participant HAVING max(day) - min(day) >= 30)
        GROUP BY sex""",
    "duckdb one scan": f"""
        WITH {ENTRY}, excluded AS ({EXCLUDED}),
        kept AS (SELECT participant FROM measurement m JOIN entry e USING (participant)
            WHERE concept IN ({{within}}, {{again}}) GROUP BY participant
            HAVING bool_or(concept = {{within}} AND m.day BETWEEN e.day + 1 AND e.day + 365)
                AND max(m.day) FILTER (concept = {{again}}) - min(m.day) FILTER (concept = {{again}}) >= 30)
        SELECT sex, count(*) FROM kept ANTI JOIN excluded USING (participant) JOIN person USING (participant) GROUP BY sex""",
    "duckdb narrowing": f"""
        WITH {ENTRY.replace(" AS (", " AS MATERIALIZED (")}, excluded AS ({EXCLUDED}),
        kept AS MATERIALIZED (SELECT * FROM entry ANTI JOIN excluded USING (participant)),
        within AS MATERIALIZED (SELECT DISTINCT participant FROM kept JOIN measurement m USING (participant)
            WHERE concept = {{within}} AND m.day BETWEEN kept.day + 1 AND kept.day + 365),
        again AS (SELECT participant FROM measurement SEMI JOIN within USING (participant)
            WHERE concept = {{again}} GROUP BY participant HAVING max(day) - min(day) >= 30)
        SELECT sex, count(*) FROM again JOIN person USING (participant) GROUP BY sex""",
}

SQL = {
    "A": {peer: sql.replace("{where}", "") for peer, sql in COUNTS.items()},
    "B": {peer: sql.replace("{where}", IN_RANGE) for peer, sql in COUNTS.items()},
    "C_common": {"duckdb": MEANS.replace("{means}", ONE_UNIT["duckdb"])},
    "C_rare": {peer: MEANS.replace("{means}", sql) for peer, sql in ONE_UNIT.items()},
    "D": COHORT,
}


class DuckDB:
    def __init__(self, folder, threads):
        import duckdb

        self.db = duckdb.connect(os.path.join(folder, "duck.db"), read_only=True)
        self.db.execute(f"SET threads = {threads}")
        for table in TABLES:  # into memory
            self.db.execute(f"SELECT max(COLUMNS(*)) FROM {table}").fetchall()

    def ask(self, question, peer, asked):
        return self.db.execute(SQL[question][peer].format(**asked)).fetchall()


class Polars:
    def __init__(self, folder):
        import polars

        self.pl, self.c = polars, polars.col
        self.person, self.condition, self.measurement = (
            polars.scan_ipc(os.path.join(folder, t + ".arrow")) for t in TABLES
        )
        for table in self.person, self.condition, self.measurement:
            table.max().collect(engine="streaming")

    def ask(self, question, peer, asked):
        lazy = getattr(self, question.split("_")[0])({k: date(v) for k, v in asked.items()})
        return lazy.collect(engine=peer.removeprefix("polars ")).rows()

    def counts(self, rows):
        return rows.group_by("concept").agg(self.c.participant.n_unique(), self.pl.len())

    def A(self, asked):
        return self.counts(self.measurement)

    def B(self, asked):
        c = self.c
        return self.counts(
            self.measurement.filter(
                c.value.is_between(asked["low"], asked["high"]), c.day >= asked["from"], c.day < asked["to"]
            )
        )

    def C(self, asked):
        c, pl = self.c, self.pl
        means = (
            self.measurement.filter(c.concept == asked["concept"], c.unit == asked["unit"])
            .group_by("participant")
            .agg(c.value.mean().alias("mean"))
        )
        band = (
            pl.when(c.birth > asked["born_18"]).then(0).when(c.birth > asked["born_45"]).then(1)
            .when(c.birth > asked["born_65"]).then(2).otherwise(3)
        )
        people = self.person.join(means, on="participant", how="left")
        return people.group_by("sex", band.alias("band")).agg(pl.len(), c.mean.count().alias("known"), c.mean.mean())

    def D(self, asked):
        c, day = self.c, lambda n: datetime.timedelta(days=n)
        of = lambda ids: c.concept.is_in([int(i) for i in ids.split(",")])
        entry = self.condition.filter(of(asked["entry"])).group_by("participant").agg(c.day.min().alias("index"))
        excluded = (
            self.condition.filter(of(asked["excluded"])).join(entry, on="participant").filter(c.day < c.index)
        )
        within = (
            self.measurement.filter(c.concept == asked["within"]).join(entry, on="participant")
            .filter(c.day > c.index, c.day <= c.index + day(365))
        )
        again = (
            self.measurement.filter(c.concept == asked["again"]).group_by("participant")
            .agg((c.day.max() - c.day.min()).alias("span")).filter(c.span >= day(30))
        )
        kept = entry.join(within, on="participant", how="semi").join(excluded, on="participant", how="anti")
        kept = kept.join(again, on="participant", how="semi").join(self.person, on="participant")
        return kept.group_by("sex").agg(self.pl.len())


def date(v):
    """A text that is a day as one."""
    try:
        return datetime.date.fromisoformat(v)
    except (TypeError, ValueError):
        return v


def serve(folder, threads, asked):
    os.environ["POLARS_MAX_THREADS"] = threads
    duck, polars = DuckDB(folder, threads), Polars(folder)
    for line in sys.stdin:
        request = json.loads(line)
        question, peer = request["question"], request["peer"]
        of = duck if peer.startswith("duckdb") else polars
        seconds = []
        while sum(seconds) < 0.05:
            start = time.perf_counter()
            rows = of.ask(question, peer, asked[question])
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"seconds": statistics.median(seconds), "rows": rows if request["rows"] else None}), flush=True)


if sys.argv[1] == "make":
    make(*sys.argv[2:])
else:
    serve(sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
