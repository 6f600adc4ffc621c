// Package curate makes repositories. Synthesize makes one of invented
// participants, the same for the same seed; Import makes one from an OMOP CDM
// 5.3 or 5.4 folder of CSV or Parquet files; Describe says what one holds.
//
// A repository has OMOP's tables and field names (tables.go), except that
// participant, a random index from 0, stands for person_id, that fields of text
// and keys of rows are left out, and that a vocabulary's text is labels. person_id
// itself is in the table participants, which no plan reaches, as
//
//	person_id = person_id_high · 2³¹ + person_id_low
//
// Rows are sorted by participant, then by the table's first date, then as they
// came. The dictionaries that Import writes with them hold the concepts and labels of
// these rows, and nothing that only rows had that were dropped, or that a rule changed.
//
// What a tier may hold is said by Rules, which are data; Import applies them. A
// repository of the public tier has counts and no rows (census.go).
//
// Import refuses a folder without person, a table without a required column, a
// file with two columns of one name, two files for one table, and, unless it is
// told to be lenient, any row that it cannot read whole. It drops and counts the
// rows of persons who are not in person. An error names file and line, never a value.
package curate
