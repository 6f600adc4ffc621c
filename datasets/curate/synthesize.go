package curate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// Progress is told of what is being done and how much of it is done, in
// participants or rows. It is called from one goroutine at a time.
type Progress func(stage string, done, total int64)

func (p Progress) tell(stage string, done, total int64) {
	if p != nil {
		p(stage, done, total)
	}
}

// SynthesizeOptions say what to make. The zero value makes the repository that a
// session without configuration has.
type SynthesizeOptions struct {
	Name         string    // default "synthetic"
	Tier         plan.Tier // default registered
	Participants int       // default 100,000; at most 100 million
	Seed         uint64
}

// edition changes when other files come of the same options.
const edition = 1

const (
	defaultParticipants = 100_000
	maxParticipants     = 100_000_000
	firstPersonID       = 1_000_001
	firstInvented       = 2_100_100_001
)

var (
	opening    = dayOf(2017, 5, 31) // the first enrolment
	cutOff     = dayOf(2022, 7, 1)
	cutOffText = "2022-07-01"
)

func (o SynthesizeOptions) fill() (SynthesizeOptions, error) {
	if o.Name == "" {
		o.Name = "synthetic"
	}
	if o.Tier == "" {
		o.Tier = plan.Registered
	}
	if o.Participants == 0 {
		o.Participants = defaultParticipants
	}
	if o.Participants < 1 || o.Participants > maxParticipants {
		return o, fmt.Errorf("%d participants: from 1 to %d can be made", o.Participants, maxParticipants)
	}
	return o, checkTier(o.Tier)
}

// manifest: repositories that differ in what they hold differ in their version, so
// that what was released from one is not held against another.
func (o SynthesizeOptions) manifest() store.Manifest {
	m := store.Manifest{
		Name: o.Name, CDR: fmt.Sprintf("synthetic-%d", edition), Tier: o.Tier, CutOff: cutOffText, Participants: o.Participants,
		Source: fmt.Sprintf("synthetic, edition %d, %d participants, seed %d", edition, o.Participants, o.Seed),
	}
	if o.Participants != defaultParticipants || o.Seed != 0 {
		m.CDR += fmt.Sprintf("-%d-%d", o.Participants, o.Seed)
	}
	return m
}

// Synthesize makes a repository of invented participants at dir, which must not
// exist. The same options make the same files.
func Synthesize(ctx context.Context, dir string, o SynthesizeOptions, progress Progress) error {
	o, err := o.fill()
	if err != nil {
		return err
	}
	w, err := newWorld(o)
	if err != nil {
		return err
	}
	b, err := store.Create(dir, o.manifest())
	if err != nil {
		return err
	}
	b.Describe(BuiltIn().of(o.Tier).describe)
	if err := w.build(ctx, b, progress); err != nil {
		return errors.Join(err, b.Abort())
	}
	return b.Commit()
}

// world is what the participants have in common.
type world struct {
	tier         plan.Tier
	participants int
	seed         uint64
	opened       int32
	cutOff       int32
	vocabulary   *vocabulary
	modules      []module
	numbers      []int32           // by index: the random permutation
	states       []int32           // by number
	rare         map[int32][]int32 // rare conditions by number
	minor        shares[int32]
	acute        shares[int32]
	procedures   shares[int32]
	allergies    shares[int32]
	devices      shares[int32]
}

func newWorld(o SynthesizeOptions) (*world, error) {
	v, err := parseVocabulary(vocabularyText)
	if err != nil {
		return nil, err
	}
	modules, err := parseSurvey(surveyText)
	if err != nil {
		return nil, err
	}
	if err := v.learnSurvey(modules); err != nil {
		return nil, err
	}
	w := &world{
		tier: o.Tier, participants: o.Participants, seed: o.Seed, opened: opening, cutOff: cutOff,
		vocabulary: v, modules: modules, acute: acuteDrugs,
		minor: byRank(v.lists["minor"]), procedures: byRank(v.lists["procedure"]),
		allergies: byRank(v.lists["allergy"]), devices: byRank(v.lists["device"]),
	}
	d := newDice()
	d.begin(o.Seed, orderStream, 0)
	w.numbers = permutation(d, o.Participants)
	w.settle()
	w.spread()
	return w, nil
}

// permutation is a random order of n (Fisher and Yates).
func permutation(d *dice, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		j := d.IntN(i + 1)
		out[i], out[j] = out[j], int32(i)
	}
	return out
}

// build writes all tables, each closed in the order of tables.go.
func (w *world) build(ctx context.Context, b *store.Builder, progress Progress) error {
	var tables []*batches
	all := w.vocabulary.ids()
	for _, s := range (newStride(w)).all {
		t, err := newBatches(b, s.shape.withConcepts(func(int) []int32 { return all }, w.vocabulary.of))
		if err != nil {
			return err
		}
		tables = append(tables, t)
	}
	done := int64(0)
	err := w.strides(ctx, func(s *stride) error {
		for i, c := range s.all {
			if err := tables[i].write(c); err != nil {
				return err
			}
		}
		done += int64(s.person.count)
		progress.tell("participants", done, int64(w.participants))
		return nil
	})
	for _, t := range tables {
		err = errors.Join(err, t.close())
	}
	if err != nil {
		return err
	}
	return w.vocabulary.write(b)
}

