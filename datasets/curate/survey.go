package curate

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed survey.txt
var surveyText string

// Answers that stand for none (PPI).
const (
	notToAnswer = 903079
	skipped     = 903096
)

// module is a part of the survey.
type module struct {
	name        string
	share       float64
	first, last int32 // the days on which it was sent; 0 for at enrolment
	questions   []question
}

type question struct {
	id         int32
	code, name string
	driver     string
	ascending  bool
	given      int32 // the answer on which it depends, or 0
	answers    shares[int32]
	codes      []concept // of the answers
}

// parseSurvey reads the format that survey.txt begins with.
func parseSurvey(text string) (modules []module, err error) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "\t\t"):
			m := &modules[len(modules)-1]
			err = m.questions[len(m.questions)-1].parseAnswer(line[2:])
		case line[0] == '\t':
			var q question
			q, err = parseQuestion(line[1:])
			m := &modules[len(modules)-1]
			m.questions = append(m.questions, q)
		default:
			var m module
			m, err = parseModule(line)
			modules = append(modules, m)
		}
		if err != nil {
			return nil, fmt.Errorf("survey, line %d: %w", n, err)
		}
	}
	return modules, nil
}

func parseModule(line string) (m module, err error) {
	at := strings.LastIndex(line, ": ")
	share, when, ok := strings.Cut(line[at+1:], ", ")
	if at < 0 || !ok {
		return m, fmt.Errorf("not «module: share, when»")
	}
	m.name = line[:at]
	if m.share, err = strconv.ParseFloat(strings.TrimSpace(share), 64); err != nil || when == "enrolment" {
		return m, err
	}
	first, last, _ := strings.Cut(when, " ")
	for _, day := range []struct {
		text string
		to   *int32
	}{{first, &m.first}, {last, &m.last}} {
		t, err := time.Parse(time.DateOnly, day.text)
		if err != nil {
			return m, err
		}
		*day.to = int32(t.Unix() / 86400)
	}
	return m, nil
}

func parseQuestion(line string) (q question, err error) {
	line, rest, ok := strings.Cut(line, " | ")
	var c concept
	if err := c.parse(line); err != nil || !ok {
		return q, fmt.Errorf("not «id code: name | driver»")
	}
	q.id, q.code, q.name = c.id, c.code, c.name
	words := strings.Fields(rest)
	q.driver = words[0]
	q.ascending = slices.Contains(words, "ascending")
	if i := slices.Index(words, "if"); i > 0 {
		n, err := strconv.ParseInt(words[i+1], 10, 32)
		if err != nil {
			return q, err
		}
		q.given = int32(n)
	}
	if _, ok := new(person).driver(q.driver); !ok {
		return q, fmt.Errorf("no driver %s", q.driver)
	}
	return q, nil
}

func (q *question) parseAnswer(line string) error {
	id, rest, _ := strings.Cut(line, " ")
	weight, rest, _ := strings.Cut(rest, " ")
	var c concept
	if err := c.parse(id + " " + rest); err != nil {
		return err
	}
	w, err := strconv.ParseFloat(weight, 64)
	if err != nil {
		return err
	}
	q.answers.add(c.id, w)
	q.codes = append(q.codes, c)
	return nil
}

// learnSurvey adds questions and answers to the vocabulary.
func (v *vocabulary) learnSurvey(modules []module) error {
	known := map[int32]bool{}
	for _, c := range v.concepts {
		known[c.id] = true
	}
	learn := func(c concept, class string) {
		c.domain, c.vocabulary, c.class = "Observation", "PPI", class
		if c.id >= firstInvented {
			c.vocabulary = "Synthetic"
		}
		if !known[c.id] {
			known[c.id] = true
			v.concepts = append(v.concepts, c)
		}
	}
	for _, m := range modules {
		for _, q := range m.questions {
			learn(concept{id: q.id, code: q.code, name: q.name}, "Question")
			for _, a := range q.codes {
				learn(a, "Answer")
			}
		}
	}
	return v.sort()
}

// driver is what orders a person's answers, standard normal, and whether there is
// one of that name.
func (p *person) driver(name string) (float64, bool) {
	switch name {
	case "chance":
		return 0, true
	case "health":
		return -0.56*p.frailty - 0.24*float64(p.chronic-4), true
	case "mood":
		return p.mood + 0.3, true
	case "wealth":
		return p.wealth, true
	case "learning":
		return p.learning, true
	case "smoking":
		return p.smoking, true
	case "youth":
		return (53 - p.age) / 17, true
	}
	return 0, false
}

// answer fills in the modules that a person returns.
func (g *generator) answer(p *person) {
	d := g.dice
	for i := range g.modules {
		m := &g.modules[i]
		day := p.enrolled + d.Int32N(3)
		if m.first > 0 {
			day = d.between(max(m.first, p.enrolled), m.last)
		} else if m.share < 0.9 {
			day += 90 + d.days(200)
		}
		if !d.chance(m.share) || day > p.last || m.last > 0 && p.enrolled > m.last {
			continue
		}
		given := int32(0)
		for k := range m.questions {
			q := &m.questions[k]
			if q.given != 0 && q.given != given {
				continue
			}
			given = q.choose(p, d)
			g.out.survey.add([]int32{p.index, int32(i), day, q.id, generalise(g.tier, given)})
		}
	}
}

// choose is an answer: the driver with some noise, on the scale of the shares.
func (q *question) choose(p *person, d *dice) int32 {
	switch u := d.Float64(); {
	case u < 0.015:
		return notToAnswer
	case u < 0.04:
		return skipped
	}
	x, _ := p.driver(q.driver)
	if q.driver == "chance" {
		return q.answers.draw(d)
	}
	x = 0.85*x + d.normal(0, 0.53)
	if !q.ascending {
		x = -x
	}
	return q.answers.at(0.5 * math.Erfc(-x/math.Sqrt2))
}
