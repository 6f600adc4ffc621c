package curate

import (
	"fmt"
	"math"
	"slices"

	"weir/datasets/store"
)

// risk is a disease's log odds: of a man of 50 with a body mass index of 28.8 who
// is average otherwise, and what is added per decade of age, for a woman, per 5
// kg/m², and per standard deviation of smoking and of frailty.
type risk struct{ base, decade, female, bmi, smoking, frailty float64 }

// after is what having another disease adds to the log odds.
type after struct {
	disease string
	odds    float64
}

// disease is one that lasts. Its years are the mean since its onset; it is
// recorded as one of its concepts.
type disease struct {
	name  string
	years float64
	risk
	afters []after
	codes  shares[int32]
	raised []int // indexes of afters
}

// The odds follow the general knowledge of each disease, roughly: what matters is
// that cohorts overlap as they do in life. A disease stands after those it follows.
var diseases = index([]disease{
	{"obesity", 9, risk{-1.5, 0, 0.1, 2.4, 0, 0.1}, nil, weighted(share{433736, 78}, share{434005, 22}), nil},
	{"hypertension", 8, risk{-0.75, 0.65, -0.1, 0.4, 0.1, 0.3}, []after{{"obesity", 0.3}}, weighted(share{320128, 88}, share{316866, 9}, share{2100100031, 3}), nil},
	{"hyperlipidemia", 7, risk{-0.95, 0.55, -0.1, 0.2, 0.1, 0.15}, []after{{"hypertension", 0.5}}, weighted(share{432867, 1}), nil},
	{"type 1 diabetes", 22, risk{-4.9, -0.1, -0.1, 0, 0, 0}, nil, weighted(share{201254, 60}, share{40484648, 22}, share{4128019, 3}, share{435216, 8}, share{200687, 7}), nil},
	{"type 2 diabetes", 7, risk{-2.55, 0.4, -0.15, 0.55, 0.1, 0.25}, []after{{"hypertension", 0.5}, {"hyperlipidemia", 0.4}}, weighted(share{201826, 55}, share{4193704, 24}, share{443238, 3}, share{40482801, 6}, share{443732, 5}, share{376065, 2.5}, share{443731, 2.5}, share{201820, 2}), nil},
	{"secondary diabetes", 5, risk{-5.7, 0.2, 0, 0.1, 0.1, 0.5}, nil, weighted(share{195771, 1}), nil},
	{"ischemic heart disease", 6, risk{-3.5, 0.85, -0.6, 0.1, 0.3, 0.3}, []after{{"hypertension", 0.6}, {"hyperlipidemia", 0.7}, {"type 2 diabetes", 0.6}}, weighted(share{317576, 78}, share{4185932, 22}), nil},
	{"myocardial infarction", 5, risk{-5, 0.6, -0.4, 0.05, 0.35, 0.3}, []after{{"ischemic heart disease", 2}}, weighted(share{4329847, 25}, share{312327, 30}, share{314666, 45}), nil},
	{"heart failure", 4, risk{-5, 0.75, -0.1, 0.3, 0.2, 0.45}, []after{{"ischemic heart disease", 1.2}, {"hypertension", 0.7}, {"type 2 diabetes", 0.6}}, weighted(share{316139, 40}, share{319835, 30}, share{443580, 15}, share{443587, 15}), nil},
	{"atrial fibrillation", 5, risk{-4.7, 0.95, -0.4, 0.2, 0.05, 0.3}, []after{{"heart failure", 1.4}, {"hypertension", 0.4}}, weighted(share{313217, 70}, share{4154290, 25}, share{2100100032, 5}), nil},
	{"peripheral vascular disease", 5, risk{-4.8, 0.7, -0.2, 0, 0.5, 0.3}, []after{{"type 2 diabetes", 0.8}, {"ischemic heart disease", 0.7}}, weighted(share{321052, 1}), nil},
	{"stroke", 5, risk{-4.7, 0.7, -0.05, 0, 0.2, 0.35}, []after{{"atrial fibrillation", 0.8}, {"hypertension", 0.6}}, weighted(share{381316, 40}, share{443454, 35}, share{373503, 25}), nil},
	{"chronic kidney disease", 5, risk{-4, 0.75, 0, 0.1, 0.1, 0.35}, []after{{"type 2 diabetes", 0.9}, {"hypertension", 0.7}}, weighted(share{46271022, 38}, share{443601, 10}, share{443597, 34}, share{443612, 8}, share{443611, 3}, share{193782, 7}), nil},
	{"diabetic eye disease", 4, risk{-9, 0.1, 0, 0, 0.1, 0.2}, []after{{"type 2 diabetes", 6.6}, {"type 1 diabetes", 7.8}}, weighted(share{4174977, 60}, share{443767, 30}, share{442793, 10}), nil},
	{"copd", 7, risk{-3.9, 0.6, 0, 0, 0.9, 0.35}, nil, weighted(share{255573, 85}, share{261325, 15}), nil},
	{"asthma", 14, risk{-2, -0.08, 0.4, 0.2, 0.05, 0.25}, nil, weighted(share{317009, 95}, share{4051466, 5}), nil},
	{"rheumatoid arthritis", 8, risk{-4.7, 0.3, 0.9, 0.05, 0.2, 0.3}, nil, weighted(share{80809, 70}, share{4035611, 27}, share{4334806, 3}), nil},
	{"osteoarthritis", 7, risk{-2.2, 0.7, 0.4, 0.35, 0, 0.25}, nil, weighted(share{80180, 1}), nil},
	{"osteoporosis", 6, risk{-5, 0.85, 1.8, -0.3, 0.1, 0.2}, nil, weighted(share{80502, 94}, share{40480160, 6}), nil},
	{"depression", 9, risk{-1.7, -0.05, 0.55, 0.1, 0.2, 0.6}, nil, weighted(share{440383, 42}, share{4152280, 36}, share{4282096, 8}, share{433440, 7}, share{442306, 5}, share{2100100033, 2}), nil},
	{"anxiety", 8, risk{-1.8, -0.15, 0.45, 0, 0.1, 0.45}, []after{{"depression", 1.3}}, weighted(share{442077, 40}, share{441542, 25}, share{434613, 28}, share{436074, 7}), nil},
	{"post-traumatic stress", 10, risk{-4.1, -0.05, 0.2, 0, 0.2, 0.4}, []after{{"depression", 1.4}}, weighted(share{436676, 1}), nil},
	{"bipolar disorder", 12, risk{-4.3, -0.15, 0.2, 0.1, 0.3, 0.3}, []after{{"depression", 1.2}}, weighted(share{436665, 1}), nil},
	{"opioid dependence", 8, risk{-4.4, -0.15, -0.3, 0, 0.8, 0.5}, []after{{"depression", 0.8}}, weighted(share{438120, 1}), nil},
	{"dementia", 3, risk{-7.8, 1.3, 0.1, 0, 0.1, 0.3}, []after{{"stroke", 0.8}}, weighted(share{4182210, 65}, share{378419, 35}), nil},
	{"migraine", 12, risk{-2.7, -0.25, 1.1, 0.05, 0, 0.3}, nil, weighted(share{318736, 1}), nil},
	{"reflux", 7, risk{-1.6, 0.3, 0.15, 0.2, 0.1, 0.4}, nil, weighted(share{318800, 1}), nil},
	{"hypothyroidism", 9, risk{-3, 0.3, 1.2, 0.1, 0, 0.1}, nil, weighted(share{140673, 72}, share{138384, 28}), nil},
	{"sleep apnea", 6, risk{-2.8, 0.25, -0.7, 0.8, 0.1, 0.2}, []after{{"hypertension", 0.4}}, weighted(share{313459, 1}), nil},
	{"psoriasis", 12, risk{-3.8, 0.05, 0, 0.2, 0.2, 0.1}, nil, weighted(share{140168, 1}), nil},
	{"ulcerative colitis", 11, risk{-4.9, 0.05, 0, 0, -0.1, 0.1}, nil, weighted(share{81893, 1}), nil},
	{"crohn's disease", 12, risk{-5, -0.05, 0.1, -0.1, 0.3, 0.1}, nil, weighted(share{201606, 1}), nil},
	{"fatty liver", 5, risk{-3.3, 0.1, -0.1, 0.6, 0, 0.2}, []after{{"type 2 diabetes", 0.7}}, weighted(share{4059290, 85}, share{40484532, 15}), nil},
	{"cirrhosis", 5, risk{-5.4, 0.4, -0.3, 0.1, 0.2, 0.5}, []after{{"fatty liver", 1.2}}, weighted(share{4064161, 1}), nil},
	{"gout", 7, risk{-3.8, 0.5, -1, 0.4, 0, 0.1}, []after{{"chronic kidney disease", 0.6}}, weighted(share{440674, 1}), nil},
	{"epilepsy", 14, risk{-4.2, 0, 0, 0, 0.1, 0.4}, []after{{"stroke", 1.1}}, weighted(share{380378, 1}), nil},
	{"parkinson's disease", 5, risk{-6.8, 1, -0.4, 0, -0.2, 0.1}, nil, weighted(share{381270, 1}), nil},
	{"multiple sclerosis", 12, risk{-5.4, 0, 1, 0, 0.1, 0.2}, nil, weighted(share{374919, 1}), nil},
	{"lupus", 11, risk{-6.3, 0, 2, 0, 0.1, 0.3}, nil, weighted(share{257628, 1}), nil},
	{"anemia", 5, risk{-2.6, 0.2, 0.8, 0, 0, 0.5}, []after{{"chronic kidney disease", 1}}, weighted(share{439777, 1}), nil},
	{"glaucoma", 6, risk{-3.9, 0.7, 0, 0, 0, 0.1}, nil, weighted(share{437541, 1}), nil},
	{"insomnia", 6, risk{-2.3, 0.1, 0.3, 0, 0.1, 0.4}, []after{{"depression", 0.7}}, weighted(share{436962, 1}), nil},
	{"deep venous thrombosis", 6, risk{-4.3, 0.4, 0, 0.25, 0.1, 0.4}, nil, weighted(share{4133004, 1}), nil},
	{"pulmonary embolism", 5, risk{-5.2, 0.4, 0, 0.25, 0.1, 0.4}, []after{{"deep venous thrombosis", 2.2}}, weighted(share{440417, 1}), nil},
	{"breast cancer", 6, risk{-8.2, 0.6, 4.2, 0.05, 0.1, 0.1}, nil, weighted(share{4112853, 92}, share{443392, 8}), nil},
	{"prostate cancer", 5, risk{-3.9, 1, -30, 0, 0, 0.1}, nil, weighted(share{4163261, 94}, share{443392, 6}), nil},
	{"colon cancer", 5, risk{-5.3, 0.7, -0.1, 0.1, 0.15, 0.2}, nil, weighted(share{4180790, 90}, share{443392, 10}), nil},
	{"lung cancer", 3, risk{-6.3, 0.85, 0, 0, 0.9, 0.3}, []after{{"copd", 0.7}}, weighted(share{443388, 90}, share{443392, 10}), nil},
	{"melanoma", 6, risk{-4.9, 0.45, -0.1, 0, 0, 0}, nil, weighted(share{4162276, 1}), nil},
	{"basal cell carcinoma", 5, risk{-3.7, 0.75, -0.2, 0, 0, 0}, nil, weighted(share{4112752, 1}), nil},
	{"squamous cell carcinoma", 5, risk{-4.5, 0.9, -0.3, 0, 0.1, 0}, nil, weighted(share{4111921, 1}), nil},
	{"lymphoma", 6, risk{-5.5, 0.5, -0.2, 0, 0, 0.2}, nil, weighted(share{432571, 1}), nil},
	{"kidney cancer", 5, risk{-5.8, 0.6, -0.5, 0.2, 0.2, 0.1}, nil, weighted(share{196653, 1}), nil},
	{"bladder cancer", 5, risk{-6.1, 0.9, -0.9, 0, 0.5, 0.1}, nil, weighted(share{197508, 1}), nil},
	{"pancreatic cancer", 2, risk{-7.1, 0.8, 0, 0.1, 0.3, 0.2}, []after{{"type 2 diabetes", 0.6}}, weighted(share{4180793, 1}), nil},
})

