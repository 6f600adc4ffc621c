"""Answers plans with DuckDB: the outsider that the engine is compared with.

oracle.py reads JSON lines and answers each with one:

    {"open": DIR, "prints": [[a, b], ...]}      loads a repository; the print of each participant
    {"plan": WIRE, "kinds": [KIND, ...], "names": [NAME, ...]}    WIRE as plan.Encode gives it, of each step its kind and name

The answer to a plan is {"groups": [GROUP, ...], "sql": TEXT}, or {"error": TEXT},
or {"skip": REASON} where the comments allow two answers. A GROUP is

    {"labels": [...], "all": SET, "rows": n, "values": [VALUE, ...]}

a SET is [participants, print, print], and a VALUE is what tally.Value documents:
known, true, sum, scale (the sum of absolute values, to judge rounding by),
squares, largest, sorted (quantiles of it: "quantiles": [[p, x], ...]), parts by label.

It was written from the comments of package datasets, without a look at the
engine. Where they leave something open, READINGS says how they were read.
"""
import hashlib
import json
import math
import os
import sys
import tempfile

import duckdb
import polars

# How what the comments leave open was read. Each is one line to change.
READINGS = {
    "age": "completed",  # age in years is the number of birthdays had; "exact" would be days / 365.25
    "between": "kleene",  # Between is two comparisons and an And; "missing" if any of the three is missing
    "reversed": "one day",  # a span that ends before it begins is of its first day; "empty" has none for During
    "when": "in order",  # a condition that is missing makes the label missing; "first true" passes over it
    "concept 0": "missing",  # no matching concept is no label and no concept; "a concept" has it as any other
    "unit": "code",  # a unit is called by its UCUM code; "name" by its concept's name
    "no end field": "start",  # an event of a table without an end ends on the day it starts
    "union index": "coalesce",  # Union: the first cohort's index date, of who has none there the second's
    "attrition": "from set algebra",  # a flowchart begins at the last Union, Intersect or Minus; "whole" has all steps
    "no time": "left out",  # who is censored on the day of the start has no time at risk, and is left out
    "cut-off": "caps",  # time at risk ends at the cut-off even where a censoring moment is later or missing
}

# Where the events of a root stand, by table: concept, start, end, value, source, type.
DOMAINS = {
    "Condition": ("condition_occurrence", "condition_concept_id", "condition_start_date", "condition_end_date", "", "condition_source_concept_id", "condition_type_concept_id"),
    "Drug": ("drug_exposure", "drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date", "", "drug_source_concept_id", "drug_type_concept_id"),
    "Measurement": ("measurement", "measurement_concept_id", "measurement_date", "", "value_as_number", "measurement_source_concept_id", "measurement_type_concept_id"),
    "Observation": ("observation", "observation_concept_id", "observation_date", "", "value_as_number", "observation_source_concept_id", "observation_type_concept_id"),
    "Procedure": ("procedure_occurrence", "procedure_concept_id", "procedure_date", "", "", "procedure_source_concept_id", "procedure_type_concept_id"),
    "Device": ("device_exposure", "device_concept_id", "device_exposure_start_date", "device_exposure_end_date", "", "device_source_concept_id", "device_type_concept_id"),
    "Visit": ("visit_occurrence", "visit_concept_id", "visit_start_date", "visit_end_date", "", "visit_source_concept_id", "visit_type_concept_id"),
    "Survey": ("ds_survey", "question_concept_id", "survey_date", "", "", "", ""),
    "Steps": ("activity_summary", "", "date", "", "steps", "", ""),
    "Sleep": ("sleep_daily_summary", "", "sleep_date", "", "minute_asleep", "", ""),
    "HeartRate": ("heart_rate_summary", "", "date", "", "min_heart_rate", "", ""),
    "Death": ("death", "cause_concept_id", "death_date", "", "", "", "death_type_concept_id"),
    "": ("observation_period", "", "observation_period_start_date", "observation_period_end_date", "", "", "period_type_concept_id"),
}
BY_TABLE = {d[0]: d for d in DOMAINS.values()}

# Units with a factor that does not depend on the concept: to one unit of each kind, times and plus.
FACTORS = {
    "kg": ("mass", 1.0, 0.0), "[lb_av]": ("mass", 0.45359237, 0.0),
    "cm": ("length", 1.0, 0.0), "[in_i]": ("length", 2.54, 0.0),
    "mmol/mol": ("hba1c", 1.0, 0.0), "%": ("hba1c", 10.929, -2.15 * 10.929),
}

# A percentage is one of HbA1c only where that was measured.
SUBSTANCE = {"hba1c": [3004410, 3005673, 40758583]}

