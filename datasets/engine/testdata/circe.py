"""Reads ATLAS cohort definitions as Circe's SQL does, one person at a time: the
outsider that CohortDefinition is compared with.

circe.py FOLDER reads definitions, one a line, and prints for each the number of
persons and the sum of their earliest start in days since 1970. FOLDER has OMOP
tables in Parquet. Written from Circe's SQL templates (OHDSI circe-be), without a
look at the engine.
"""
import datetime
import json
import sys

import duckdb

folder = sys.argv[1]
db = duckdb.connect()
EPOCH = datetime.date(1970, 1, 1)
# Domain: table, concept, start, end, value, unit.
DOMAINS = {
    "ConditionOccurrence": ("condition_occurrence", "condition_concept_id", "condition_start_date", "condition_end_date", "NULL", "NULL"),
    "DrugExposure": ("drug_exposure", "drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date", "NULL", "NULL"),
    "ProcedureOccurrence": ("procedure_occurrence", "procedure_concept_id", "procedure_date", "procedure_date", "NULL", "NULL"),
    "Measurement": ("measurement", "measurement_concept_id", "measurement_date", "measurement_date", "value_as_number", "unit_concept_id"),
    "Observation": ("observation", "observation_concept_id", "observation_date", "observation_date", "NULL", "NULL"),
    "VisitOccurrence": ("visit_occurrence", "visit_concept_id", "visit_start_date", "visit_end_date", "NULL", "NULL"),
}
tables = {}
periods = {}
for person, start, end in db.execute(f"SELECT person_id, observation_period_start_date::date, observation_period_end_date::date FROM '{folder}/observation_period.parquet'").fetchall():
    periods.setdefault(person, []).append(((start - EPOCH).days, (end - EPOCH).days))
born = dict(db.execute(f"SELECT person_id, year_of_birth FROM '{folder}/person.parquet'").fetchall())
people = [row[0] for row in db.execute(f"SELECT person_id FROM '{folder}/person.parquet'").fetchall()]
below = {}
for ancestor, descendant in db.execute(f"SELECT ancestor_concept_id, descendant_concept_id FROM '{folder}/concept_ancestor.parquet'").fetchall():
    below.setdefault(ancestor, set()).add(descendant)


def load(domain):
    """Events of a domain by person: (start, end, concept, value, unit), by start."""
    if domain not in tables:
        table, concept, start, end, value, unit = DOMAINS[domain]
        out = tables[domain] = {}
        for p, c, s, e, v, u in db.execute(f"SELECT person_id, {concept}, {start}::date, {end}::date, {value}, {unit} FROM '{folder}/{table}.parquet' ORDER BY 1, 3").fetchall():
            s = (s - EPOCH).days
            out.setdefault(p, []).append((s, s + 1 if e is None else (e - EPOCH).days, c, v, u))
    return tables[domain]


def concepts(definition, codeset):
    found = next(s for s in definition["ConceptSets"] if s["id"] == codeset)
    sides = {False: set(), True: set()}
    for i in found["expression"]["items"]:
        one = i["concept"]["CONCEPT_ID"]
        side = sides[bool(i.get("isExcluded"))]
        side.add(one)
        if i.get("includeDescendants"):
            side |= below.get(one, set())
    return sides[False] - sides[True]


def compare(x, r):
    if x is None:
        return False
    lo, hi = r["Value"], r.get("Extent")
    return {"lt": x < lo, "lte": x <= lo, "gt": x > lo, "gte": x >= lo, "eq": x == lo,
            "bt": hi is not None and lo <= x <= hi, "!bt": hi is not None and not lo <= x <= hi}[r["Op"]]


def events(definition, criterion, person):
    ((domain, c),) = criterion.items()
    out = load(domain).get(person, [])
    if c.get("CodesetId") is not None:
        key = (id(definition), c["CodesetId"])
        if key not in cache:
            cache[key] = concepts(definition, c["CodesetId"])
        out = [e for e in out if e[2] in cache[key]]
    if c.get("First"):
        out = out[:1]
    if "Age" in c:
        out = [e for e in out if compare((EPOCH + datetime.timedelta(days=e[0])).year - born[person], c["Age"])]
    if "ValueAsNumber" in c:
        out = [e for e in out if compare(e[3], c["ValueAsNumber"])]
    if c.get("Unit"):
        units = {u["CONCEPT_ID"] for u in c["Unit"]}
        out = [e for e in out if e[4] in units]
    if "OccurrenceStartDate" in c:
        r = dict(c["OccurrenceStartDate"])
        for k in ("Value", "Extent"):
            if r.get(k):
                r[k] = (datetime.date.fromisoformat(r[k]) - EPOCH).days
        out = [e for e in out if compare(e[0], r)]
    if "CorrelatedCriteria" in c:
        out = [e for e in out if meets(definition, c["CorrelatedCriteria"], person, e)]
    return out


def around(person, day):
    return next(((a, b) for a, b in periods.get(person, []) if a <= day <= b), None)


def bound(side, day, period):
    if side.get("Days") is not None:
        return day + side["Coeff"] * side["Days"]
    if period:
        return period[0] if side["Coeff"] < 0 else period[1]
    return side["Coeff"] * 10**9


def counts(definition, k, person, event):
    period = None if k.get("IgnoreObservationPeriod") else around(person, event[0])
    if not k.get("IgnoreObservationPeriod") and period is None:
        n = 0
    else:
        n = 0
        for a in events(definition, k["Criteria"], person):
            if period and not period[0] <= a[0] <= period[1]:
                continue
            w = k["StartWindow"]
            ok = bound(w["Start"], event[0], period) <= a[0] <= bound(w["End"], event[0], period)
            if k.get("EndWindow"):
                w = k["EndWindow"]
                ok = ok and bound(w["Start"], event[0], period) <= a[1] <= bound(w["End"], event[0], period)
            n += ok
    o = k["Occurrence"]
    return {0: n == o["Count"], 1: n <= o["Count"], 2: n >= o["Count"]}[o["Type"]]


def meets(definition, g, person, event):
    found = [counts(definition, k, person, event) for k in g.get("CriteriaList", [])]
    found += [meets(definition, h, person, event) for h in g.get("Groups", [])]
    return not found or {"ALL": all, "ANY": any}[g["Type"]](found)


def first(limit, list):
    return list if (limit or {}).get("Type") == "All" else list[:1]


def start(d, person):
    p = d["PrimaryCriteria"]
    w = p["ObservationWindow"]
    found = sorted(e for c in p["CriteriaList"] for e in ((x[0], x[1]) for x in events(d, c, person)))
    found = [e for e in found if any(a + w["PriorDays"] <= e[0] and e[0] + w["PostDays"] <= b for a, b in periods.get(person, []))]
    found = first(p["PrimaryCriteriaLimit"], found)
    if d.get("AdditionalCriteria"):
        found = [e for e in found if meets(d, d["AdditionalCriteria"], person, e)]
    found = first(d.get("QualifiedLimit"), found)
    found = [e for e in found if all(meets(d, r["expression"], person, e) for r in d.get("InclusionRules", []))]
    return found[0][0] if found else None


for line in sys.stdin:
    cache = {}
    definition = json.loads(line)
    starts = [s for s in (start(definition, p) for p in people) if s is not None]
    print(len(starts), sum(starts), flush=True)