// index resolves the names in afters.
func index(list []disease) []disease {
	for i := range list {
		for _, a := range list[i].afters {
			list[i].raised = append(list[i].raised, find(list[:i], a.disease))
		}
	}
	return list
}

func find(list []disease, name string) int {
	i := slices.IndexFunc(list, func(x disease) bool { return x.name == name })
	if i < 0 {
		panic(fmt.Sprintf("curate: %s is not among the diseases, or stands after those it precedes", name))
	}
	return i
}

func diseaseIndex(name string) int { return find(diseases, name) }

// The diseases on which something else depends.
var (
	hypertension  = diseaseIndex("hypertension")
	lipids        = diseaseIndex("hyperlipidemia")
	type1         = diseaseIndex("type 1 diabetes")
	type2         = diseaseIndex("type 2 diabetes")
	ischemic      = diseaseIndex("ischemic heart disease")
	heartFailure  = diseaseIndex("heart failure")
	fibrillation  = diseaseIndex("atrial fibrillation")
	stroke        = diseaseIndex("stroke")
	kidney        = diseaseIndex("chronic kidney disease")
	copd          = diseaseIndex("copd")
	asthma        = diseaseIndex("asthma")
	depression    = diseaseIndex("depression")
	anxiety       = diseaseIndex("anxiety")
	dementia      = diseaseIndex("dementia")
	cirrhosis     = diseaseIndex("cirrhosis")
	anemia        = diseaseIndex("anemia")
	lungCancer    = diseaseIndex("lung cancer")
	pancreaticCan = diseaseIndex("pancreatic cancer")
)