# Measurements and observations are made of participants outside of care, too.
HEALTH_RECORD = ["condition_occurrence", "drug_exposure", "procedure_occurrence", "device_exposure", "visit_occurrence"]
WEARABLES = ["activity_summary", "sleep_daily_summary", "heart_rate_summary"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def called(concept, name):
    """SQL of what a concept is called."""
    none = f"coalesce({concept}, 0) = 0" if READINGS["concept 0"] == "missing" else f"{concept} IS NULL"
    return f"CASE WHEN {none} THEN NULL ELSE coalesce({name}, 'concept ' || {concept}) END"


class Skip(Exception):
    """The comments allow two answers."""


def text(s):
    return "'" + s.replace("'", "''") + "'"


def number(x):
    return f"CAST('{float(x)!r}' AS DOUBLE)" if "e" in repr(float(x)) else f"{float(x)!r}::DOUBLE"


def shown(x):
    """A number as a label shows it."""
    return str(int(x)) if x == int(x) else repr(x)


def strings(items):
    return "(" + ", ".join(text(s) for s in items) + ")"


def ints(items):
    return "(" + ", ".join(str(i) for i in sorted(items)) + ")" if items else "(NULL)"


class Step:
    """One step of a plan. key identifies it whatever it is called; name is what it is called."""

    def __init__(self, op, kind, recv, args, name):
        self.op, self.kind, self.recv, self.args, self.name = op, kind, recv, args, name
        parts = [op, recv.key if recv else ""]
        parts += [a.key if isinstance(a, Step) else repr((type(a).__name__, a)) for a in args]
        if op in ("Which", "Sequence"):
            parts += [a.name for a in args]
        self.key = hashlib.sha1("\0".join(parts).encode()).hexdigest()[:10]
        below = [s for s in [recv, *args] if isinstance(s, Step)]
        self.per = op == "Per" or any(s.per for s in below)


def decode(wire, kinds, names):
    steps = []
    for s, kind, name in zip(wire["steps"], kinds, names):
        args = []
        for a in s.get("args") or []:
            ((what, value),) = a.items()
            args.append(steps[value - 1] if what == "step" else float(value) if what == "float" else value)
        recv = steps[s["recv"] - 1] if s.get("recv") else None
        steps.append(Step(s["op"], kind, recv, args, name))
    return steps[-1]


class Repository:
    """A repository's tables in DuckDB: each as it is, and each of events in one common form."""

    def __init__(self, folder, prints):
        self.db = duckdb.connect()
        self.db.execute("SET threads = 2")
        self.manifest = json.load(open(os.path.join(folder, "manifest.json")))
        self.tables = {t["name"]: t for t in self.manifest["tables"]}
        self.temp = tempfile.TemporaryDirectory()
        self.names, self.codes, self.vocabularies = {}, {}, {}
        for name in self.tables:
            self.load(folder, name)
        for i, n, v, c in self.db.sql("SELECT concept_id, concept_name, vocabulary_id, concept_code FROM t_concept").fetchall():
            self.names[i], self.codes[i], self.vocabularies[i] = n, c, v
        self.children = {}
        for a, d in self.db.sql("SELECT ancestor_concept_id, descendant_concept_id FROM t_concept_ancestor").fetchall():
            self.children.setdefault(a, set()).add(d)
        zero = " WHERE concept_id != 0" if READINGS["concept 0"] == "missing" else ""
        self.db.execute(f"CREATE TABLE names AS SELECT concept_id, concept_name AS name, concept_code AS code FROM t_concept{zero}")
        self.people(prints)
        for table in BY_TABLE:
            if table in self.tables:
                self.events(table)

    def load(self, folder, name):
        """A table as it is, labels as texts, ord the row's place in the file."""
        frame = polars.read_ipc(os.path.join(folder, name + ".arrow"))
        for f in self.tables[name]["fields"]:
            if f["type"] == "label":
                frame = frame.with_columns(frame[f["name"]].cast(polars.String))
            if f["type"] == "concept":
                frame = frame.with_columns(frame[f["name"]].cast(polars.Int32))
                smallest = -(2**31)  # the dictionary's stand-in for a missing one
                frame = frame.with_columns(polars.when(polars.col(f["name"]) == smallest).then(None).otherwise(polars.col(f["name"])).alias(f["name"]))
        frame = frame.with_columns(polars.int_range(polars.len(), dtype=polars.Int64).alias("ord"))
        path = os.path.join(self.temp.name, name + ".parquet")
        frame.write_parquet(path)
        self.db.execute(f"CREATE TABLE t_{name} AS SELECT * FROM read_parquet('{path}') ORDER BY ord")

    def people(self, prints):
        """Table p: who there is, each with the two halves of their print."""
        concepts = [f["name"] for f in self.tables["person"]["fields"] if f["type"] == "concept"]
        named = "".join(f", n{i}.name AS {c}__n" for i, c in enumerate(concepts))
        joins = "".join(f" LEFT JOIN names n{i} ON n{i}.concept_id = t.{c}" for i, c in enumerate(concepts))
        path = os.path.join(self.temp.name, "prints.parquet")
        polars.DataFrame({"participant": list(range(len(prints))), "pa": [a for a, _ in prints], "pb": [b for _, b in prints]},
                         schema={"participant": polars.Int32, "pa": polars.Int64, "pb": polars.Int64}).write_parquet(path)
        self.db.execute(f"CREATE TABLE p AS SELECT t.*{named}, pa, pb FROM t_person t JOIN read_parquet('{path}') USING (participant){joins}")

    def events(self, table):
        """Table e_TABLE: participant, day d, end e, concept c and its name cn, source concept sc,
        type ty and its name tyn, value val, unit code u and name un, order ord, and each field f as r_f."""
        _, concept, start, end, value, source, kind = BY_TABLE[table]
        fields = {f["name"]: f["type"] for f in self.tables[table]["fields"]}
        has = lambda f, otherwise: "t." + f if f in fields else otherwise
        name = lambda f: called(f"t.{f}", f"n_{f}.name") if f in fields else "NULL::VARCHAR"
        columns = [
            "t.participant", f"t.{start} AS d", has(end, f"t.{start}" if READINGS["no end field"] == "start" else "NULL::DATE") + " AS e",
            has(concept, "NULL::INT") + " AS c", name(concept) + " AS cn", has(source, "NULL::INT") + " AS sc",
            has(kind, "NULL::INT") + " AS ty", name(kind) + " AS tyn", f"CAST({has(value, 'NULL')} AS DOUBLE) AS val",
        ]
        if "unit_concept_id" in fields:
            columns += ["CASE WHEN coalesce(t.unit_concept_id, 0) = 0 THEN '' ELSE n_unit_concept_id.code END AS u"]
            columns += ["nullif(u, '') AS un" if READINGS["unit"] == "code" else name("unit_concept_id") + " AS un"]
        else:
            columns += ["NULL::VARCHAR AS u", "NULL::VARCHAR AS un"]
        columns += ["t.ord"]
        joins = []
        for f, typ in fields.items():
            if f == "participant":
                continue
            columns.append(f"t.{f} AS r_{f}")
            if typ == "concept":
                unit = f == "unit_concept_id" and READINGS["unit"] == "code"
                columns.append(("nullif(u, '')" if unit else name(f)) + f" AS r_{f}__n")
                joins.append(f"LEFT JOIN names n_{f} ON n_{f}.concept_id = t.{f}")
        self.db.execute(f"CREATE TABLE e_{table} AS SELECT {', '.join(columns)} FROM t_{table} t {' '.join(joins)} ORDER BY ord")

    def descendants(self, ids):
        out = set(ids)
        for i in ids:
            out |= self.children.get(i, set())
        return out


class Scope:
    """Where an expression stands: rows of participants b (and p, who they are), and the leaves joined to them."""

    def __init__(self, keys=()):
        self.keys, self.leaves = set(keys), {}

    def leaf(self, name, keys=()):
        if not set(keys) <= self.keys:
            raise Exception("a value per group stands where its groups do not")
        self.leaves[name] = sorted(keys)
        return name

    def joins(self):
        out = ""
        for name, keys in self.leaves.items():
            on = "".join(f" AND {name}.{k} = b.{k}" for k in keys)
            out += f" LEFT JOIN {name} ON {name}.participant = b.participant{on}"
        return out


class Events:
    """A relation of events: its name, the columns of the groups it is split by, its table ("" for several)."""

    def __init__(self, name, keys=(), table=""):
        self.name, self.keys, self.table = name, tuple(keys), table


class Translation:
    """A plan in SQL. ctes are common table expressions in the order in which they are needed;
    dropped are the splits whose groups are all one."""

    def __init__(self, repository, plan):
        self.r, self.plan = repository, plan
        self.ctes, self.made, self.variables = {}, {}, 0
        self.dropped = frozenset()
        self.without_missing = False  # events that miss a split's label are left out
        self.checks = []  # queries that answer with rows where two answers are allowed

    # names

    def cte(self, prefix, key, sql, per=False):
        name = prefix + key
        if per and self.dropped:
            name += "_" + hashlib.sha1("".join(sorted(self.dropped)).encode()).hexdigest()[:6]
        if name not in self.ctes:
            body = sql()
            self.ctes.setdefault(name, body)
        return name

    def let(self, value, body):
        """body of a variable that stands for value, so that value is written once."""
        self.variables += 1
        v = f"v{self.variables}"
        return f"list_transform([{value}], lambda {v}: {body(v)})[1]"

    def query(self, sql):
        return "WITH " + ",\n".join(f"{n} AS ({s})" for n, s in self.ctes.items()) + "\n" + sql if self.ctes else sql

    # concepts

    def concepts(self, n):
        r, op = self.r, n.op
        if op == "Concepts":
            return set(n.args)
        if op == "Codes":
            vocabulary, *codes = n.args
            hit = lambda code: any(code.startswith(c[:-1]) if c.endswith("*") else code == c for c in codes)
            return {i for i, c in r.codes.items() if r.vocabularies[i] == vocabulary and c is not None and hit(c)}
        if op == "Search":
            words = n.args[0].lower().split()
            return {i for i, name in r.names.items() if all(w in name.lower() for w in words)}
        if op == "ConceptSet":
            keep, out = set(), set()
            for item in json.loads(n.args[0])["items"]:
                ids = {item["concept"]["CONCEPT_ID"]}
                if item.get("includeDescendants"):
                    ids = r.descendants(ids)
                if item.get("isExcluded"):
                    out |= ids
                else:
                    keep |= ids
            return keep - out
        before = self.concepts(n.recv)
        if op == "Descendants":
            return r.descendants(before)
        if op == "Union":
            return before | self.concepts(n.args[0])
        if op == "Minus":
            return before - self.concepts(n.args[0])
        if op == "Except":
            below, s = False, n.recv
            while s:
                below |= s.op == "Descendants"
                s = s.recv
            return before - (r.descendants(n.args) if below else set(n.args))
        raise Exception(f"concepts: {op}")

    # events

    def events(self, n):
        if n.recv is None:
            return self.root_events(n)
        if n.op in ("Descendants", "Except"):
            return self.root_events(n)
        if n.op == "Union":
            return self.union(n)
        if n.op == "Per":
            return self.per(n)
        e = self.events(n.recv)
        sql = getattr(self, "events_" + n.op.lower())
        name = self.cte("E", n.key, lambda: sql(n, e), n.per)
        return Events(name, e.keys, e.table)

    def root_events(self, n):
        leaf, chain = n, []
        while leaf.recv is not None:
            chain.append(leaf)
            leaf = leaf.recv
        table = leaf.args[0] if leaf.op == "Table" else DOMAINS[leaf.op][0]
        ids = set() if leaf.op in ("Table", "Death") else set(leaf.args)
        every, less = not ids, set()
        for s in reversed(chain):
            if s.op == "Descendants":
                ids = self.r.descendants(ids)
            else:
                less |= self.r.descendants(s.args)
        tests = [] if every else [f"c IN {ints(ids)}"]
        if less:
            tests.append(f"(c IS NULL OR c NOT IN {ints(less)})")
        where = " WHERE " + " AND ".join(tests) if tests else ""
        return Events(self.cte("E", n.key, lambda: f"SELECT * FROM e_{table}{where}"), (), table)

    def union(self, n):
        parts = [self.events(n.recv)] + [self.events(a) for a in n.args]
        common = "participant, d, e, c, cn, sc, ty, tyn, val, u, un"

        def sql():
            whole = " UNION ALL ".join(f"SELECT {common}, {i} AS part, ord AS place FROM {p.name}" for i, p in enumerate(parts))
            return f"SELECT {common}, row_number() OVER (ORDER BY participant, d, part, place) AS ord FROM ({whole})"

        return Events(self.cte("E", n.key, sql))

    def events_in(self, n, e):
        return f"SELECT * FROM {e.name} WHERE c IN {ints(self.concepts(n.args[0]))}"

    def events_insource(self, n, e):
        return f"SELECT * FROM {e.name} WHERE sc IN {ints(self.concepts(n.args[0]))}"

    def events_where(self, n, e):
        return f"SELECT * FROM {e.name} WHERE {self.test(n.args[0])}"

    def test(self, f):
        """A filter: true or false, never missing."""
        if f.op in ("And", "Or"):
            return f"({self.test(f.recv)} {f.op.upper()} {self.test(f.args[0])})"
        if f.op == "Not":
            return f"(NOT {self.test(f.recv)})"
        field = "r_" + f.recv.args[0]
        if f.op == "Missing":
            return f"({field} IS NULL)"
        values = []
        for a in f.args:
            values.append("r_" + a.args[0] if isinstance(a, Step) else text(a) if isinstance(a, str) else number(a))
        if f.op == "In":
            return f"coalesce({field} IN ({', '.join(values)}), false)"
        sign = {"Below": "<", "AtMost": "<=", "Above": ">", "AtLeast": ">=", "Is": "="}[f.op]
        return f"coalesce({field} {sign} {values[0]}, false)"

    def events_unit(self, n, e):
        return f"SELECT * FROM {e.name} WHERE u IN {strings(n.args)}"

    def events_convertto(self, n, e):
        to = n.args[0]
        kind, times, plus = FACTORS[to]
        cases, units = "", []
        for unit, (k, t, p) in FACTORS.items():
            if k == kind:
                units.append(unit)
                same = "val" if unit == to else f"(val * {number(t)} + {number(p - plus)}) / {number(times)}"
                cases += f" WHEN {text(unit)} THEN {same}"
        where = f"u IN {strings(units)}"
        if kind in SUBSTANCE:
            where = f"(u = {text(to)} OR {where} AND c IN ({', '.join(map(str, SUBSTANCE[kind]))}))"
        name = text(to if READINGS["unit"] == "code" else next(self.r.names[i] for i, c in self.r.codes.items() if c == to))
        return f"SELECT * REPLACE (CASE u{cases} END AS val, {text(to)} AS u, {name} AS un) FROM {e.name} WHERE {where}"

    def events_valuebetween(self, n, e):
        return f"SELECT * FROM {e.name} WHERE val >= {number(n.args[0])} AND val <= {number(n.args[1])}"

    def events_valueatleast(self, n, e):
        return f"SELECT * FROM {e.name} WHERE val >= {number(n.args[0])}"

    def events_valuebelow(self, n, e):
        return f"SELECT * FROM {e.name} WHERE val < {number(n.args[0])}"

    def events_answered(self, n, e):
        return f"SELECT * FROM {e.name} WHERE {self.answer('r_answer_concept_id__n')} IN {strings(n.args)}"

    def answer(self, name):
        """What stands behind the last ": "."""
        return f"list_last(string_split({name}, ': '))"

    def events_read(self, n, e):
        return f"SELECT * REPLACE (CAST(r_{n.args[0]} AS DOUBLE) AS val) FROM {e.name}"

    def events_atage(self, n, e):
        age = self.age("p.birth_date", "x.d")
        return f"SELECT x.* FROM {e.name} x JOIN p USING (participant) WHERE {age} >= {n.args[0]} AND {age} <= {n.args[1]}"

    def age(self, birth, day):
        if READINGS["age"] == "exact":
            return f"(({day} - {birth}) / 365.25::DOUBLE)"
        return (f"CAST(year({day}) - year({birth}) - CASE WHEN month({day}) * 100 + day({day}) < month({birth}) * 100 + day({birth})"
                f" THEN 1 ELSE 0 END AS DOUBLE)")

    def anchored(self, n, e, test):
        """The events for which the test holds of the anchor's day a.d, or of one of the anchor's days."""
        anchor = n.args[0]
        days = self.events(anchor).name if anchor.kind == "Events" else self.moment(anchor)
        return f"SELECT x.* FROM {e.name} x WHERE EXISTS (SELECT 1 FROM {days} a WHERE a.participant = x.participant AND {test})"

    def events_before(self, n, e):
        return self.anchored(n, e, "x.d < a.d")

    def events_onorbefore(self, n, e):
        return self.anchored(n, e, "x.d <= a.d")

    def events_after(self, n, e):
        return self.anchored(n, e, "x.d > a.d")

    def events_onorafter(self, n, e):
        return self.anchored(n, e, "x.d >= a.d")

    def events_window(self, n, e):
        return self.anchored(n, e, f"x.d - a.d BETWEEN {n.args[1]} AND {n.args[2]}")

    def events_during(self, n, e):
        spans = self.events(n.args[0]).name
        last = "coalesce(a.e, a.d)" if READINGS["reversed"] == "empty" else "greatest(a.d, coalesce(a.e, a.d))"
        return (f"SELECT x.* FROM {e.name} x WHERE EXISTS (SELECT 1 FROM {spans} a WHERE a.participant = x.participant"
                f" AND x.d BETWEEN a.d AND {last})")

    def partition(self, e):
        return ", ".join(["participant", *e.keys])

    def events_apart(self, n, e):
        by, days = self.partition(e), n.args[0]
        first = f"SELECT * FROM {e.name} QUALIFY row_number() OVER (PARTITION BY {by}, d ORDER BY ord) = 1"
        if days == 1:
            return first
        kept = (f"SELECT {by}, unnest(list_reduce(list([d] ORDER BY d), lambda kept, x:"
                f" CASE WHEN x[1] - kept[-1] >= {days} THEN list_concat(kept, x) ELSE kept END)) AS d FROM ({first}) GROUP BY {by}")
        return f"SELECT x.* FROM ({first}) x JOIN ({kept}) USING ({by}, d)"

    def events_eras(self, n, e):
        by, gap = self.partition(e), n.args[0]
        ends = f"SELECT *, greatest(d, coalesce(e, d)) AS until FROM {e.name}"
        before = f"SELECT *, max(until) OVER (PARTITION BY {by} ORDER BY d, ord ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach FROM ({ends})"
        numbered = f"SELECT *, sum(CASE WHEN reach IS NULL OR d - reach > {gap} THEN 1 ELSE 0 END) OVER (PARTITION BY {by} ORDER BY d, ord) AS era FROM ({before})"
        whole = f"SELECT *, max(until) OVER (PARTITION BY {by}, era) AS last FROM ({numbered})"
        return (f"SELECT * EXCLUDE (until, reach, era, last) REPLACE (last AS e) FROM ({whole})"
                f" QUALIFY row_number() OVER (PARTITION BY {by}, era ORDER BY d, ord) = 1")

    # splits

    def column(self, split):
        return "k_" + split.key

    def split_of(self, split):
        """The events that a split splits, or none for periods."""
        if split.op == "Answers":
            return Step("Survey", "Events", None, list(split.args), "")
        return split.recv

    def divide(self, e, splits, extra=""):
        """SQL of the events with the group of each split; those in no period are left out."""
        columns, joins, tests = [], "", []
        for i, s in enumerate(splits):
            key, test = self.group(s, i)
            if s.op == "Since":
                joins += f" JOIN {self.moment(s.args[0])} m{i} ON m{i}.participant = x.participant"
            if test:
                tests.append(test)
            if self.without_missing:
                tests.append(f"({key}) IS NOT NULL")
            missing = f"coalesce({key}, 'missing')"
            columns.append(f"{text('total') if s.key in self.dropped else missing} AS {self.column(s)}, {key} IS NULL AS {self.column(s)}_missing")
        where = " WHERE " + " AND ".join(tests) if tests else ""
        return f"SELECT x.*, {', '.join(columns)}{extra} FROM {e.name} x{joins}{where}"

    def group(self, s, i):
        """A split's label of the event x, and the test that it has one."""
        if s.op == "EachConcept":
            return "x.c || ' ' || x.cn", ""
        if s.op == "EachUnit":
            return "x.un", ""
        if s.op == "EachSource":
            return "x.tyn", ""
        if s.op == "EachModule":
            return "x.r_survey", ""
        if s.op == "Each":
            return self.labelled(s.recv, s.args[0], "x"), ""
        if s.op == "Answers":
            return self.answer("x.r_answer_concept_id__n"), ""
        if s.op == "Since":
            days, periods = s.args[1:]
            return f"CAST(1 + (x.d - m{i}.d) // {days} AS VARCHAR)", f"x.d >= m{i}.d AND x.d - m{i}.d < {days * periods}"
        form = {"Days": "%Y-%m-%d", "Months": "%Y-%m", "Years": "%Y"}[s.op]
        first, last = self.period(s)
        return f"strftime(x.d, '{form}')", f"x.d BETWEEN {first} AND {last}"

    def period(self, s):
        """The first and the last day of a calendar split."""
        a, b = s.args
        if s.op == "Years":
            return f"DATE '{a:04d}-01-01'", f"DATE '{b:04d}-12-31'"
        if s.op == "Months":
            return f"DATE '{a}-01'", f"last_day(DATE '{b}-01')"
        return f"DATE '{a}'", f"DATE '{b}'"

    def labelled(self, of, field, row):
        leaf = of
        while leaf.recv is not None:
            leaf = leaf.recv
        table = leaf.args[0] if leaf.op == "Table" else DOMAINS[leaf.op][0]
        types = {f["name"]: f["type"] for f in self.r.tables[table]["fields"]}
        return f"{row}.r_{field}" + ("__n" if types[field] == "concept" else "")

    def per(self, n):
        e = self.events(n.recv)
        sql = lambda: self.divide(e, n.args)
        return Events(self.cte("E", n.key, sql, True), [self.column(s) for s in n.args], e.table)

    # events: choosing one, reducing

    def event(self, n, scope):
        """A leaf with the chosen event of each participant."""
        if n.op == "Death":
            e, order = self.root_events(n), "d, ord"
        else:
            e = self.events(n.recv)
        where, joins = "", ""
        if n.op == "First":
            order = "x.d, x.ord"
        elif n.op == "Last":
            order = "x.d DESC, x.ord DESC"
        elif n.op == "Nearest":
            joins = f" JOIN {self.moment(n.args[0])} m ON m.participant = x.participant"
            order, where = "abs(x.d - m.d), x.d, x.ord", " WHERE m.d IS NOT NULL"
        elif n.op in ("Highest", "Lowest"):
            order = ("x.val DESC" if n.op == "Highest" else "x.val") + ", x.d, x.ord"
            where = " WHERE x.val IS NOT NULL"
        by = ", ".join("x." + c for c in ["participant", *e.keys])
        sql = lambda: f"SELECT x.* FROM {e.name} x{joins}{where} QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY {order}) = 1"
        return scope.leaf(self.cte("O", n.key, sql, n.per), e.keys)

    def reduction(self, n, scope, sql):
        e = self.events(n.recv)
        by = self.partition(e)
        name = self.cte("R", n.key, lambda: f"SELECT {by}, {sql} AS v FROM {e.name} GROUP BY {by}", n.per)
        return scope.leaf(name, e.keys) + ".v"

    # columns: an expression in a scope

    def moment(self, n):
        """A relation of participants and a day d, of those who have one."""
        def sql():
            scope = Scope()
            v = self.day(n, scope)
            return f"SELECT * FROM (SELECT b.participant, {v} AS d FROM p b JOIN p ON p.participant = b.participant{scope.joins()}) WHERE d IS NOT NULL"
        return self.cte("M", n.key, sql)

    def day(self, n, scope):
        return self.event(n, scope) + ".d" if n.kind == "Event" else self.col(n, scope)

    def criterion(self, n, scope):
        if n.kind == "Bool":
            return self.col(n, scope)
        if n.kind == "Event":
            return f"({self.event(n, scope)}.participant IS NOT NULL)"
        if n.kind == "Cohort":
            return f"({scope.leaf(self.cohort(n))}.participant IS NOT NULL)"
        return f"({self.reduction(n_(n, 'Exists'), scope, 'count(*)')} IS NOT NULL)"

    def operand(self, a, scope):
        return self.col(a, scope) if isinstance(a, Step) else number(a)

    def col(self, n, scope):
        owner = n.recv.kind.lower() if n.recv else "root"
        for name in (f"{owner}_{n.op.lower()}", f"any_{n.op.lower()}"):
            if hasattr(self, name):
                return getattr(self, name)(n, scope)
        raise Exception(f"no SQL for {owner}.{n.op}")

    # of the person

    def attribute(self, field):
        return called("p." + field, f"p.{field}__n")

    def root_sexatbirth(self, n, scope):
        return self.attribute("sex_at_birth_concept_id")

    def root_genderidentity(self, n, scope):
        return self.attribute("gender_identity_concept_id")

    def root_race(self, n, scope):
        return self.attribute("race_concept_id")

    def root_ethnicity(self, n, scope):
        return self.attribute("ethnicity_concept_id")

    def root_state(self, n, scope):
        return self.attribute("state_of_residence_concept_id")

    def root_birth(self, n, scope):
        return "p.birth_date"

    def root_age(self, n, scope):
        return self.age("p.birth_date", f"DATE '{self.r.manifest['cut_off']}'")

    def root_ageat(self, n, scope):
        return self.let(self.day(n.args[0], scope), lambda v: self.age("p.birth_date", v))

    def root_observedfrom(self, n, scope):
        return self.observation("min(d)", "from", scope)

    def root_observeduntil(self, n, scope):
        return self.observation("max(e)", "until", scope)

    def observation(self, sql, key, scope):
        return scope.leaf(self.cte("R", "observed_" + key, lambda: f"SELECT participant, {sql} AS v FROM e_observation_period GROUP BY participant")) + ".v"

    def root_observed(self, n, scope):
        m = self.moment(n.args[0])
        name = self.cte("R", n.key, lambda: f"SELECT m.participant, bool_or(coalesce(o.d <= m.d + {n.args[1]} AND o.e >= m.d + {n.args[2]}, false)) AS v"
                        f" FROM {m} m LEFT JOIN e_observation_period o ON o.participant = m.participant GROUP BY m.participant")
        return scope.leaf(name) + ".v"

    def root_hasehr(self, n, scope):
        return self.contributed("ehr", HEALTH_RECORD, scope)

    def root_hasfitbit(self, n, scope):
        return self.contributed("fitbit", WEARABLES, scope)

    def contributed(self, key, tables, scope):
        sql = " UNION ".join(f"SELECT participant FROM t_{t}" for t in tables if t in self.r.tables)
        return f"({scope.leaf(self.cte('R', key, lambda: sql))}.participant IS NOT NULL)"

    def root_answer(self, n, scope):
        last = n_(Step("Survey", "Events", None, n.args, ""), "Last", "Event")
        return self.answer(self.event(last, scope) + ".r_answer_concept_id__n")

    # of an event

    def event_exists(self, n, scope):
        return f"({self.event(n.recv, scope)}.participant IS NOT NULL)"

    def event_date(self, n, scope):
        return self.event(n.recv, scope) + ".d"

    def event_end(self, n, scope):
        return self.event(n.recv, scope) + ".e"

    def event_value(self, n, scope):
        return self.event(n.recv, scope) + ".val"

    def event_age(self, n, scope):
        return self.age("p.birth_date", self.event(n.recv, scope) + ".d")

    def event_concept(self, n, scope):
        return self.event(n.recv, scope) + ".cn"

    def event_unit(self, n, scope):
        return self.event(n.recv, scope) + ".un"

    def event_source(self, n, scope):
        return self.event(n.recv, scope) + ".tyn"

    def event_answer(self, n, scope):
        return self.answer(self.event(n.recv, scope) + ".r_answer_concept_id__n")

    def event_number(self, n, scope):
        return f"CAST({self.event(n.recv, scope)}.r_{n.args[0]} AS DOUBLE)"

    def event_category(self, n, scope):
        return self.labelled(n.recv, n.args[0], self.event(n.recv, scope))

    # of events

    def reduce(self, n, scope):
        sql = {
            "MeanValue": "avg(val)", "MedianValue": "quantile_cont(val, 0.5)", "SDValue": "stddev_samp(val)",
            "MinValue": "min(val)", "MaxValue": "max(val)", "SumValue": "sum(val)",
            "SlopeValue": "CASE WHEN count(DISTINCT d) FILTER (WHERE val IS NOT NULL) > 1 THEN"
                          " regr_slope(val, (d - DATE '2015-01-01') / 365.25::DOUBLE) END",
        }[n.op]
        return self.reduction(n, scope, sql)

    events_meanvalue = events_medianvalue = events_sdvalue = events_minvalue = reduce
    events_maxvalue = events_sumvalue = events_slopevalue = reduce

    def events_occurrences(self, n, scope):
        return f"CAST(coalesce({self.reduction(n, scope, 'count(*)')}, 0) AS DOUBLE)"

    def events_distinctconcepts(self, n, scope):
        distinct = "count(DISTINCT nullif(c, 0))" if READINGS["concept 0"] == "missing" else "count(DISTINCT c)"
        return f"CAST(coalesce({self.reduction(n, scope, distinct)}, 0) AS DOUBLE)"

    def events_exists(self, n, scope):
        return f"({self.reduction(n, scope, 'count(*)')} IS NOT NULL)"

    def events_atleast(self, n, scope):
        return f"(coalesce({self.reduction(n_(n.recv, 'Exists'), scope, 'count(*)')}, 0) >= {n.args[0]})"

    # numbers

    def binary(self, n, scope, sign):
        return f"({self.col(n.recv, scope)} {sign} {self.operand(n.args[0], scope)})"

    def number_plus(self, n, scope):
        return self.binary(n, scope, "+")

    def number_minus(self, n, scope):
        return self.binary(n, scope, "-")

    def number_times(self, n, scope):
        return self.binary(n, scope, "*")

    def finite(self, x):
        return self.let(x, lambda v: f"CASE WHEN isfinite({v}) THEN {v} END")

    def number_over(self, n, scope):
        return f"({self.col(n.recv, scope)} / nullif({self.operand(n.args[0], scope)}, 0::DOUBLE))"

    def number_pow(self, n, scope):
        return self.finite(f"pow({self.col(n.recv, scope)}, {number(n.args[0])})")

    def number_log(self, n, scope):
        return self.let(self.col(n.recv, scope), lambda v: f"CASE WHEN {v} > 0 THEN ln({v}) END")

    def number_exp(self, n, scope):
        return self.finite(f"exp({self.col(n.recv, scope)})")

    def number_sqrt(self, n, scope):
        return self.let(self.col(n.recv, scope), lambda v: f"CASE WHEN {v} >= 0 THEN sqrt({v}) END")

    def number_abs(self, n, scope):
        return f"abs({self.col(n.recv, scope)})"

    def number_round(self, n, scope):
        return f"round({self.col(n.recv, scope)}, {n.args[0]})"

    def number_clamp(self, n, scope):
        lo, hi = number(n.args[0]), number(n.args[1])
        return self.let(self.col(n.recv, scope), lambda v: f"CASE WHEN {v} < {lo} THEN {lo} WHEN {v} > {hi} THEN {hi} ELSE {v} END")

    def number_orelse(self, n, scope):
        return f"coalesce({self.col(n.recv, scope)}, {self.operand(n.args[0], scope)})"

    def number_below(self, n, scope):
        return self.binary(n, scope, "<")

    def number_atmost(self, n, scope):
        return self.binary(n, scope, "<=")

    def number_above(self, n, scope):
        return self.binary(n, scope, ">")

    def number_atleast(self, n, scope):
        return self.binary(n, scope, ">=")

    def number_is(self, n, scope):
        return self.binary(n, scope, "=")

    def number_between(self, n, scope):
        lo, hi = self.operand(n.args[0], scope), self.operand(n.args[1], scope)

        def body(v):
            both = f"({v}.x >= {v}.lo AND {v}.x <= {v}.hi)"
            if READINGS["between"] == "kleene":
                return both
            return f"CASE WHEN {v}.x IS NOT NULL AND {v}.lo IS NOT NULL AND {v}.hi IS NOT NULL THEN {both} END"
        return self.let(f"{{x: {self.col(n.recv, scope)}, lo: {lo}, hi: {hi}}}", body)

    def bands(self, x, edges):
        def body(v):
            sql = f"CASE WHEN {v} IS NULL THEN NULL WHEN {v} < {number(edges[0])} THEN {text('<' + shown(edges[0]))}"
            for lo, hi in zip(edges, edges[1:]):
                sql += f" WHEN {v} < {number(hi)} THEN {text(f'{shown(lo)} to <{shown(hi)}')}"
            return sql + f" ELSE {text(shown(edges[-1]) + '+')} END"
        return self.let(x, body)

    def number_bands(self, n, scope):
        return self.bands(self.col(n.recv, scope), n.args)

    def number_bandsof(self, n, scope):
        width, lo, hi = n.args
        edges = [lo + i * width for i in range(math.ceil((hi - lo) / width))] + [hi]
        return self.bands(self.col(n.recv, scope), edges)

    def number_levels(self, n, scope):
        lo, hi = n.args
        return self.let(self.col(n.recv, scope), lambda v: f"CASE WHEN {v} >= {lo} AND {v} <= {hi} AND {v} = floor({v}) THEN CAST(CAST({v} AS INT) AS VARCHAR) END")

    def number_fractions(self, n, scope):
        k = n.args[0]

        def everyone():
            inner = Scope()
            v = self.col(n.recv, inner)
            return f"SELECT b.participant, {v} AS v FROM p b JOIN p ON p.participant = b.participant{inner.joins()}"
        values = self.cte("F", n.key, everyone)
        at = ", ".join(f"{i / k!r}" for i in range(1, k))
        cuts = self.cte("Q", n.key, lambda: f"SELECT quantile_cont(v, [{at}]) AS q FROM {values}")
        self.checks.append(f"SELECT 1 FROM {values}, {cuts} WHERE len(list_filter(q, lambda c: c <> v AND abs(c - v) <= 1e-9 * abs(c))) > 0")
        name = self.cte("R", n.key, lambda: f"SELECT participant, CASE WHEN v IS NOT NULL THEN CAST(1 + len(list_filter(q, lambda c: c < v)) AS VARCHAR) END AS v FROM {values}, {cuts}")
        return scope.leaf(name) + ".v"

    # Kleene's logic is SQL's

    def bool_and(self, n, scope):
        return self.binary(n, scope, "AND")

    def bool_or(self, n, scope):
        return self.binary(n, scope, "OR")

    def bool_not(self, n, scope):
        return f"(NOT {self.col(n.recv, scope)})"

    def bool_orelse(self, n, scope):
        return f"coalesce({self.col(n.recv, scope)}, {str(n.args[0]).lower()})"

    def bool_number(self, n, scope):
        return f"CAST({self.col(n.recv, scope)} AS DOUBLE)"

    def bool_labels(self, n, scope):
        return f"(CASE {self.col(n.recv, scope)} WHEN true THEN {text(n.args[0])} WHEN false THEN {text(n.args[1])} END)"

    def any_missing(self, n, scope):
        return f"({self.col(n.recv, scope)} IS NULL)"

    def any_known(self, n, scope):
        return f"({self.col(n.recv, scope)} IS NOT NULL)"

    def root_allof(self, n, scope):
        return "(" + " AND ".join(self.criterion(a, scope) for a in n.args) + ")"

    def root_anyof(self, n, scope):
        return "(" + " OR ".join(self.criterion(a, scope) for a in n.args) + ")"

    def root_noneof(self, n, scope):
        return f"(NOT {self.root_anyof(n, scope)})"

    def root_atleastof(self, n, scope):
        least = n.args[0]
        all_of = ", ".join(self.criterion(a, scope) for a in n.args[1:])
        return self.let(f"[{all_of}]", lambda v: f"CASE WHEN len(list_filter({v}, lambda c: c)) >= {least} THEN true"
                        f" WHEN len(list_filter({v}, lambda c: c IS NULL OR c)) < {least} THEN false END")

    def root_if(self, n, scope):
        a, b = (self.operand(x, scope) for x in n.args[1:])
        return f"(CASE {self.col(n.args[0], scope)} WHEN true THEN {a} WHEN false THEN {b} END)"

    # categories

    def category_is(self, n, scope):
        return f"({self.col(n.recv, scope)} = {text(n.args[0])})"

    def category_in(self, n, scope):
        return f"({self.col(n.recv, scope)} IN {strings(n.args)})"

    def category_hasprefix(self, n, scope):
        return f"starts_with({self.col(n.recv, scope)}, {text(n.args[0])})"

    def category_contains(self, n, scope):
        return f"contains({self.col(n.recv, scope)}, {text(n.args[0])})"

    def category_orelse(self, n, scope):
        return f"coalesce({self.col(n.recv, scope)}, {text(n.args[0])})"

    def category_recode(self, n, scope):
        cases = "".join(f" WHEN {text(a)} THEN {text(b)}" for a, b in zip(n.args[::2], n.args[1::2]))
        return self.let(self.col(n.recv, scope), lambda v: f"CASE {v}{cases} ELSE {v} END")

    def category_collapse(self, n, scope):
        into, *labels = n.args
        if not labels:
            return self.col(n.recv, scope)
        return self.let(self.col(n.recv, scope), lambda v: f"CASE WHEN {v} IN {strings(labels)} THEN {text(into)} ELSE {v} END")

    def category_order(self, n, scope):
        return self.col(n.recv, scope)

    def category_scores(self, n, scope):
        cases = "".join(f" WHEN {text(a)} THEN {number(b)}" for a, b in zip(n.args[::2], n.args[1::2]))
        return f"(CASE {self.col(n.recv, scope)}{cases} END)"

    def cases(self, n, scope):
        steps, c = [], n.recv
        while c is not None:
            steps.append(c)
            c = c.recv
        conditions = [(self.col(c.args[0], scope), text(c.args[1])) for c in reversed(steps)]
        last = "NULL::VARCHAR" if n.op == "OrMissing" else text(n.args[0])
        sql = "CASE"
        for c, label in conditions:
            if READINGS["when"] != "first true":
                sql += f" WHEN ({c}) IS NULL THEN NULL"
            sql += f" WHEN {c} THEN {label}"
        if n.op == "Otherwise":
            sql += f" WHEN ({' OR '.join(c for c, _ in conditions)}) IS NULL THEN NULL"
        return f"({sql} ELSE {last} END)"

    cases_otherwise = cases_ormissing = cases

    def root_which(self, n, scope):
        members = [(f"({scope.leaf(self.cohort(c))}.participant IS NOT NULL)", text(c.name)) for c in n.args]
        count = " + ".join(f"CAST({m} AS INT)" for m, _ in members)
        one = "".join(f" WHEN {m} THEN {label}" for m, label in members)
        return f"(CASE WHEN {count} > 1 THEN 'several'{one} END)"

    def sequence(self, n, scope):
        def sql():
            inner = Scope()
            firsts = [self.reduction(n_(a, "FirstDay"), inner, "min(d)") for a in n.args]
            kinds = ", ".join(f"{{d: {f}, i: {i + 1}}}" for i, f in enumerate(firsts))
            return f"SELECT b.participant, list_sort(list_filter([{kinds}], lambda k: k.d IS NOT NULL)) AS s FROM p b{inner.joins()}"
        return scope.leaf(self.cte("S", n.key, sql)) + ".s"

    def order_step(self, n, scope):
        names = "".join(f" WHEN {i + 1} THEN {text(a.name)}" for i, a in enumerate(n.recv.args))
        return f"(CASE {self.sequence(n.recv, scope)}[{n.args[0]}].i{names} ELSE 'none' END)"

    def order_path(self, n, scope):
        names = "".join(f" WHEN {i + 1} THEN {text(a.name)}" for i, a in enumerate(n.recv.args))
        kinds = f"{self.sequence(n.recv, scope)}[1:{n.args[0]}]"
        return f"coalesce(nullif(list_aggregate(list_transform({kinds}, lambda k: CASE k.i{names} END), 'string_agg', ' → '), ''), 'none')"

    def order_date(self, n, scope):
        return f"{self.sequence(n.recv, scope)}[{n.args[0]}].d"

    # dates

    def against(self, n, scope, sign):
        return f"({self.col(n.recv, scope)} {sign} {self.day(n.args[0], scope)})"

    def date_before(self, n, scope):
        return self.against(n, scope, "<")

    def date_onorbefore(self, n, scope):
        return self.against(n, scope, "<=")

    def date_after(self, n, scope):
        return self.against(n, scope, ">")

    def date_onorafter(self, n, scope):
        return self.against(n, scope, ">=")

    def date_dayssince(self, n, scope):
        return f"CAST({self.against(n, scope, '-')} AS DOUBLE)"

    def date_yearssince(self, n, scope):
        return f"({self.date_dayssince(n, scope)} / 365.25::DOUBLE)"

    def date_adddays(self, n, scope):
        return f"({self.col(n.recv, scope)} + {n.args[0]}::INT)"

    def date_year(self, n, scope):
        return f"CAST(year({self.col(n.recv, scope)}) AS DOUBLE)"

    def date_month(self, n, scope):
        names = ", ".join(text(m) for m in MONTHS)
        return f"([{names}])[month({self.col(n.recv, scope)})]"

    def date_weekday(self, n, scope):
        names = ", ".join(text(d) for d in WEEKDAYS)
        return f"([{names}])[isodow({self.col(n.recv, scope)})]"

    def date_orelse(self, n, scope):
        return f"coalesce({self.col(n.recv, scope)}, {self.day(n.args[0], scope)})"

    def root_day(self, n, scope):
        y, m, d = n.args
        return f"DATE '{y:04d}-{m:02d}-{d:02d}'"

    def root_earliest(self, n, scope):
        return "least(" + ", ".join(self.day(a, scope) for a in n.args) + ")"

    def root_latest(self, n, scope):
        return "greatest(" + ", ".join(self.day(a, scope) for a in n.args) + ")"

    def root_sumof(self, n, scope):
        return "(" + " + ".join(self.col(a, scope) for a in n.args) + ")"

    def extreme(self, n, scope, function):
        values = ", ".join(self.col(a, scope) for a in n.args)
        return self.let(f"[{values}]", lambda v: f"CASE WHEN len(list_filter({v}, lambda x: x IS NULL)) = 0 THEN {function}({v}) END")

    def root_largestof(self, n, scope):
        return self.extreme(n, scope, "list_max")

    def root_smallestof(self, n, scope):
        return self.extreme(n, scope, "list_min")

    def cohort_index(self, n, scope):
        return scope.leaf(self.cohort(n.recv)) + ".idx"

    # cohorts: relations of participants and their index date idx

    def cohort(self, n):
        return self.cte("C", n.key, lambda: self.cohort_sql(n))

    def cohort_sql(self, n):
        if n.recv is None:
            return "SELECT participant, NULL::DATE AS idx FROM p"
        if n.kind == "Frame" and n.op != "Where":
            return f"SELECT * FROM {self.cohort(n.recv)}"
        c = self.cohort(n.recv)
        scope = Scope()
        if n.op in ("Union", "Intersect", "Minus"):
            o = self.cohort(n.args[0])
            if n.op == "Union":
                second = "coalesce(a.idx, o.idx)" if READINGS["union index"] == "coalesce" else "a.idx"
                return f"SELECT participant, {second} AS idx FROM {c} a FULL JOIN {o} o USING (participant)"
            how = "SEMI" if n.op == "Intersect" else "ANTI"
            return f"SELECT a.* FROM {c} a {how} JOIN {o} o USING (participant)"
        idx = "b.idx"
        if n.op in ("Include", "Where"):
            test = self.criterion(n.args[0], scope)
        elif n.op == "Exclude":
            test = f"(NOT coalesce({self.criterion(n.args[0], scope)}, false))"
        else:  # Entry, IndexOn
            idx = self.day(n.args[0], scope)
            test = f"({idx}) IS NOT NULL"
        return f"SELECT b.participant, {idx} AS idx FROM {c} b JOIN p ON p.participant = b.participant{scope.joins()} WHERE {test}"

    # tables

    def attrition(self):
        steps, c = [], self.plan.recv
        while c is not None:
            steps.append(c)
            algebra = c.op in ("Union", "Intersect", "Minus") and READINGS["attrition"] == "from set algebra"
            c = None if algebra else c.recv
        sql = " UNION ALL ".join(f"SELECT {i} AS i, count(*), coalesce(sum(pa), 0), coalesce(sum(pb), 0) FROM {self.cohort(c)} JOIN p USING (participant)"
                                 for i, c in enumerate(reversed(steps)))
        sql = self.query(sql + " ORDER BY i")
        rows = self.r.db.sql(sql).fetchall()
        return sql, [{"labels": [], "all": [n, int(a), int(b)], "rows": n, "values": []} for _, n, a, b in rows]

    def tabulate(self):
        n = self.plan
        if n.op == "Attrition":
            return self.attrition()
        totals = drop_missing = False
        keys, groups = [], n.recv
        if n.op == "Crosstab":
            totals, keys = True, list(n.args)
        while groups.kind == "Groups":
            totals |= groups.op == "WithTotals"
            drop_missing |= groups.op == "DropMissing"
            keys, groups = list(groups.args) if groups.op == "By" else keys, groups.recv
        stats = list(n.args) if n.op in ("Summarise", "Rate") else []
        splits = [k for k in keys if k.kind == "Split"]
        members = self.cohort(groups)
        parts = []
        self.without_missing = drop_missing
        for drop in subsets([s.key for s in splits]) if totals else [frozenset()]:
            self.dropped = drop
            parts.append(self.part(n.op, members, keys, splits, stats, drop_missing))
        self.dropped = frozenset()
        self.sql = self.query(" UNION ALL BY NAME ".join(parts))
        db = self.r.db
        for check in self.checks:
            if db.sql(self.query(check + " LIMIT 1")).fetchall():
                raise Skip("a value on a quantile")
        db.execute("CREATE OR REPLACE TEMP TABLE t AS " + self.sql)
        return self.sql, self.aggregate(keys, stats, n.op, totals)

    def part(self, op, members, keys, splits, stats, drop_missing):
        """SQL of one row for each participant and group of the splits: labels g0…, rows, values x0…."""
        columns = [self.column(s) for s in splits]
        scope = Scope(columns)
        if op == "Rate":
            base, values = self.at_risk(members, splits, stats[0], scope)
        else:
            base = self.base(members, splits, stats, drop_missing)
            values = [f"{self.col(s.recv, scope)} AS x{i}" for i, s in enumerate(stats)]
        labels, tests = [], []
        for i, k in enumerate(keys):
            if k.kind == "Split":
                label = "b." + self.column(k)
            else:
                label = self.col(k, scope)
                if k.kind == "Bool":
                    label = f"CASE {label} WHEN true THEN 'yes' WHEN false THEN 'no' END"
                if drop_missing:
                    tests.append(f"({label}) IS NOT NULL")
                label = f"coalesce({label}, 'missing')"
            labels.append(f"{label} AS g{i}")
        where = " WHERE " + " AND ".join(tests) if tests else ""
        columns = ", ".join(["b.participant", "b.rows", "p.pa", "p.pb", *labels, *values])
        return f"SELECT {columns} FROM ({base}) b JOIN p ON p.participant = b.participant{scope.joins()}{where}"

    def base(self, members, splits, stats, drop_missing):
        """SQL of the participants with each group of the splits in which they have an event."""
        if not splits:
            return f"SELECT participant, 1 AS rows FROM {members}"
        sources = {e.key: e for e in map(self.split_of, splits) if e is not None}
        if len(sources) > 1:
            raise Skip("splits of different events")
        if not sources:
            for s in stats:
                for per in pers(s):
                    sources[per.recv.key] = per.recv
        if not sources:
            raise Skip("periods without events")
        rows = []
        columns = [self.column(s) for s in splits]
        for e in sources.values():
            rows.append(self.divide(self.events(e), splits))
        listed = ", ".join(columns)
        tests = " AND ".join(f"NOT {c}_missing" for c in columns)
        where = f" WHERE {tests}" if drop_missing else ""
        whole = " UNION ALL ".join(f"SELECT participant, {', '.join(f'{c}, {c}_missing' for c in columns)} FROM ({r})" for r in rows)
        return f"SELECT participant, {listed}, count(*) AS rows FROM ({whole}) SEMI JOIN {members} USING (participant){where} GROUP BY participant, {listed}"

    def time(self, n):
        """A relation of those at risk: start, stop (of the event, or the end of time) and whether by an event."""
        censors, start, within = [], None, None
        t = n
        while t.op != "TimeTo":
            if t.op == "From":
                start = t.args[0]
            elif t.op == "CensoredAt":
                censors += t.args
            else:
                within = t.args[0] if within is None else min(within, t.args[0])
            t = t.recv

        def sql():
            scope = Scope()
            event, begin = self.day(t.args[0], scope), self.day(start, scope)
            cut = f"DATE '{self.r.manifest['cut_off']}'"
            ends = [self.day(c, scope) for c in censors]
            if READINGS["cut-off"] == "caps" or not ends:
                ends.append(cut)
                end = f"least({', '.join(ends)})"
            else:
                end = f"coalesce(least({', '.join(ends)}), {cut})"
            inner = f"SELECT b.participant, {begin} AS start, {event} AS event, {end} AS done FROM p b JOIN p ON p.participant = b.participant{scope.joins()}"
            if within is not None:
                inner = f"SELECT * REPLACE (least(done, start + {within}::INT) AS done) FROM ({inner})"
            later = ">" if READINGS["no time"] == "left out" else ">="
            return (f"SELECT participant, start, CASE WHEN event <= done THEN event ELSE done END AS stop, coalesce(event <= done, false) AS true_"
                    f" FROM ({inner}) WHERE start IS NOT NULL AND (event IS NULL OR event > start) AND done {later} start")
        return self.cte("T", n.key, sql)

    def at_risk(self, members, splits, time, scope):
        t = self.time(time)
        if not splits:
            scope.leaf(t)
            base = f"SELECT participant, 1 AS rows FROM {members}"
            return base, [f"({t}.participant IS NOT NULL) AS k0", f"coalesce({t}.true_, false) AS e0", f"CAST({t}.stop - {t}.start AS DOUBLE) AS x0"]
        if len(splits) > 1 or splits[0].op not in ("Years", "Months", "Days", "Since"):
            raise Skip("a rate by these splits")
        s, column = splits[0], self.column(splits[0])
        if s.op == "Since":
            days, periods = s.args[1:]
            m = self.moment(s.args[0])
            spans = (f"SELECT participant, CAST(i AS VARCHAR) AS label, d + CAST(({days} * (i - 1)) AS INT) AS lo, d + CAST(({days} * i - 1) AS INT) AS hi"
                     f" FROM {m}, range(1, {periods + 1}) r(i)")
            on = "t.participant = s.participant"
        else:
            first, last = self.period(s)
            form = {"Days": "%Y-%m-%d", "Months": "%Y-%m", "Years": "%Y"}[s.op]
            unit = {"Days": "day", "Months": "month", "Years": "year"}[s.op]
            spans = (f"SELECT strftime(a, '{form}') AS label, CAST(a AS DATE) AS lo, CAST(a + INTERVAL 1 {unit} AS DATE) - 1 AS hi"
                     f" FROM generate_series({first}::TIMESTAMP, {last}::TIMESTAMP, INTERVAL 1 {unit}) r(a)")
            on = "true"
        # a day at risk is one after the start, up to the day of the event
        label = "'total'" if s.key in self.dropped else "s.label"
        rows = (f"SELECT t.participant, {label} AS {column}, least(t.stop, s.hi) - greatest(t.start, s.lo - 1) AS days,"
                f" t.true_ AND t.stop BETWEEN s.lo AND s.hi AS true_ FROM {t} t JOIN ({spans}) s ON {on} AND t.stop >= s.lo AND t.start < s.hi AND t.stop > t.start")
        base = (f"SELECT participant, {column}, count(*) AS rows, sum(days) AS days, bool_or(true_) AS true_ FROM ({rows})"
                f" SEMI JOIN {members} USING (participant) GROUP BY participant, {column}")
        return base, ["true AS k0", "b.true_ AS e0", "CAST(b.days AS DOUBLE) AS x0"]

    def aggregate(self, keys, stats, op, totals):
        """The groups of table t."""
        labels = [f"g{i}" for i in range(len(keys))]
        free = [g for g, k in zip(labels, keys) if k.kind == "Split"]
        rest = [g for g in labels if g not in free]
        by = free + ([f"CUBE ({', '.join(rest)})"] if rest and totals else rest)
        if by:
            by = " GROUP BY " + ", ".join(by)
        else:
            by = ""
        shown_labels = [f"CASE WHEN GROUPING({g}) = 1 THEN 'total' ELSE {g} END" if totals and g in rest else g for g in labels]
        cells = [f"[{', '.join(shown_labels)}]" if labels else "[]", "count(*)", "coalesce(sum(pa), 0)", "coalesce(sum(pb), 0)", "sum(rows)"]
        prints = lambda test: f"[count(*) FILTER ({test}), coalesce(sum(pa) FILTER ({test}), 0), coalesce(sum(pb) FILTER ({test}), 0)]"
        readers = []
        for i, s in enumerate(stats):
            x, at = f"x{i}", len(cells)
            if op == "Rate":
                cells += [prints("k0"), prints("e0"), "coalesce(sum(x0) FILTER (k0), 0)"]
                readers.append(lambda row, at=at: {"known": whole(row[at]), "true": whole(row[at + 1]), "sum": row[at + 2], "scale": row[at + 2]})
            elif s.op in ("Count", "Proportion"):
                cells += [prints(f"{x} IS NOT NULL"), prints(x)]
                readers.append(lambda row, at=at: {"known": whole(row[at]), "true": whole(row[at + 1])})
            elif s.op == "Shares":
                cells += [prints(f"{x} IS NOT NULL")]
                readers.append(lambda row, at=at, i=i: {"known": whole(row[at]), "parts": parts[i].get(tuple(row[0]), {})})
            else:
                cells += [prints(f"{x} IS NOT NULL"), f"coalesce(sum({x}), 0)", f"coalesce(sum(abs({x})), 0)",
                          f"coalesce(var_pop({x}) * count({x}), 0)", f"coalesce(max(abs({x}), 2), [])"]
                at_quantiles = quantiles(s)
                if at_quantiles:
                    cells.append(f"quantile_cont({x}, [{', '.join(map(repr, at_quantiles))}])")

                def read(row, at=at, ps=at_quantiles):
                    v = {"known": whole(row[at]), "sum": row[at + 1], "scale": row[at + 2], "squares": row[at + 3], "largest": row[at + 4]}
                    if ps and row[at][0]:
                        v["quantiles"] = list(map(list, zip(ps, row[at + 5])))
                    return v
                readers.append(read)
        parts = {}
        for i, s in enumerate(stats):
            if s.op == "Shares":
                parts[i] = {}
                group = ", ".join([f"x{i}", *free, *([f"CUBE ({', '.join(rest)})"] if rest and totals else rest)])
                sql = f"SELECT {cells[0]}, x{i}, count(*), sum(pa), sum(pb) FROM t WHERE x{i} IS NOT NULL GROUP BY {group}"
                for g, label, c, a, b in self.r.db.sql(sql).fetchall():
                    parts[i].setdefault(tuple(g), {})[label] = [c, int(a), int(b)]
        sql = f"SELECT {', '.join(cells)} FROM t{by}"
        self.sql += "\n-- t\n" + sql
        out = []
        for row in self.r.db.sql(sql).fetchall():
            out.append({"labels": row[0], "all": [row[1], int(row[2]), int(row[3])], "rows": int(row[4] or 0), "values": [r(row) for r in readers]})
        return out


def whole(s):
    return [int(x) for x in s]


def n_(recv, op, kind="Bool"):
    """A step that the plan does not have."""
    return Step(op, kind, recv, [], "")


def subsets(items):
    out = [frozenset()]
    for i in items:
        out += [s | {i} for s in out]
    return out


def pers(n):
    """The splits of events in a plan."""
    found, seen = {}, set()

    def walk(s):
        if s.key in seen:
            return
        seen.add(s.key)
        if s.op == "Per":
            found[s.key] = s
        for part in [s.recv, *s.args]:
            if isinstance(part, Step):
                walk(part)
    walk(n)
    return found.values()


def quantiles(s):
    always = [0.0, 0.1, 0.9, 1.0]
    return {"Median": [0.5] + always, "Quantile": [s.args[0]] + always if s.args else None, "Quartiles": [0.25, 0.5, 0.75] + always,
            "Box": [0.05, 0.25, 0.5, 0.75, 0.95] + always}.get(s.op)


def main():
    repository = None
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            if "open" in ask:
                repository = Repository(ask["open"], ask["prints"])
                answer = {}
            else:
                t = Translation(repository, decode(ask["plan"], ask["kinds"], ask["names"]))
                t.sql = ""
                try:
                    sql, groups = t.tabulate()
                    answer = {"groups": groups, "sql": sql}
                except Skip as s:
                    answer = {"skip": str(s)}
                except Exception as e:
                    answer = {"error": f"{type(e).__name__}: {e}", "sql": t.sql}
        except Exception as e:
            answer = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