// strides makes the strides on all processors and hands them on in order.
func (w *world) strides(ctx context.Context, use func(*stride) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := min(runtime.GOMAXPROCS(0), store.Strides(w.participants))
	made := make([]chan *stride, workers)
	used := make([]chan *stride, workers)
	for i := range workers {
		made[i], used[i] = make(chan *stride), make(chan *stride, 2)
		used[i] <- newStride(w)
		used[i] <- newStride(w)
		go w.work(ctx, i, workers, made[i], used[i])
	}
	for k := range store.Strides(w.participants) {
		select {
		case s := <-made[k%workers]:
			if err := use(s); err != nil {
				return err
			}
			s.reset()
			used[k%workers] <- s
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// work makes every workers-th stride.
func (w *world) work(ctx context.Context, first, workers int, made chan<- *stride, used <-chan *stride) {
	g := newGenerator(w)
	for k := first; k < store.Strides(w.participants); k += workers {
		var s *stride
		select {
		case s = <-used:
		case <-ctx.Done():
			return
		}
		g.fill(s, k)
		select {
		case made <- s:
		case <-ctx.Done():
			return
		}
	}
}

// stride is the rows of store.Stride participants.
type stride struct {
	person, observationPeriod, visit, condition, drug, procedure, device *columns
	measurement, observation, death, survey, activity, sleep, heartRate  *columns
	participants                                                         *columns
	all                                                                  []*columns
}

// notInvented are fields of which no invented participant has any.
var notInvented = strings.Fields(`activity_calories calories_bmr marginal_calories elevation floors calorie_count
minute_awake minute_restless minute_deep minute_light minute_rem minute_wake minute_after_wakeup`)

func newStride(w *world) *stride {
	s := new(stride)
	for _, t := range []struct {
		to     **columns
		name   string
		labels map[string][]string
	}{
		{&s.person, "person", nil}, {&s.observationPeriod, "observation_period", nil},
		{&s.visit, "visit_occurrence", nil}, {&s.condition, "condition_occurrence", nil},
		{&s.drug, "drug_exposure", nil}, {&s.procedure, "procedure_occurrence", nil},
		{&s.device, "device_exposure", nil}, {&s.measurement, "measurement", nil},
		{&s.observation, "observation", nil}, {&s.death, "death", nil},
		{&s.survey, "ds_survey", map[string][]string{"survey": w.moduleNames()}},
		{&s.activity, "activity_summary", nil},
		{&s.sleep, "sleep_daily_summary", map[string][]string{"is_main_sleep": mainSleep}},
		{&s.heartRate, "heart_rate_summary", map[string][]string{"zone_name": zones}},
		{&s.participants, "participants", nil},
	} {
		*t.to = newColumns(held(w.tier, shapeOf(t.name)).without(notInvented...).withLabels(t.labels))
		s.all = append(s.all, *t.to)
	}
	return s
}

func (s *stride) reset() {
	for _, c := range s.all {
		c.reset()
	}
}

func (w *world) moduleNames() (names []string) {
	for _, m := range w.modules {
		names = append(names, m.name)
	}
	return names
}

// generator makes participants one after another.
type generator struct {
	*world
	dice   *dice
	out    *stride
	person person
	starts []int // where a participant's rows begin, by table

	visits    []visit
	found     []int32 // by disease: the day of the first diagnosis
	codes     []int32 // by disease: the concept of it
	metformin int32   // the first day of it, or 0
	second    int32   // the first day of what was added to it, or 0
	control   float64 // of a person's diabetes: standard normal
}

func newGenerator(w *world) *generator {
	return &generator{world: w, dice: newDice(), found: make([]int32, len(diseases)), codes: make([]int32, len(diseases))}
}

// fill makes stride k.
func (g *generator) fill(s *stride, k int) {
	g.out = s
	g.starts = make([]int, len(s.all))
	for i := k * store.Stride; i < min((k+1)*store.Stride, g.participants); i++ {
		for t, c := range s.all {
			g.starts[t] = c.count
		}
		g.participant(int32(i))
		for t, c := range s.all {
			c.sortByDate(g.starts[t])
		}
	}
}

func (g *generator) participant(index int32) {
	p, d := &g.person, g.dice
	p.index, p.number = index, int(g.numbers[index])
	d.begin(g.seed, lifeStream, p.number)
	p.begin(g.world, d)
	p.fall(g.world, d)
	p.die(g.world, d)
	p.record(g.world, d)
	p.write(g.world, d, g.out)
	g.visits, g.metformin, g.second = g.visits[:0], 0, 0
	if p.ehr {
		g.attend(p)
		g.diagnose(p)
		g.attendTo(p)
		g.treat(p)
		g.measure(p)
	}
	g.answer(p)
	g.wear(p)
}