// fall draws which diseases a person has and since when.
func (p *person) fall(w *world, d *dice) {
	p.onset, p.chronic = p.onset[:0], 0
	for i := range diseases {
		x := &diseases[i]
		odds := x.base + x.decade*(p.age-50)/10 + x.bmi*(p.bmi-28.8)/5 + x.smoking*p.smoking + x.frailty*p.frailty
		if p.female {
			odds += x.female
		}
		for k, other := range x.raised {
			if p.has(other) {
				odds += x.afters[k].odds
			}
		}
		onset := store.Missing
		if d.chance(1 / (1 + math.Exp(-odds))) {
			years := min(d.ExpFloat64()*x.years, p.age-2)
			onset = w.cutOff - int32(years*365.25)
			p.chronic++
		}
		p.onset = append(p.onset, onset)
	}
	p.mood = d.normal(0, 0.9)
	if p.has(depression) {
		p.mood -= 0.9
	}
	if p.has(anxiety) {
		p.mood -= 0.5
	}
}

func (p *person) has(disease int) bool { return p.onset[disease] != store.Missing }

// hadBy says whether a disease had begun on a day.
func (p *person) hadBy(disease int, day int32) bool { return p.has(disease) && p.onset[disease] <= day }

// lethal are the diseases that raise the odds of dying.
var lethal = []struct {
	disease int
	odds    float64
	cause   int32
}{
	{heartFailure, 1.3, 316139}, {lungCancer, 2.2, 443388}, {pancreaticCan, 2.8, 4180793}, {cirrhosis, 1.3, 4064161},
	{dementia, 1.2, 4182210}, {copd, 0.8, 255573}, {stroke, 0.7, 381316}, {ischemic, 0.4, 317576}, {kidney, 0.6, 46271022}, {type2, 0.3, 201826},
}

// die draws whether and when a person has died. Who has died after enrolment did
// so with the diseases they had: none begins later.
func (p *person) die(w *world, d *dice) {
	p.death = store.Missing
	odds := -4.5 + 0.55*(p.age-60)/10 + 0.35*p.frailty + 0.15*p.smoking
	for _, l := range lethal {
		if p.has(l.disease) {
			odds += l.odds
		}
	}
	if p.female {
		odds -= 0.25
	}
	if !d.chance(1 / (1 + math.Exp(-odds))) {
		return
	}
	p.death = d.between(p.enrolled+1, w.cutOff)
	for i, onset := range p.onset {
		if onset != store.Missing && onset > p.death {
			p.onset[i] = store.Missing
			p.chronic--
		}
	}
}

// cause is the concept of a death's cause: the worst disease there is.
func (p *person) cause() int32 {
	for _, l := range lethal {
		if p.has(l.disease) {
			return l.cause
		}
	}
	return 0
}
