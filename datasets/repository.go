package datasets

import "weir/datasets/plan"

// Repository is an open CDR: what its tier holds, never its rows.
type Repository struct{ n *plan.Node }

// Open opens the session's repository by name; any other name is refused.
func Open(name string) Repository {
	n := root("Open", name)
	r, err := plan.Run(n)
	if err != nil {
		panic(err)
	}
	plan.For(r.Schema)
	return Repository{n}
}

func (r Repository) plan() *plan.Node { return r.n }

// String is the repository's name. As the last line of a cell it displays as a card.
func (r Repository) String() string { return r.n.String() }

// Show displays the repository's card: version, tier, tables and participants.
func (r Repository) Show() { show(r.n) }

// Everyone is the cohort of all participants.
func (r Repository) Everyone() Cohort { return cohortOf(root("Everyone")) }

// Cohort starts a named cohort of all participants, to be narrowed.
func (r Repository) Cohort(name string) Cohort { return cohortOf(as(root("Cohort", name), name)) }

// Search is the concepts whose name has all the words.
func (r Repository) Search(words string) Concepts { return Concepts{root("Search", words)} }

// Codes is a set of source codes; a final * stands for any suffix.
func (r Repository) Codes(vocabulary, code string, more ...string) Concepts {
	return Concepts{root("Codes", append([]plan.Arg{vocabulary}, with(code, more)...)...)}
}

// ConceptSet reads an ATLAS concept set expression.
func (r Repository) ConceptSet(json string) Concepts { return Concepts{root("ConceptSet", json)} }

// Concepts is a set of concepts: by id, cdr.Concepts(201826, 201254), or those whose
// name has all words of a text, cdr.Concepts("diabetes"). A slice of ids is taken too.
func (r Repository) Concepts(of ...ConceptQuery) Concepts { return concepts(of) }

// Concepts is a set of concepts of the vocabulary.
type Concepts struct{ n *plan.Node }

func (c Concepts) plan() *plan.Node { return c.n }

// Descendants adds every descendant of the set's concepts.
func (c Concepts) Descendants() Concepts { return Concepts{then(c.n, "Descendants")} }

// Except takes out concepts and, after Descendants, their descendants.
func (c Concepts) Except(ids ...int) Concepts { return Concepts{then(c.n, "Except", list(ids)...)} }

// Union joins two sets.
func (c Concepts) Union(other Concepts) Concepts { return Concepts{then(c.n, "Union", other.n)} }

// Minus takes the other set's concepts out.
func (c Concepts) Minus(other Concepts) Concepts { return Concepts{then(c.n, "Minus", other.n)} }

// As names the set.
func (c Concepts) As(label string) Concepts { return Concepts{as(c.n, label)} }

// Show displays the concepts: ids, names, domains, vocabularies. It counts nobody.
func (c Concepts) Show() { show(c.n) }

// List is the concepts as values, at most 10,000.
func (c Concepts) List() []Concept {
	r, err := plan.Run(c.n)
	if err != nil {
		panic(err)
	}
	return r.Concepts
}

// String is the set's definition.
func (c Concepts) String() string { return c.n.Tree() }

func domain(op string, ids []int) Events { return Events{root(op, list(ids)...)} }

// Condition is the events of condition_occurrence, of the given concepts or of all.
func (r Repository) Condition(ids ...int) Events { return domain("Condition", ids) }

// Drug is the events of drug_exposure.
func (r Repository) Drug(ids ...int) Events { return domain("Drug", ids) }

// Measurement is the events of measurement. Its values need a unit: .Unit("%").
func (r Repository) Measurement(ids ...int) Events { return domain("Measurement", ids) }

// Observation is the events of observation.
func (r Repository) Observation(ids ...int) Events { return domain("Observation", ids) }

// Procedure is the events of procedure_occurrence.
func (r Repository) Procedure(ids ...int) Events { return domain("Procedure", ids) }

// Device is the events of device_exposure.
func (r Repository) Device(ids ...int) Events { return domain("Device", ids) }

// Visit is the events of visit_occurrence, each with a start and an end.
func (r Repository) Visit(ids ...int) Events { return domain("Visit", ids) }

// Survey is the answers to the given questions, or to all.
func (r Repository) Survey(questions ...int) Events { return domain("Survey", questions) }

// Steps is one event a day of activity_summary, its value the steps.
func (r Repository) Steps() Events { return domain("Steps", nil) }

// Sleep is one event a night of sleep_daily_summary, its value the minutes asleep.
func (r Repository) Sleep() Events { return domain("Sleep", nil) }

// HeartRate is the events of heart_rate_summary, their value the lowest rate.
func (r Repository) HeartRate() Events { return domain("HeartRate", nil) }

// Table is the events of any table by its name in the CDR. As the last line of a
// cell it displays the table's fields, their types and units, and what the tier makes of them.
func (r Repository) Table(name TableName) Events { return Events{root("Table", name)} }

// Death is the participant's death, if any.
func (r Repository) Death() Event { return Event{as(root("Death"), "death")} }

// SexAtBirth is a person attribute.
func (r Repository) SexAtBirth() Category { return person("SexAtBirth", "sex at birth") }

// GenderIdentity is a person attribute.
func (r Repository) GenderIdentity() Category { return person("GenderIdentity", "gender identity") }

// Race is a person attribute, generalised as the tier says.
func (r Repository) Race() Category { return person("Race", "race") }

// Ethnicity is a person attribute.
func (r Repository) Ethnicity() Category { return person("Ethnicity", "ethnicity") }

// State is the state of residence, generalised as the tier says.
func (r Repository) State() Category { return person("State", "state") }

func person(op, label string) Category { return Category{as(root(op), label)} }

// Birth is the date of birth as the tier shows it.
func (r Repository) Birth() Date { return Date{as(root("Birth"), "birth")} }

// Age is the age at the CDR's cut-off in completed years.
func (r Repository) Age() Number { return Number{as(root("Age"), "age")} }

// AgeAt is the age at a date or an event in completed years.
func (r Repository) AgeAt(m Moment) Number { return Number{as(root("AgeAt", arg(m)), "age")} }

// HasEHR says whether any health record was contributed: a condition, drug, procedure,
// device or visit. Measurements and observations are also made outside of care.
func (r Repository) HasEHR() Bool { return Bool{as(root("HasEHR"), "has EHR")} }

// HasFitbit says whether any wearable data was contributed.
func (r Repository) HasFitbit() Bool { return Bool{as(root("HasFitbit"), "has Fitbit")} }

// ObservedFrom is the first day of observation.
func (r Repository) ObservedFrom() Date { return Date{as(root("ObservedFrom"), "observed from")} }

// ObservedUntil is the last day of observation.
func (r Repository) ObservedUntil() Date { return Date{as(root("ObservedUntil"), "observed until")} }

// Observed says whether one observation period covers the days around a moment.
func (r Repository) Observed(m Moment, fromDay, toDay int) Bool {
	return Bool{as(root("Observed", arg(m), fromDay, toDay), "observed")}
}

// Answer is the latest answer to a question with one answer.
func (r Repository) Answer(question int) Category { return Category{root("Answer", question)} }

// Answers is the answers to a question with several, one group each.
func (r Repository) Answers(question int) Split { return Split{root("Answers", question)} }
