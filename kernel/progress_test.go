package kernel

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// shownBy plays what a cell published as a front end does: the texts that stand in
// its output at the end, and the most bars that were seen at once.
func shownBy(t *testing.T, published []received) (left []string, bars int) {
	t.Helper()
	type shown struct{ id, text string }
	var output []shown
	for _, m := range published {
		var content struct {
			Text      string
			Data      map[string]string
			Transient struct {
				ID string `json:"display_id"`
			}
		}
		if err := json.Unmarshal([]byte(m.content), &content); err != nil {
			t.Fatal(err)
		}
		switch m.kind {
		case "stream":
			output = append(output, shown{"", content.Text})
		case "display_data", "execute_result":
			output = append(output, shown{content.Transient.ID, content.Data["text/plain"]})
		case "update_display_data":
			for i := range output {
				if output[i].id == content.Transient.ID {
					output[i].text = content.Data["text/plain"]
				}
			}
		case "clear_output":
			output = nil
		}
		now := 0
		for _, o := range output {
			if strings.Contains(o.text, "█") || strings.Contains(o.text, "░") {
				now++
			}
		}
		bars = max(bars, now)
	}
	for _, o := range output {
		left = append(left, o.text)
	}
	return left, bars
}

func TestProgress(t *testing.T) {
	tests := []struct {
		name, code string
		left       string // joined by |
		bars       int
	}{
		{"short work", "work 5 20ms\nresult a", "a", 0},
		{"long work", "work 100 15ms\nresult a", "a", 1},
		{"long work behind output", "stdout a\nwork 100 15ms\nresult b", "a\n||b", 1},
		{"two long works", "stdout a\nwork 100 15ms\nwork 100 15ms\nstdout b", "a\n||b\n", 1},
		{"two long works alone", "work 100 15ms\nwork 100 15ms\nresult b", "b", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k, _ := start(t, scripted{}, nil)
			c := connect(t, k)
			id := c.execute(test.code)
			left, bars := shownBy(t, c.untilIdle(id))
			if strings.Join(left, "|") != test.left || bars != test.bars {
				t.Errorf("left %q and showed %d bars at once", left, bars)
			}
			c.reply()
		})
	}
}

// An interrupted cell leaves no bar, and moves it no more than five times a second.
func TestProgressOfAnInterruptedCell(t *testing.T) {
	k, _ := start(t, scripted{}, nil)
	c := connect(t, k)
	id := c.execute("work 100000 1ms")
	var published []received
	for len(published) < 4 {
		m := c.published()
		if m.kind == "status" || m.kind == "execute_input" {
			continue
		}
		if published = append(published, m); len(published) == 1 {
			time.AfterFunc(time.Second, k.interruptCell)
		}
		if !strings.Contains(m.content, `work \u0026 more`) && m.kind != "clear_output" && m.kind != "error" {
			t.Errorf("got %s", m.content)
		}
	}
	for {
		m := c.published()
		if m.parent == id && strings.Contains(m.content, `"idle"`) {
			break
		}
		published = append(published, m)
	}
	if n := len(published); n > 10 {
		t.Errorf("%d messages in a second", n)
	}
	if last := published[len(published)-1]; last.kind != "error" || published[len(published)-2].kind != "clear_output" {
		t.Errorf("ends with %s", last.kind)
	}
	c.reply()
}
